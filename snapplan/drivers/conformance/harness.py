"""What a driver's author gives the suite: worlds on the real backend, and a look at them behind the driver's back."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import timedelta

    from snapplan.drivers.base import Driver, DriverType, Settings
    from snapplan.drivers.conformance.worlds import WorldTarget
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.target import Scope

PROJECT = "conformance"


class Harness(Protocol):
    """Inherit from it; the methods without a body are yours to write, the others are worth writing where you can.

    Targets are named by paths such as ``vm/web`` and ``cloud``. Contents are bytes by path, with ``vm/db/disk`` inside a
    tenant and ``tenant/acme/vm/db/disk`` inside the cloud; files that the platform adds of itself are left out.
    """

    driver: DriverType
    pausable: bool = False
    """Whether the driver asks its permit before each irreversible step, so that it can be paused; needs worlds that a
    forked process shares."""
    lease_seconds: float = 0.3
    """How long a call is paused at least, so that its run's lease is over."""
    locked_scope: Scope | None = None
    """The scope whose snapshots the platform locks, where it is not every one."""

    def world(self, targets: Sequence[WorldTarget]) -> None:
        """Make a new backend that holds these targets and nothing else; called more than once in a test."""
        ...

    def settings(self, *, project: str, read_only: bool) -> Settings:
        """Return what to open the driver with, for the latest world. Everything in it can be pickled."""
        ...

    def read(self, target: str) -> dict[str, bytes]:
        """Return the target's content, empty where it is not there."""
        ...

    def write(self, target: str, path: str, content: bytes) -> None:
        """Write one file of a target."""
        ...

    def delete_target(self, target: str) -> None:
        """Take a target away; its snapshots stay where the backend can keep them."""
        ...

    def fingerprint(self) -> object:
        """Return a value that differs whenever anything on the backend was written, times of writing included."""
        ...

    def open(self, *, project: str = PROJECT, read_only: bool = False) -> Driver:
        """Return a connection."""
        return self.driver.open(self.settings(project=project, read_only=read_only))

    def name(self, name: str) -> str:
        """Return the name that a world's ``name`` has on the backend, such as ``tank/web`` for ``web``."""
        return name

    def now(self) -> datetime:
        """Return the instant that the tests' clock shows (UTC, whole seconds)."""
        return datetime(2026, 11, 22, 2, 0, 30, tzinfo=UTC)

    def can_quiesce(self, target: str) -> None:
        """Let it be possible to quiesce this target."""
        pytest.skip("this harness cannot make a target that can be quiesced")

    def add_foreign_snapshot(self, target: str, name: str) -> None:
        """Take a snapshot without a mark, as another tool would."""
        pytest.skip("this harness cannot take foreign snapshots")

    def add_odd_names(self, target: str) -> None:
        """Give a target or a foreign snapshot a name with bytes that are no UTF-8, where the platform has such names."""
        return

    def unlocked(self) -> AbstractContextManager[None]:
        """Let the driver take no lock on its store while the block runs."""
        return nullcontext()

    def lock(self, snapshot: Snapshot) -> None:
        """Let the platform lock a snapshot for a day."""
        pytest.skip("this harness cannot lock a snapshot")

    def use(self, snapshot: Snapshot) -> None:
        """Let something on the platform need a snapshot."""
        pytest.skip("this harness cannot put a snapshot to use")

    def let_pass(self, duration: timedelta) -> None:
        """Let the platform's own clock go on, and with it what its scheduler does."""
        pytest.skip("this harness cannot let the platform's time pass")

    def add_foreign_profile(self, name: str) -> None:
        """Make a snapshot profile of the platform without a mark, as a person would."""
        pytest.skip("this harness cannot make snapshot profiles")

    def spoil_mark(self, snapshot: Snapshot, fields: Mapping[str, object]) -> None:
        """Write ``fields`` (by the names that ``Mark`` has, as JSON) into the snapshot's mark, behind the driver's back."""
        pytest.skip("this harness cannot write into a mark")

    def damage(self, snapshot: Snapshot) -> None:
        """Change the content of a snapshot behind the driver's back, where the driver ``verifies``."""
        pytest.skip("this harness cannot change the content of a snapshot")

    def break_listing(self) -> None:
        """Let a part of the backend's snapshots be unreadable, and the rest not."""
        pytest.skip("this harness cannot break the listing")
