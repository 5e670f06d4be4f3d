"""What is mounted where, so that nothing is renamed or removed across a mount."""

from __future__ import annotations

import os
import re
from pathlib import Path

_TABLE = Path("/proc/self/mountinfo")
_OCTAL = re.compile(rb"\\([0-7]{3})")


def mount_points() -> frozenset[str]:
    """Return all mount points that this process sees, bind mounts too; empty where the system does not list them."""
    try:
        lines = _TABLE.read_bytes().splitlines()
    except FileNotFoundError:
        return frozenset()
    return frozenset(os.fsdecode(_OCTAL.sub(_character, line.split(b" ")[4])) for line in lines)


def _character(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 8)])


def mounted_at_or_below(path: Path, mounts: frozenset[str]) -> str | None:
    """Return the mount point of ``mounts`` that is ``path`` or lies below it, or ``None``."""
    text = str(path)
    if text in mounts:
        return text
    below = text.rstrip(os.sep) + os.sep
    return next((mount for mount in sorted(mounts) if mount.startswith(below)), None)
