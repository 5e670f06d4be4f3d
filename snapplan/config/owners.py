"""Whose files are trusted: the running user's, root's, and under ``sudo`` those of who called it; as git does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def trusted_owners() -> frozenset[int]:
    """Return the ids of the users whose files are taken for our own."""
    user = os.geteuid()
    caller = os.environ.get("SUDO_UID", "") if user == 0 else ""
    also = {int(caller)} if caller.isascii() and caller.isdigit() and len(caller) < 11 else set()
    return frozenset({user, 0, *also})


def owner_of(path: Path) -> int | None:
    """Return who owns ``path`` itself, a link not followed; ``None`` where there is nothing."""
    try:
        return path.lstat().st_uid
    except (OSError, ValueError):
        return None
