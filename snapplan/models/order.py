"""What a person asks for on the command line. An order is part of the plan; the planner derives the actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.models.target import Quiesce, RestoreMode, Scope

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from snapplan.models.snapshot import Pin


class SnapshotOrder(NamedTuple):
    """Take one manual snapshot of each target under ``key``; ``expires`` is a duration, an instant or ``None`` (never).

    ``targets`` are globs over target addresses. Several targets are one set.
    """

    targets: tuple[str, ...]
    key: str
    expires: timedelta | datetime | None
    description: str = ""
    quiesce: Quiesce = Quiesce.NEVER


class RestoreOrder(NamedTuple):
    """Restore ``target`` from ``snapshot`` (a name, or ``latest``; ``before`` is an instant in UTC)."""

    key: str
    target: str
    snapshot: str = "latest"
    before: datetime | None = None
    via: Scope | None = None
    mode: RestoreMode = RestoreMode.CLONE
    as_name: str = ""


class PinOrder(NamedTuple):
    """Pin a snapshot (an address), or take its pin away (``pin`` is ``None``)."""

    snapshot: str
    pin: Pin | None


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
    adoptions: tuple[AdoptOrder, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.snapshots or self.restores or self.pins or self.adoptions)


class Focus(NamedTuple):
    """What a plan is limited to: globs over target addresses and over backend names."""

    targets: tuple[str, ...] = ("*",)
    backends: tuple[str, ...] = ("*",)
