"""Safety snapshots: taken before a restore in place, and kept while it is neither completed nor undone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snapplan.planner.context import Context

SAFETY_RETENTION = timedelta(days=7)
SAFETY_PREFIX = "pre-restore."
"""The manual key of a safety snapshot begins so; the key of the restore follows."""


def open_sources(context: Context) -> frozenset[str]:
    """Return the native ids that restores which were begun, and are neither completed nor undone, need."""
    needed: set[str] = set()
    for state in context.backends.values():
        open_keys = tuple(f"{SAFETY_PREFIX}{restore.key}" for restore in state.restores if not restore.done)
        if open_keys:
            needed |= {s.native_id for s in state.snapshots if s.mark and (s.mark.key or "").startswith(open_keys)}
    return frozenset(needed)
