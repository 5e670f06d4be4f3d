"""The plan: the difference between policy and world, as data.

``Plan.document()`` is the JSON document of format ``snapplan.plan/1.1``; every renderer works from that document alone.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any

from snapplan.diagnostics import Diagnostic, Location
from snapplan.ids import format_instant
from snapplan.models.durations import format_duration

if TYPE_CHECKING:
    from snapplan.models.request import AssignRequest, ProfileRequest
    from snapplan.models.world import Triple

FORMAT = "snapplan.plan/1.1"
INTERNAL = frozenset({"request", "triple", "settled"})


class Verb(StrEnum):
    """What an action does."""

    PROFILE = "profile"
    ASSIGN = "assign"
    SNAPSHOT = "snapshot"
    CHANGE = "change"
    EXPIRE = "expire"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an action is planned. ``code`` is a stable word, ``where`` the ``file:line:column`` of the rule."""

    code: str
    text: str
    where: str | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """One step of a plan.

    ``target`` and ``snapshot`` are addresses; ``after`` are the numbers of the actions that must have succeeded.
    ``change`` says for profile, assign and change what becomes of what: ``{"expires_at": [before, after]}``.
    ``precondition`` is what must still hold when it is carried out. ``foreseen`` is false for an expiry (or a shortening)
    that the recorded expirations did not announce. ``blocked_by`` are the codes of the guards that stop it. ``request``
    is what the applier hands to the driver or the catalog; it is not part of the document.
    """

    number: int
    verb: Verb
    backend: str | None = None
    target: str | None = None
    snapshot: str | None = None
    profile: str | None = None
    period: str | None = None
    slot: datetime | None = None
    expires_at: datetime | None = None
    reversible: bool = True
    after: tuple[int, ...] = ()
    change: dict[str, Any] = field(default_factory=dict)
    precondition: dict[str, Any] = field(default_factory=dict)
    foreseen: bool = True
    blocked_by: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    request: Any = None


@dataclass(frozen=True, slots=True)
class Missed:
    """A slot that no snapshot was taken for and none will be. ``triple`` is for the catalog, not for the document."""

    target: str
    profile: str
    period: str
    slot: datetime
    triple: Triple | None = None


@dataclass(frozen=True, slots=True)
class Impact:
    """How the restore points of a target move: instants before and after, ``None`` where there is none."""

    target: str
    newest: tuple[datetime | None, datetime | None]
    oldest: tuple[datetime | None, datetime | None]
    count: tuple[int, int]


@dataclass(frozen=True, slots=True)
class NextDue:
    """The next slot of any target, as ``plan`` prints it."""

    at: datetime
    target: str
    profile: str
    period: str


@dataclass(frozen=True, slots=True)
class GuardResult:
    """A guard and its arithmetic. ``state``: ok, blocked or allowed; ``backend`` is ``None`` for one about all."""

    code: str
    name: str
    backend: str | None
    state: str
    text: str
    value: dict[str, Any] = field(default_factory=dict)
    limit: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drifted:
    """Something that changed outside snapplan."""

    kind: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Pending:
    """A restore that a run began which died. ``run`` is that run's id, ``started_at`` when it was begun.

    ``exchanged`` says how much of the target is replaced: nothing, some or all (``None``: the backend cannot tell).
    ``effect`` is what an apply of this plan does: undo, record, settle; or complete, which needs somebody's approval.
    """

    backend: str
    key: str
    run: str
    target: str
    started_at: datetime
    exchanged: str | None
    effect: str


@dataclass(frozen=True, slots=True)
class RequestCount:
    """Requests to a backend whose platform limits them.

    ``read`` is how many it took to read it, ``apply`` about how many an apply makes, which reads it again, ``spent`` how
    many were made in the last hour, this reading included, and ``limit`` how many an hour may have.
    """

    read: int
    apply: int
    spent: int
    limit: int


@dataclass(frozen=True, slots=True)
class BackendSummary:
    """What was read of a backend. ``error`` is set where it was left out; ``identity`` is its own permanent id, if any.

    ``hint`` says what to do about the error, ``exit_code`` what it ends a command with (0: it was read).

    ``requests`` is ``None`` where nothing limits them.
    """

    name: str
    targets: int
    snapshots: int
    error: str | None = None
    identity: str = ""
    requests: RequestCount | None = None
    hint: str = ""
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """How many actions of each verb, and how many owned snapshots are kept."""

    profile: int = 0
    assign: int = 0
    snapshot: int = 0
    change: int = 0
    expire: int = 0
    restore: int = 0
    keep: int = 0
    foreign: int = 0
    pinned: int = 0
    orphan: int = 0


@dataclass(frozen=True, slots=True)
class PolicyRevision:
    """The policy files' git commit, whether they differ from it, the digest of what they resolve to, and the project."""

    commit: str | None = None
    dirty: bool | None = None
    digest: str = ""
    project: str = ""


@dataclass(frozen=True, slots=True)
class CatalogRevision:
    """The catalog's revision of decisions. ``id`` is made with the catalog; a rebuilt one has another."""

    revision: int = 0
    id: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The difference as data.

    ``exact_until``: until then planning again gives the same digest. ``refreshed`` is false where the backends were not
    asked. ``id`` names this making of the plan, ``digest`` its meaning; ``checksum`` is over the whole document.
    ``pending`` are the restores that runs which died left begun.
    ``existing`` are the snapshots that an order asks for and that were taken before under its key: it is carried out.
    ``target_globs`` and ``backend_globs`` are what the plan is limited to. ``settled`` is what a platform's own schedule
    shows to be as the policy wants it: an apply records it, there is nothing to do, and it is not part of the document.
    """

    as_of: datetime
    exact_until: datetime | None
    summary: Summary
    actions: tuple[Action, ...]
    policy: PolicyRevision = PolicyRevision()
    catalog: CatalogRevision = CatalogRevision()
    guards: tuple[GuardResult, ...] = ()
    missed: tuple[Missed, ...] = ()
    impact: tuple[Impact, ...] = ()
    drift: tuple[Drifted, ...] = ()
    backends: tuple[BackendSummary, ...] = ()
    next_due: NextDue | None = None
    existing: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    pending: tuple[Pending, ...] = ()
    target_globs: tuple[str, ...] = ("*",)
    backend_globs: tuple[str, ...] = ("*",)
    refreshed: bool = True
    settled: tuple[ProfileRequest | AssignRequest, ...] = ()
    id: str = ""
    digest: str = ""
    checksum: str = ""
    format: str = FORMAT

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.actions

    def document(self) -> dict[str, Any]:
        """Return the plan as JSON data: instants as ``2026-11-22T02:00:00Z``, durations as ``14d``."""
        document: dict[str, Any] = plain(self)
        return document


def plain(value: Any) -> Any:
    """Return ``value`` as JSON data; what is only for the applier (``request``, ``triple``) is left out."""
    if value is None or isinstance(value, (str, int, float)):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, datetime):
        return format_instant(value)
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, (Diagnostic, Location)):
        return {name: plain(item) for name, item in value._asdict().items()}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, frozenset)):
        return [plain(item) for item in (sorted(value) if isinstance(value, frozenset) else value)]
    if dataclasses.is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value) if f.name not in INTERNAL}
    raise TypeError(f"{type(value).__name__} has no JSON form")
