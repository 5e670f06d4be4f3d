"""The snapshot of ours that somebody names by its address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from snapplan.models.snapshot import Snapshot
    from snapplan.planner.context import Context


def owned_at(context: Context, address: str) -> Snapshot | Diagnostic:
    """Return the snapshot of this project at ``address``, or what is wrong with it."""
    found = [s for state in context.backends.values() for s in state.snapshots if s.address == address]
    if not found:
        hint = "snapplan list snapshots shows what there is"
        return Diagnostic("SP430", Severity.ERROR, f"there is no snapshot {address}", hint=hint)
    mark = found[0].mark
    if mark is None or mark.project != context.policy.config.project:
        return Diagnostic(
            "SP431",
            Severity.ERROR,
            f"{address} is foreign: this project did not take it",
            detail="snapplan never changes foreign snapshots, and never expires them either.",
        )
    return found[0]
