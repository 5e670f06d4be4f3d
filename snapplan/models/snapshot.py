"""Snapshots as a backend lists them, and the mark that makes one ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from snapplan.models.target import Scope


class Pin(NamedTuple):
    """A user's "do not expire". ``until`` is an instant in UTC; ``None`` has no end."""

    owner: str
    reason: str
    until: datetime | None = None


class Mark(NamedTuple):
    """What stands beside a snapshot on the backend and makes it ours; enough to rebuild a lost catalog.

    Either ``profile``, ``period`` and ``slot`` are set (a scheduled snapshot) or ``key`` is (a manual one). ``expires_at``
    is exact (UTC); ``None`` is for ever. ``minimum`` is ``min_snapshots`` as it was when the snapshot was taken. ``set``
    names the snapshots that belong together.
    """

    project: str
    target_id: str
    run: str
    taken_at: datetime
    expires_at: datetime | None
    profile: str | None = None
    period: str | None = None
    slot: datetime | None = None
    key: str | None = None
    minimum: int = 0
    pin: Pin | None = None
    set: str | None = None

    @property
    def identity(self) -> tuple[object, ...]:
        """What makes two marks the same snapshot: project and target with profile, period and slot, or with the key."""
        return (self.project, self.target_id, self.profile, self.period, self.slot, self.key)


class Snapshot(NamedTuple):
    """One snapshot as its backend lists it.

    ``native_id`` is the backend's own id, unique within the backend and never reused for another snapshot as far as the
    driver can tell. ``taken_at`` is the backend's instant of capture (UTC); ``completed_at`` is ``None`` while it is not
    complete. ``mark`` is ``None`` where nothing on the backend says that it is a snapplan project's. ``quiesced`` and
    ``consistent`` are ``None`` where the backend cannot tell. ``locked_until`` is the end of a platform's lock.
    ``in_use`` says in a few words what needs it (a clone, a hold, a replication), or is empty. ``contains`` are the
    ``scope/name`` pairs that can be restored out of it besides the target itself, as globs where the backend tells only
    when it is asked for one.
    """

    backend: str
    native_id: str
    name: str
    scope: Scope
    target_id: str
    target_name: str
    taken_at: datetime
    completed_at: datetime | None
    mark: Mark | None = None
    quiesced: bool | None = None
    consistent: bool | None = None
    managed: bool = False
    locked_until: datetime | None = None
    in_use: str = ""
    size: int | None = None
    contains: tuple[str, ...] = ()

    @property
    def target_address(self) -> str:
        """``dc1/vm/web-01``, under the target's name when the snapshot was taken."""
        name = f"/{self.target_name}" if self.target_name else ""
        return f"{self.backend}/{self.scope}{name}"

    @property
    def address(self) -> str:
        """``dc1/vm/web-01@gold.daily.20261122T0200Z``."""
        return f"{self.target_address}@{self.name}"
