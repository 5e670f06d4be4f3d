"""Platform versions, and which version changed what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Version:
    """A platform version such as 26.1.7, comparable."""

    parts: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read ``26.1.7`` or ``26.0``; raises ValueError for anything else."""
        return cls(tuple(int(part) for part in text.split(".")))

    def __str__(self) -> str:
        return ".".join(map(str, self.parts))


# Release notes 26.1: from 26.1.4 a violated unique constraint answers 409 instead of 422.
CONFLICTS_ARE_409 = Version((26, 1, 4))
# Release notes 26.1: until 26.1.1 a weekly period on "any" day ran daily, and of two periods due together one ran.
PERIODS_RUN_RIGHT = Version((26, 1, 2))
# Release notes 26.1: deletions of profiles and periods write audit rows from 26.1.2.
PROFILE_DELETIONS_AUDITED = Version((26, 1, 2))
# Release notes 26.1: until 26.1.6 a lock put on an existing snapshot got an unlock time one week ahead.
LATE_LOCK_HOLDS = Version((26, 1, 7))
# Release notes 26.1: log entries of expiring system snapshots are hidden from 26.1.7.
EXPIRIES_NOT_LOGGED = Version((26, 1, 7))
