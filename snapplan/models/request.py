"""What the applier asks of a driver, and what a driver answers."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from snapplan.models.platform import PlatformProfile, PlatformSchedule
    from snapplan.models.snapshot import Mark, Snapshot
    from snapplan.models.target import Quiesce, RestoreMode, Scope, Target
    from snapplan.models.world import Tracked, Triple


class SnapshotRequest(NamedTuple):
    """Take one snapshot of ``target`` under ``name``, exclusively, and write ``mark`` with it.

    The planner fills ``mark.taken_at`` with the instant of the plan; the applier sets it anew just before the capture and
    moves ``mark.expires_at`` with it when ``retention`` is set (``None``: ``mark.expires_at`` is absolute or never).
    ``options`` holds the period fields beyond these (``max_tier``, ``immutable``, ...). ``urgent`` says that a restore
    waits for it, which may use the reserve of a budget of requests.
    """

    target: Target
    name: str
    mark: Mark
    quiesce: Quiesce
    retention: timedelta | None = None
    description: str = ""
    options: Mapping[str, object] = {}
    urgent: bool = False


class ChangeRequest(NamedTuple):
    """Replace the mark of ``snapshot`` by ``mark`` (another expiration, pin or set).

    A foreign snapshot, without a mark or with another project's, is refused unless ``adopts`` says that this is meant.
    ``lock`` locks the snapshot on its platform, or begins to take that lock away; ``None`` leaves it as it is.
    """

    snapshot: Snapshot
    mark: Mark
    adopts: bool = False
    lock: bool | None = None

    def loses_pin(self, found: Mark | None) -> bool:
        """Whether this change, decided before somebody pinned the snapshot (or took a pin away), would undo that.

        ``found`` is the mark that stands there now.
        """
        there, planned = (None if mark is None else mark.pin for mark in (found, self.snapshot.mark))
        return there not in (self.mark.pin, planned)


class ExpireRequest(NamedTuple):
    """Delete ``snapshot``. The driver refuses when what it finds under ``native_id`` is not that snapshot.

    One that a platform's schedule took (``snapshot.managed``) is refused unless ``orphan`` says that nothing schedules its
    target by that period any more.
    """

    snapshot: Snapshot
    orphan: bool = False


class RestoreRequest(NamedTuple):
    """Restore ``scope``/``name`` of ``backend`` out of ``source``.

    ``key`` identifies the restore: the driver writes "started KEY" to the backend before the effect and "done KEY" after
    it, and begins no key twice. ``as_name`` is the new object's name (clone only). ``target_id`` is the id that an in-place
    restore carries over. ``content`` is the digest of the declaration, which the catalog keeps under the key. ``power_off``
    allows to switch the target off first (in place), ``power_on`` asks to switch on what was restored, ``preserve_macs`` to
    keep the addresses of its network cards (clone); a driver without these in ``restore_options`` never sees them.

    ``set_aside`` says under which name and mark a driver that ``keeps_replaced`` keeps what the restore replaces; its
    retention begins when that is done. ``None``: nothing is replaced, or a safety snapshot was taken before.
    """

    key: str
    run: str
    backend: str
    scope: Scope
    name: str
    target_id: str
    source: Snapshot
    mode: RestoreMode
    as_name: str = ""
    content: str = ""
    power_off: bool = False
    power_on: bool = False
    preserve_macs: bool = False
    set_aside: SnapshotRequest | None = None

    @property
    def target_address(self) -> str:
        """``dc1/vm/web-01``: what is restored, not the clone."""
        return f"{self.backend}/{self.scope}/{self.name}" if self.name else f"{self.backend}/{self.scope}"


class PlatformProfileRequest(NamedTuple):
    """Make, change or delete a profile on a platform with its own scheduler.

    ``before`` is what stands there (``None``: nothing), ``after`` what shall (``None``: nothing). Where something else than
    ``before`` or ``after`` is found, it is refused.
    """

    before: PlatformProfile | None
    after: PlatformProfile | None


class PlatformAssignRequest(NamedTuple):
    """Assign a profile to ``target`` on the platform, or take its profile away.

    ``before`` is the native id of the profile that it has, ``after`` the name of the one that it shall have; empty is none.
    """

    target: Target
    before: str
    after: str


class ProfileRequest(NamedTuple):
    """Record a profile as applied: ``document`` is its JSON form; ``None`` removes it.

    With ``platform`` that is carried out first, on the backend of the action; without ``recorded`` nothing else is done.
    """

    name: str
    document: Mapping[str, object] | None
    platform: PlatformProfileRequest | None = None
    recorded: bool = True


class AssignRequest(NamedTuple):
    """Record triples that begin to apply (with their ``since``) and triples that stop applying.

    With ``platform`` that is carried out first, on the backend of the action. ``named`` is what the target is called now,
    by (backend, target id, profile).
    """

    assignment: str
    added: Mapping[Triple, Tracked]
    ended: tuple[Triple, ...] = ()
    platform: PlatformAssignRequest | None = None
    named: Mapping[tuple[str, str, str], str] = MappingProxyType({})


class Progress(StrEnum):
    """How much of a target was new content already when its restore in place was interrupted."""

    NOTHING = "nothing"
    SOME = "some"
    ALL = "all"


class StartedRestore(NamedTuple):
    """A restore whose key the backend knows. ``done`` is ``False`` while it is neither completed nor undone.

    ``exchanged`` says what its recovery will do: with nothing it is undone, with some it waits for a person, with all it is
    recorded as done. ``None`` where the backend cannot tell. ``new_id`` is as in ``Outcome``, of one that is done.
    """

    key: str
    run: str
    target_id: str
    started_at: datetime
    done: bool
    exchanged: Progress | None = None
    new_id: str = ""


class Attention(NamedTuple):
    """Something on a backend that a person has to look at as long as it is listed: a target that may be frozen, say.

    ``subject`` is an address, ``code`` that of a finding (``snapplan.codes``), ``text`` a sentence, ``hint`` what to do.
    """

    subject: str
    code: str
    text: str
    hint: str = ""


class Inventory(NamedTuple):
    """All that one backend holds.

    ``backend_clock`` is the backend's own time (UTC), where it has a clock that is not this machine's. ``requests`` is how
    many calls to the backend it took. ``identity`` is the backend's own permanent id, so that another one under the same
    address is told from it. ``platform`` is the backend's own schedule, ``None`` where it has none. ``deletes_at`` says
    when the platform itself will delete a snapshot of ours (UTC; ``None``: never), by native id, of a backend that
    ``expires_itself``. ``notices`` are sentences for the operator, ``attention`` what ``status`` shows until it is gone. A
    driver that cannot read everything raises; an inventory is never partial.
    """

    targets: tuple[Target, ...]
    snapshots: list[Snapshot]
    restores: tuple[StartedRestore, ...] = ()
    backend_clock: datetime | None = None
    requests: int = 1
    identity: str = ""
    platform: PlatformSchedule | None = None
    deletes_at: Mapping[str, datetime | None] = MappingProxyType({})
    notices: tuple[str, ...] = ()
    attention: tuple[Attention, ...] = ()


class Outcome(NamedTuple):
    """What became of one request of a batch.

    ``error`` is ``None`` on success. ``native_id`` is that of the snapshot made. ``notices`` are sentences for the
    operator ("3 files changed while they were copied"). ``existed`` says that it was already there with our mark.
    ``attention`` is what the call left for a person to look at, such as a target that may still be frozen: a success with
    it is none for the exit code.
    ``snapshot`` is the snapshot as it now stands (create, change), ``None`` for the others. ``new_id`` is the permanent id
    that a restore in place gave the target, where the platform could not keep the old one: what was decided of the target
    goes on under it, and what still has the old id is a copy that snapplan neither selects nor deletes.
    """

    error: Exception | None = None
    snapshot: Snapshot | None = None
    notices: tuple[str, ...] = ()
    existed: bool = False
    attention: tuple[Attention, ...] = ()
    new_id: str = ""


class Mandate(NamedTuple):
    """What people decided of restores that were interrupted when a part of the target was exchanged, by key.

    Those in ``complete`` are carried on to the end, those in ``undo`` are taken back; all others are left as they are.
    """

    complete: frozenset[str] = frozenset()
    undo: frozenset[str] = frozenset()


class Recovered(NamedTuple):
    """One thing a driver put right after a run that died: ``text`` says what, ``restore_key`` which restore.

    ``pending`` says that it was left as it is, half exchanged: a person has to decide. With ``attention`` it could not be
    put right, and a person has to look at it.
    """

    text: str
    restore_key: str = ""
    completed: bool = False
    pending: bool = False
    attention: Attention | None = None


class Difference(NamedTuple):
    """One way in which a snapshot is not what was recorded of it.

    ``what`` is ``missing``, ``extra``, ``type``, ``size``, ``mtime``, ``mode``, ``owner``, ``target``, ``link``, ``hash``,
    ``unreadable`` or ``record`` (of the record itself); ``path`` is relative to the snapshot's content.
    """

    path: str
    what: str
    expected: str = ""
    found: str = ""

    def __str__(self) -> str:
        values = f": expected {self.expected}, found {self.found}" if self.expected or self.found else ""
        return f"{self.path!r} {self.what}{values}"


class Verification(NamedTuple):
    """What a comparison of a snapshot with its record found: nothing where ``differences`` is empty.

    ``entries`` were compared, and the content of ``hashed`` files read, of the ``hashable`` ones whose hash was recorded.
    """

    differences: tuple[Difference, ...] = ()
    entries: int = 0
    hashed: int = 0
    hashable: int = 0
