"""What a person asks for on the command line. An order is part of the plan; the planner derives the actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.models.target import Quiesce, RestoreMode, Scope

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from snapplan.models.snapshot import Pin


class Capture(NamedTuple):
    """How a manual snapshot of a whole system is taken; the fields are those of a period."""

    immutable: bool = False
    private: bool = False
    type: str = "full"
    partial_tags: tuple[str, ...] = ()
    quiesce_tags: tuple[str, ...] = ()

    @property
    def asked(self) -> tuple[str, ...]:
        """The fields that are not as they are by default."""
        return tuple(name for name in self._fields if getattr(self, name) != getattr(Capture(), name))


class SnapshotOrder(NamedTuple):
    """Take one manual snapshot of each target under ``key``; ``expires`` is a duration, an instant or ``None`` (never).

    ``targets`` are globs over target addresses. Several targets are one set.
    """

    targets: tuple[str, ...]
    key: str
    expires: timedelta | datetime | None
    description: str = ""
    quiesce: Quiesce = Quiesce.NEVER
    capture: Capture = Capture()


class RestoreOrder(NamedTuple):
    """Restore ``target`` from ``snapshot`` (a name, or ``latest``; ``before`` is an instant in UTC).

    ``power_off``, ``power_on`` and ``preserve_macs`` are as in ``snapplan.models.request.RestoreRequest``.
    """

    key: str
    target: str
    snapshot: str = "latest"
    before: datetime | None = None
    via: Scope | None = None
    mode: RestoreMode = RestoreMode.CLONE
    as_name: str = ""
    power_off: bool = False
    power_on: bool = False
    preserve_macs: bool = False


class PinOrder(NamedTuple):
    """Pin a snapshot (an address), or take its pin away (``pin`` is ``None``)."""

    snapshot: str
    pin: Pin | None


class LockOrder(NamedTuple):
    """Lock a snapshot (an address) on its platform until it expires, or begin to take the lock away (``lock`` is false)."""

    snapshot: str
    lock: bool


class AdoptOrder(NamedTuple):
    """Make a foreign snapshot (an address) ours, as a manual one that expires at ``expires`` (UTC; ``None``: never).

    A duration counts from the moment of adoption. With ``profile`` it is the profile of that name on the platform of
    ``backend`` that becomes ours.
    """

    snapshot: str
    expires: timedelta | datetime | None
    backend: str = ""
    profile: str = ""


class Orders(NamedTuple):
    """All orders of one command."""

    snapshots: tuple[SnapshotOrder, ...] = ()
    restores: tuple[RestoreOrder, ...] = ()
    pins: tuple[PinOrder, ...] = ()
    locks: tuple[LockOrder, ...] = ()
    adoptions: tuple[AdoptOrder, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.snapshots or self.restores or self.pins or self.locks or self.adoptions)


class Focus(NamedTuple):
    """What a plan is limited to: globs over target addresses and over backend names."""

    targets: tuple[str, ...] = ("*",)
    backends: tuple[str, ...] = ("*",)
