"""What can be snapshotted: scopes, targets and what a driver can do with them."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from snapplan.models.homonyms import own_name

if TYPE_CHECKING:
    from collections.abc import Mapping

PLATFORM_MARGIN = timedelta(days=7)
"""How much later than its mark says a snapshot is left to a platform that deletes by itself; until then we delete it."""
POWERED_ON = "it is powered on"
"""The ``in_place_blocker`` that a restore with ``power_off`` removes by itself."""


class Scope(StrEnum):
    """The level of a target, from the whole system down to one volume."""

    CLOUD = "cloud"
    TENANT = "tenant"
    VM = "vm"
    VOLUME = "volume"


class Quiesce(StrEnum):
    """Whether I/O is frozen during the capture."""

    REQUIRE = "require"
    PREFER = "prefer"
    NEVER = "never"


class RestoreMode(StrEnum):
    """``clone`` makes a new object and overwrites nothing; ``in_place`` replaces the target's content."""

    CLONE = "clone"
    IN_PLACE = "in_place"


class Fingerprint(NamedTuple):
    """What a target was found to be, besides its id: where writing through its name would lead.

    ``path`` is the real path (no symlinks), or the backend's own word for the place. ``kind`` is the file type (``folder``,
    ``subvolume``, ``dataset``, ...), ``inode`` its number where there is one. ``mounted`` says whether it is a mount point,
    ``filesystem`` its type. No device number: those change when a machine starts again.
    """

    path: str
    kind: str = ""
    inode: int | None = None
    mounted: bool = False
    filesystem: str = ""


class Target(NamedTuple):
    """One object that can be snapshotted.

    ``id`` is the backend's permanent id for it, which survives a rename; ``name`` is empty for the cloud scope. Where
    others of its scope have the same, it is ``NAME~ID8`` (``snapplan.models.homonyms``).
    ``in_place_blocker`` says in a sentence why it cannot be restored in place now, or is empty. ``fingerprint`` is ``None``
    where the backend's id says it all. ``inside`` are the ids of other targets that lie inside this one.
    """

    backend: str
    scope: Scope
    name: str
    id: str
    tags: frozenset[str] = frozenset()
    can_quiesce: bool = False
    in_place_blocker: str = ""
    fingerprint: Fingerprint | None = None
    inside: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """``dc1/vm/web-01``, or ``dc1/cloud``."""
        return f"{self.backend}/{self.scope}/{self.name}" if self.name else f"{self.backend}/{self.scope}"

    @property
    def own_name(self) -> str:
        """What its backend calls it, which others may be called too."""
        return own_name(self.name, self.id)

    @property
    def own_address(self) -> str:
        """``dc1/vm/web-01``, also where others have this name."""
        return f"{self.backend}/{self.scope}/{self.own_name}" if self.name else f"{self.backend}/{self.scope}"


class RestorePath(NamedTuple):
    """A restore that a driver can do: a target of ``target`` scope, out of a snapshot of ``source`` scope."""

    source: Scope
    target: Scope
    mode: RestoreMode


class Capabilities(NamedTuple):
    """What a driver can do, as data, so that the planner and ``validate`` can refuse what it cannot.

    ``period_fields`` are the optional period fields it honours (``quiesce``, ``max_tier``, ``immutable``, ``private``,
    ``type``, ...), as ``FIELD`` or ``SCOPE.FIELD``; ``native_period_fields`` those that its platform's scheduler does.
    ``parallel`` is how many calls the applier may have under way at once. ``batch`` says that one ``create`` or
    ``expire`` call with many requests is cheaper than many calls. ``atomic_sets`` says that the requests of one ``create``
    call that share ``mark.set`` are captured at one instant or not at all. ``max_name_length`` is in UTF-8 bytes.
    ``reserved_in_names`` are characters that a snapshot name must not hold. ``clone_blocker`` says in a sentence why this
    backend, as it is configured, can make no clones although ``restores`` has them, or is empty. ``adopts_projects`` and
    ``adopts_unmarked`` say whether it can give our mark to another project's snapshots, and to those without any mark.

    ``native_schedule`` are the scopes that a scheduler of the platform takes by itself; such a driver is a
    ``ScheduleDriver``. With ``expires_itself`` the platform deletes what is past the expiration written on it; the driver
    writes ``PLATFORM_MARGIN`` more than the mark says, and "never" while a pin holds. ``own_clock`` says that the inventory
    tells the platform's time.

    ``locks`` are the scopes whose snapshots the platform can lock against everybody until they expire. ``restore_options``
    are those of power_off, power_on and preserve_macs that it honours. ``unavailable`` says of restores
    that this system cannot do where a person can do them. ``requests_per_hour`` is the budget of requests that its
    platform sets (0: none); ``request_costs`` is about how many requests an action takes, by ``VERB.SCOPE`` or ``VERB``.

    ``keeps_replaced`` says that a restore in place sets the old content aside and keeps it as a safety snapshot, so
    that none has to be taken before it. ``verifies`` says that the driver compares snapshots with what was recorded of
    them (``VerifyDriver``).

    ``identity_is_a_name`` says that ``Inventory.identity`` is a name that people gave the system: another may have the
    same, and it may be changed.
    """

    scopes: frozenset[Scope]
    quiesce: frozenset[Scope] = frozenset()
    restores: frozenset[RestorePath] = frozenset()
    period_fields: frozenset[str] = frozenset()
    native_period_fields: frozenset[str] = frozenset()
    change: bool = True
    atomic_sets: bool = False
    batch: bool = False
    parallel: int = 1
    max_name_length: int = 255
    reserved_in_names: str = "/@"
    native_schedule: frozenset[Scope] = frozenset()
    expires_itself: bool = False
    own_clock: bool = False
    clone_blocker: str = ""
    adopts_projects: bool = False
    adopts_unmarked: bool = False
    locks: frozenset[Scope] = frozenset()
    restore_options: frozenset[str] = frozenset()
    unavailable: Mapping[RestorePath, str] = {}
    requests_per_hour: int = 0
    request_costs: Mapping[str, int] = {}
    keeps_replaced: bool = False
    identity_is_a_name: bool = False
    verifies: bool = False

    def honours(self, field: str, scope: Scope, *, native: bool = False) -> bool:
        """Whether an optional period field has an effect at ``scope``; ``native`` under the platform's own scheduler."""
        fields = self.native_period_fields if native else self.period_fields
        return field in fields or f"{scope}.{field}" in fields
