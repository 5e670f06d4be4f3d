"""What the planner knows of the world: what the catalog recorded and what the backends hold, reconciled."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from snapplan.models.platform import PlatformSchedule
    from snapplan.models.request import Attention, StartedRestore
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.target import Capabilities, Target


class Triple(NamedTuple):
    """A period of a profile that applies to a target: what slots are counted for."""

    backend: str
    target_id: str
    profile: str
    period: str


class Tracked(NamedTuple):
    """How far the slots of a triple are.

    ``since`` is the instant of the first apply that resolved the triple; ``last_slot`` the newest slot that was satisfied
    or recorded as missed (``None``: none yet, so with ``initial: immediate`` the slot ``since`` is wanted).
    """

    since: datetime
    last_slot: datetime | None = None


class ManualRecord(NamedTuple):
    """A manual snapshot that was taken once; it is never taken again."""

    taken_at: datetime


class RestoreRecord(NamedTuple):
    """A restore whose key was begun. ``content`` is the digest of its declaration.

    ``state`` is started, done, undone or refused. Of one that was ``refused`` (nothing was begun) or ``undone`` (by the
    driver, after its run died) nothing is left, so that it may be begun again; the others are never begun again.
    """

    content: str
    state: str
    run: str


class ManualKey(NamedTuple):
    """The identity of a manual snapshot."""

    backend: str
    target_id: str
    key: str


class Spent(NamedTuple):
    """Unforeseen expiries (and shortenings) of one backend that an apply carried out, or had begun, at ``at`` (UTC)."""

    backend: str
    at: datetime
    expiries: int


class Accepted(NamedTuple):
    """What a person said is right about a target or a backend, and what it was then (``value``)."""

    value: str
    at: datetime


class CatalogState(NamedTuple):
    """What was decided and done, as the catalog recorded it.

    ``id`` is random, made with the catalog and anew by a rebuild; ``rebuilt_at`` is when that was. ``assigned`` says which
    assignment made each (backend, target id, profile). ``guards`` are the guard values of the last confirmed apply, as
    ``Guards.model_dump(mode="json")``. ``spent`` are the unforeseen expiries of the last 30 days. ``commit`` is the policy
    commit of the last confirmed apply. ``boot_id`` and ``boot_seconds`` say how long the machine had been running at
    ``high_water``, as ``snapplan.clock.boot`` does. ``identities`` are the permanent ids of the backends as the last
    confirmed apply found them, by name. ``accepted`` is by (address of a target or backend, kind): content, path, name,
    store. ``blocked`` says since when a guard has stopped an action, by (code, subject), as the last apply recorded it.
    ``named`` is what a target was called when an assignment selected it, by (backend, target id, assignment): a rename by
    somebody else does not end its protection. ``successions`` are the new ids of targets that a restore gave one, by
    (backend, old id).
    ``profiles`` are the applied profiles as ``Profile.model_dump(mode="json")``. ``orphaned`` says since when a triple
    has been without an assignment. ``high_water`` is the latest confirmed time of an apply. ``rebuilt`` says that the
    catalog was rebuilt from the marks and no apply has confirmed it yet: declared manual snapshots and restores without
    evidence are then unknown rather than absent.
    """

    revision: int = 0
    high_water: datetime | None = None
    profiles: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    tracked: Mapping[Triple, Tracked] = MappingProxyType({})
    orphaned: Mapping[Triple, datetime] = MappingProxyType({})
    manual: Mapping[ManualKey, ManualRecord] = MappingProxyType({})
    restores: Mapping[str, RestoreRecord] = MappingProxyType({})
    rebuilt: bool = False
    id: str = ""
    rebuilt_at: datetime | None = None
    assigned: Mapping[tuple[str, str, str], str] = MappingProxyType({})
    guards: Mapping[str, Any] = MappingProxyType({})
    spent: tuple[Spent, ...] = ()
    commit: str | None = None
    boot_id: str = ""
    boot_seconds: float | None = None
    identities: Mapping[str, str] = MappingProxyType({})
    accepted: Mapping[tuple[str, str], Accepted] = MappingProxyType({})
    blocked: Mapping[tuple[str, str], datetime] = MappingProxyType({})
    named: Mapping[tuple[str, str, str], str] = MappingProxyType({})
    successions: Mapping[tuple[str, str], str] = MappingProxyType({})

    def successors(self, backend: str) -> dict[str, str]:
        """Return the new ids of the targets of a backend that a restore gave one, by their old ids."""
        return {old: new for (of, old), new in self.successions.items() if of == backend}


class Drift(NamedTuple):
    """Something that changed outside snapplan.

    ``kind``: vanished, unmarked, expiration, renamed, target_vanished, appeared, moved.
    """

    kind: str
    subject: str
    text: str
    seen_at: datetime | None = None


class Vanished(NamedTuple):
    """How many targets and owned, unexpired snapshots of a backend are gone since the last apply that accepted it.

    ``known_targets`` and ``known_snapshots`` are how many there were then, the vanished ones included.
    """

    targets: int = 0
    snapshots: int = 0
    known_targets: int = 0
    known_snapshots: int = 0


class Failure(NamedTuple):
    """Why a backend is left out: a sentence without its name, what to do, the error's exit code, the finding's code."""

    text: str
    hint: str = ""
    exit_code: int = 1
    code: str = "SP440"

    def __str__(self) -> str:
        return self.text


class BackendState(NamedTuple):
    """One backend, read and reconciled with the catalog.

    In ``snapshots`` the later of the catalog's and the backend's expiration stands in ``mark.expires_at``. ``error`` is
    set where the backend could not be read: then nothing is planned for it. ``live_runs`` are the runs that are still
    going on; an incomplete snapshot of one of them is left alone. ``identity`` is the backend's own permanent id and
    ``clock`` its own time, where it has them. ``vanished`` is what is gone that no apply accepted yet. ``platform``,
    ``deletes_at``, ``notices`` and ``attention`` are the inventory's; ``requests`` is how many requests reading it took and
    ``requests_spent`` how many were made in the last hour, these included. ``moved`` are the targets that lie elsewhere
    than the catalog knows: the place it knows, by target id.
    """

    name: str
    capabilities: Capabilities
    targets: Sequence[Target] = ()
    snapshots: Sequence[Snapshot] = ()
    restores: Sequence[StartedRestore] = ()
    live_runs: frozenset[str] = frozenset()
    drift: Sequence[Drift] = ()
    error: Failure | None = None
    identity: str = ""
    clock: datetime | None = None
    vanished: Vanished = Vanished()
    platform: PlatformSchedule | None = None
    deletes_at: Mapping[str, datetime | None] = MappingProxyType({})
    notices: tuple[str, ...] = ()
    attention: tuple[Attention, ...] = ()
    requests: int = 0
    requests_spent: int = 0
    moved: Mapping[str, str] = MappingProxyType({})


class World(NamedTuple):
    """Everything the planner looks at besides the policy and the instant.

    ``second_clock`` is what a clock of this machine that cannot be set says it is (``None``: there is no such evidence).
    ``refreshed`` is false where the backends were not asked and the catalog's record stands for them.
    """

    catalog: CatalogState
    backends: Mapping[str, BackendState]
    second_clock: datetime | None = None
    refreshed: bool = True
