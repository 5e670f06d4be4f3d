"""The expiration that is written on the platform: later than the mark's, so that it deletes only what we did not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from snapplan.models.target import PLATFORM_MARGIN, Scope

if TYPE_CHECKING:
    from datetime import datetime

    from snapplan.models.snapshot import Mark, Pin

NEVER = 0
WITH_A_TYPE = frozenset({Scope.CLOUD, Scope.VM, Scope.VOLUME})
"""Scopes whose tables take ``expires_type`` with an expiration (API reference, matrix of expirations)."""


def pinned(pin: Pin | None, now: datetime) -> bool:
    """Whether a pin holds at ``now``."""
    return pin is not None and (pin.until is None or pin.until > now)


def first_expiration(mark: Mark, now: datetime, system_now: datetime, *, locked: bool = False) -> int:
    """Return what to write as ``expires`` of a new snapshot, in seconds since 1970; 0 is never.

    ``system_now`` is the system's own time, by which it deletes: a clock that is far ahead must not delete at once what
    was taken now. Of one that is ``locked`` the lock ends with that date, so it gets no margin: nobody can delete it
    before, and it must not stay locked for longer than it was meant to.
    """
    if mark.expires_at is None or pinned(mark.pin, now):
        return NEVER
    at = mark.expires_at + (timedelta(0) if locked else PLATFORM_MARGIN)
    return int((at if at > system_now else system_now + PLATFORM_MARGIN).timestamp())


def later_expiration(mark: Mark, now: datetime, system_now: datetime, *, locked: bool = False) -> int:
    """Return what to write as ``expires`` with another mark: what is over and stays is pushed out.

    What is ``locked``, or becomes so, gets no margin unless it is over.
    """
    if mark.expires_at is None or pinned(mark.pin, now):
        return NEVER
    if locked and mark.expires_at > system_now:
        return int(mark.expires_at.timestamp())
    return int((max(mark.expires_at, system_now) + PLATFORM_MARGIN).timestamp())


def expiring(scope: Scope, expires: int) -> dict[str, Any]:
    """Return the members of a body that set an expiration."""
    kind = {"expires_type": "date" if expires else "never"} if scope in WITH_A_TYPE else {}
    return {"expires": expires, **kind}


def is_earlier(wanted: int, standing: int) -> bool:
    """Whether ``wanted`` would delete before ``standing`` does."""
    return wanted != NEVER and (standing == NEVER or wanted < standing)
