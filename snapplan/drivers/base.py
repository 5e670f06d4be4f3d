"""The contract between the applier and a driver.

A driver package exports ``DRIVER``, a ``DriverType``, under the entry-point group ``snapplan.drivers``. ``DRIVER.open``
returns a connection to one configured backend. A driver raises the ``BackendError`` family only (``snapplan.errors``)
and the ``FencedError`` of its permit; anything else is a bug. ``snapplan.drivers.conformance`` tests all that is said here.

What a driver owes where it writes. A call can take minutes and be paused for longer than its run's lease; meanwhile
another run may have put right what it had begun, pinned what it deletes, or begun the same anew. So:

- A driver that writes files or other things that two programs can write at once locks them in a way that the holder's
  death ends, and only that: shared for ``create``, alone for ``change``, ``expire``, ``restore`` and ``recover``. It
  waits with ``Permit.wait`` and then raises ``StoreLockedError``, naming the holder. ``inventory`` neither waits nor
  writes.
- Right before each step that cannot be taken back (each exchange of a restore, the deletion of a snapshot, the
  replacement of a mark, the completion of a capture), and after the lock, it asks ``Permit.check`` and looks again:
  that the thing is the one that was meant, that it is not pinned or needed, and that its own record of the call is as
  this call wrote it.
- What should be there and is missing is an error. It is never an empty thing.
- A restore in place of a driver with ``keeps_replaced`` throws nothing away: what it replaced is listed as a snapshot
  that is ``set_aside`` from the first exchange on, in use until it is complete; its retention begins then. What the
  source left out, and other targets inside, stays in the target, or the restore is refused.
- What it reads from where others may write is input, and what it follows belongs to the user who runs it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from snapplan.models.request import Mandate

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from pydantic import BaseModel

    from snapplan.models.policy import QuiesceCommands
    from snapplan.models.request import (
        ChangeRequest,
        ExpireRequest,
        Inventory,
        Outcome,
        PlatformAssignRequest,
        PlatformProfileRequest,
        Recovered,
        RestoreRequest,
        SnapshotRequest,
        Verification,
    )
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.target import Capabilities


NO_MANDATE = Mandate()


class Meter(Protocol):
    """Counts the requests to one backend, over processes and runs."""

    def count(self, requests: int = 1) -> None:
        """Count requests that are made now."""
        ...

    def spent(self) -> int:
        """Return how many were counted in the last 3,600 seconds."""
        ...


class Permit(Protocol):
    """What the applier lends to a driver that writes: whether the run still may, and how long it may wait.

    A call can take minutes, and be paused for longer than the lease of its run. So a driver asks ``check`` right before
    each step that cannot be taken back, not only when it is called.
    """

    @property
    def bearer(self) -> str:
        """Who we are, for somebody who waits for us: the command and its run."""
        ...

    def check(self) -> None:
        """Return if the run still holds its lease. Raises ``FencedError``: nothing more may be written."""
        ...

    def wait(self, seconds: float) -> bool:
        """Wait for a lock that somebody else holds; return true when the patience of the run has come to its end."""
        ...


class NoPermit:
    """The permit of a driver that is used without an applier: it has no lease to lose, and waits for a minute."""

    bearer = "a program without a run"

    def __init__(self, patience: float = 60.0) -> None:
        self._left = patience

    def check(self) -> None:
        """There is no lease."""

    def wait(self, seconds: float) -> bool:
        """Wait, until a minute is used up."""
        if self._left <= 0:
            return True
        time.sleep(min(seconds, self._left))
        self._left -= seconds
        return False


class Settings(NamedTuple):
    """What a driver is opened with.

    ``options`` is the driver's own model, validated, with secrets resolved. ``base`` is the folder that relative paths
    count from (the policy repository). ``read_only`` promises that nothing will be written: the driver must then not
    create or change anything on the backend, not even its store. ``meter`` counts requests where the platform limits them;
    without one a driver counts its own. ``permit`` is asked while it writes; without one nobody else writes.
    ``stores`` are the folders on this machine where the other backends of the configuration keep their snapshots: no part
    of any target.
    ``store_id`` is the id of the store that the catalog knows: another one must not be written to; empty where it knows
    none. A store that is not there is made only where ``may_create_store`` says so: otherwise its disk is not mounted.
    """

    backend: str
    project: str
    options: BaseModel
    base: Path
    quiesce_commands: Mapping[str, QuiesceCommands] = {}
    read_only: bool = False
    meter: Meter | None = None
    permit: Permit | None = None
    stores: Collection[Path] = ()
    store_id: str = ""
    may_create_store: bool = True


class Driver(Protocol):
    """An open connection to one backend. Calls may come from ``capabilities.parallel`` threads at once."""

    capabilities: Capabilities

    def inventory(self) -> Inventory:
        """Return all targets, snapshots (incomplete ones too) and started restores, in as few calls as possible.

        All text in it is valid Unicode, whatever bytes the backend has: what is not could be neither shown nor recorded.

        Raises ``UnreachableError`` or another ``BackendError`` rather than return a part.
        """
        ...

    def create(self, requests: Sequence[SnapshotRequest]) -> Iterator[Outcome]:
        """Take snapshots; yield one outcome per request, in order.

        Exclusive: a name that exists with the same identity in its mark is done (``existed``), with any other mark or
        none it is a ``NameTakenError``. A snapshot is listed as complete only when it is whole and durable. Requests that
        share ``mark.set`` are one instant where ``capabilities.atomic_sets``.

        What a call leaves for a person to look at, such as a target that may still be frozen, is in the outcome's
        ``attention``, beside a success or an error, and in the inventory's until it is gone.
        """
        ...

    def change(self, requests: Sequence[ChangeRequest]) -> Iterator[Outcome]:
        """Replace marks, each atomically; yield one outcome per request, in order.

        Refuses to take away a pin that the request's ``snapshot`` does not have: somebody pinned it since.
        """
        ...

    def expire(self, requests: Sequence[ExpireRequest]) -> Iterator[Outcome]:
        """Delete snapshots; yield one outcome per request, in order. One that is already gone is a success.

        Refuses one that is not what the request says it is, that is locked or in use, or that has no mark or another
        project's.
        """
        ...

    def restore(self, request: RestoreRequest) -> Outcome:
        """Restore one target; durable when it returns. A crash leaves the old content or the new.

        Where several things are exchanged one by one it may leave a part of each, and the listing says so
        (``StartedRestore.exchanged``) until ``recover`` is told what to make of it.

        A key that the backend knows as done is a success with ``existed`` and does nothing.
        """
        ...

    def recover(self, live_runs: Collection[str], mandate: Mandate = NO_MANDATE) -> list[Recovered]:
        """Put right what runs that died left behind, except those in ``live_runs``.

        A restore that had exchanged nothing is undone, and one that had exchanged all is recorded as done. One that had
        exchanged a part is completed or undone only where ``mandate`` names its key: what was written since would be lost
        otherwise. Frozen targets are thawed. Incomplete snapshots are left: they are listed, and the planner removes them.
        Called under the backend's lease before anything else is written.
        """
        ...

    def close(self) -> None:
        """Give up the connection."""
        ...


class ScheduleDriver(Driver, Protocol):
    """A driver whose platform has a scheduler of its own (``capabilities.native_schedule``)."""

    def set_profile(self, request: PlatformProfileRequest) -> Outcome:
        """Make, change or delete a profile. Idempotent: what stands as ``after`` says is a success with ``existed``.

        Raises nothing; refuses what is neither as ``before`` nor as ``after`` says, and to delete what is in use.
        """
        ...

    def set_assignment(self, request: PlatformAssignRequest) -> Outcome:
        """Assign a profile to a target or take it away. Idempotent, and refuses, as ``set_profile``."""
        ...


class VerifyDriver(Driver, Protocol):
    """A driver that compares snapshots with what was recorded when they were taken (``capabilities.verifies``)."""

    def verify(self, snapshot: Snapshot, sample: int = 100) -> Verification:
        """Compare one complete snapshot with its record: content where hashes are recorded, else sizes, times and so on.

        ``sample`` is the percentage of the files whose content is read; which ones follows from the snapshot and the day,
        so that each day's are others. Reads only; called from up to ``capabilities.parallel`` threads at once. A snapshot
        that cannot be read, and one whose record is missing, has differences that say so. Raises ``NotFoundError`` and
        other ``BackendError``.
        """
        ...


class CheckFinding(NamedTuple):
    """One thing that a check of a backend found. ``state`` is ok, note, warning or problem."""

    state: str
    subject: str
    text: str


class DriverType(NamedTuple):
    """A driver as the registry knows it.

    ``options`` is the model of its own keys in ``snapplan.yaml``. ``check`` examines a backend for ``snapplan drivers
    check``: credentials, permissions, versions, what this system offers; it writes nothing. ``stores`` names the folders on
    this machine in which a backend of these settings keeps its snapshots (``Settings.stores`` of the others). ``nested``
    yields the pairs of targets, as ``scope/name``, of which the options say that the second lies inside the first; it looks
    at nothing else.
    """

    name: str
    summary: str
    capabilities: Capabilities
    options: type[BaseModel]
    open: Callable[[Settings], Driver]
    check: Callable[[Settings], Iterator[CheckFinding]] | None = None
    stores: Callable[[Settings], Collection[Path]] | None = None
    init: Callable[[Settings], str] | None = None
    adopt_store: Callable[[Settings, str], int] | None = None
    nested: Callable[[Mapping[str, Any]], Iterator[tuple[str, str]]] | None = None
