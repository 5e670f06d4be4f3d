"""Sets are all or nothing: what was made of one that could not be completed is disowned, and soon expires."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

from snapplan.applier.answers import outcomes
from snapplan.ids import KEY_NAME, format_instant
from snapplan.models.request import ChangeRequest
from snapplan.planner.sets import BROKEN_PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from snapplan.drivers.base import Driver
    from snapplan.models.request import Outcome
    from snapplan.models.snapshot import Mark, Snapshot

BROKEN_SET_KEPT = timedelta(hours=24)
_LONGEST_KEY = 63
_DIGEST_LENGTH = 12


def broken_key(name: str) -> str:
    """Return the manual key of the snapshots of a broken set: ``broken-set.NAME``, shortened to a digest if need be."""
    key = f"{BROKEN_PREFIX}{name}"
    if len(key) <= _LONGEST_KEY and KEY_NAME.match(key):
        return key
    return f"{BROKEN_PREFIX}{hashlib.sha256(name.encode()).hexdigest()[:_DIGEST_LENGTH]}"


def disowned(mark: Mark, now: datetime) -> Mark:
    """Return the mark of a snapshot whose set is broken: it satisfies no slot, no minimum counts it, it expires soon."""
    return mark._replace(
        profile=None,
        period=None,
        slot=None,
        key=broken_key(mark.set or ""),
        minimum=0,
        expires_at=now + BROKEN_SET_KEPT,
    )


def disown(driver: Driver, snapshots: Sequence[Snapshot], now: datetime) -> list[Outcome]:
    """Change the marks of ``snapshots`` on the backend; one outcome for each, in order. Driver errors are outcomes."""
    requests = [
        ChangeRequest(snapshot, disowned(snapshot.mark, now)) for snapshot in snapshots if snapshot.mark is not None
    ]
    return list(outcomes(lambda: driver.change(requests), len(requests)))


def reason(name: str, failed: str, outcome: Outcome, now: datetime) -> str:
    """Return what is said of a snapshot that was made for a set that another member broke."""
    text = f"its set {name!r} is not whole, because {failed} failed"
    if outcome.error is not None:
        return f"{text}; it stays as it is, as it could not be marked so: {outcome.error}"
    return f"{text}; it is kept until {format_instant(now + BROKEN_SET_KEPT)} and counts for nothing"
