"""Snapshots as a backend lists them, and the mark that makes one ours."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
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
    names the snapshots that belong together. ``store`` is the ``Inventory.identity`` of the store that it was made in, so
    that a copy in another store is told from it; ``None`` where there is no such id, or the mark is older than it. The
    driver writes it, with the create and with every change.
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
    store: str | None = None

    @property
    def identity(self) -> tuple[object, ...]:
        """What makes two marks the same snapshot: project and target with profile, period and slot, or with the key."""
        return (self.project, self.target_id, self.profile, self.period, self.slot, self.key)


class Condition(StrEnum):
    """What a snapshot is worth, whoever owns it. The first that holds counts.

    ``incomplete``: it is being made, or a run that died left it. ``damaged``: data, manifest or mark are missing or
    cannot be read. ``set_aside``: what a restore in place replaced. ``suspicious``: the target's content had vanished
    when it was taken. ``gaps``: something was left out although nobody asked for that.
    """

    INCOMPLETE = "incomplete"
    DAMAGED = "damaged"
    SET_ASIDE = "set_aside"
    SUSPICIOUS = "suspicious"
    GAPS = "gaps"
    SOUND = "sound"


class Standing(NamedTuple):
    """What a snapshot of a condition is good for: the one table of it.

    ``holds``: it is one of the newest ``min_snapshots``, and may be the one that lets an older one expire.
    ``satisfies``: its slot is not taken again. ``latest``: a restore of "latest" may take it, and the newest
    ``min_snapshots`` of these are kept as well; ``restores``: one that names it may. ``expires``: it goes by itself when
    its retention is over.
    """

    holds: bool
    satisfies: bool
    latest: bool
    restores: bool
    expires: bool


STANDINGS = {
    Condition.SOUND: Standing(holds=True, satisfies=True, latest=True, restores=True, expires=True),
    Condition.GAPS: Standing(holds=False, satisfies=True, latest=True, restores=True, expires=True),
    Condition.SUSPICIOUS: Standing(holds=False, satisfies=True, latest=False, restores=True, expires=True),
    Condition.SET_ASIDE: Standing(holds=False, satisfies=False, latest=False, restores=True, expires=True),
    Condition.DAMAGED: Standing(holds=False, satisfies=False, latest=False, restores=False, expires=False),
    Condition.INCOMPLETE: Standing(holds=False, satisfies=False, latest=False, restores=False, expires=True),
}


class Snapshot(NamedTuple):
    """One snapshot as its backend lists it.

    ``native_id`` is the backend's own id, unique within the backend and never reused for another snapshot as far as the
    driver can tell. ``taken_at`` is the backend's instant of capture (UTC); ``completed_at`` is ``None`` while it is
    not complete. ``mark`` is ``None`` where nothing on the backend says that it is a snapplan project's. ``quiesced``
    and ``consistent`` are ``None`` where the backend cannot tell. ``locked_until`` is the end of a platform's lock.
    ``in_use`` says in a few words what needs it (a clone, a hold, a replication), or is empty. ``contains`` are the
    ``scope/name`` pairs that can be restored out of it besides the target itself, as globs where the backend tells only
    when it is asked for one; with a ``?`` before it where perhaps it is not there: only a restore that names the snapshot
    may try that.

    ``damage`` says in a sentence what is wrong with its data, manifest or mark; ``suspicion`` why its content may not
    be the target's; ``gaps`` what was left out of it and why. Each is empty where there is none; ``condition`` follows
    from them. ``set_aside`` says that it holds what a restore in place replaced. ``stray`` is the id of another store,
    where the mark says that the snapshot was made there: then it is a copy, has no ``mark`` here, and is foreign until
    it is adopted.
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
    damage: str = ""
    suspicion: str = ""
    gaps: str = ""
    set_aside: bool = False
    stray: str = ""

    @property
    def condition(self) -> Condition:
        """What it is worth."""
        if self.completed_at is None:
            return Condition.INCOMPLETE
        if self.damage:
            return Condition.DAMAGED
        if self.set_aside:
            return Condition.SET_ASIDE
        if self.suspicion:
            return Condition.SUSPICIOUS
        return Condition.GAPS if self.gaps else Condition.SOUND

    @property
    def standing(self) -> Standing:
        """What it is good for."""
        return STANDINGS[self.condition]

    @property
    def flaw(self) -> str:
        """In a few words why it is not as good as others, or nothing."""
        match self.condition:
            case Condition.DAMAGED:
                return f"damaged: {self.damage}"
            case Condition.SET_ASIDE:
                return "what a restore in place replaced"
            case Condition.SUSPICIOUS:
                return f"suspicious: {self.suspicion}"
            case Condition.GAPS:
                return f"gaps: {self.gaps}"
            case Condition.INCOMPLETE:
                return "incomplete"
            case Condition.SOUND:
                return ""

    @property
    def target_address(self) -> str:
        """``dc1/vm/web-01``, under the target's name when the snapshot was taken."""
        name = f"/{self.target_name}" if self.target_name else ""
        return f"{self.backend}/{self.scope}{name}"

    @property
    def address(self) -> str:
        """``dc1/vm/web-01@gold.daily.20261122T0200Z``."""
        return f"{self.target_address}@{self.name}"


def are_flawless(snapshots: Iterable[Snapshot]) -> bool:
    """Whether each of ``snapshots`` that is complete is sound, so that 100,000 of them need not be asked one by one."""
    return not any(one.damage or one.gaps or one.suspicion or one.set_aside for one in snapshots)
