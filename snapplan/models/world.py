"""What the planner knows of the world: what the catalog recorded and what the backends hold, reconciled."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from snapplan.models.request import StartedRestore
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

    ``state`` is started, done, undone or refused. ``refused`` says that nothing was begun, so that it may be tried
    again; the others are never begun again.
    """

    content: str
    state: str
    run: str


class ManualKey(NamedTuple):
    """The identity of a manual snapshot."""

    backend: str
    target_id: str
    key: str


class CatalogState(NamedTuple):
    """What was decided and done, as the catalog recorded it.

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


class Drift(NamedTuple):
    """Something that changed outside snapplan. ``kind``: vanished, expiration, renamed, target_vanished, appeared."""

    kind: str
    subject: str
    text: str
    seen_at: datetime | None = None


class BackendState(NamedTuple):
    """One backend, read and reconciled with the catalog.

    In ``snapshots`` the later of the catalog's and the backend's expiration stands in ``mark.expires_at``. ``error`` is
    set where the backend could not be read: then nothing is planned for it. ``live_runs`` are the runs that are still
    going on; an incomplete snapshot of one of them is left alone.
    """

    name: str
    capabilities: Capabilities
    targets: Sequence[Target] = ()
    snapshots: Sequence[Snapshot] = ()
    restores: Sequence[StartedRestore] = ()
    live_runs: frozenset[str] = frozenset()
    drift: Sequence[Drift] = ()
    error: str | None = None


class World(NamedTuple):
    """Everything the planner looks at besides the policy and the instant."""

    catalog: CatalogState
    backends: Mapping[str, BackendState]
