"""What the tests work with: a world, a connection to it, and short ways to ask for things."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from snapplan.drivers.conformance.harness import PROJECT
from snapplan.drivers.conformance.worlds import WorldTarget, content_of, parse_world
from snapplan.errors import BackendError
from snapplan.models.request import ChangeRequest, ExpireRequest, Outcome, RestoreRequest, SnapshotRequest
from snapplan.models.snapshot import Mark
from snapplan.models.target import Quiesce, RestoreMode, RestorePath, Scope

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from snapplan.drivers.base import Driver
    from snapplan.drivers.conformance.harness import Harness
    from snapplan.models.request import Inventory
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.target import Target

WORLD = """
    vm/web: disk=AAAA, def=one
    vm/db: disk=BBBB
    volume/a: f=1, sub/g=2
    volume/b: f=3
    tenant/acme/vm/db: disk=X, def=two
    tenant/acme/volume/v: h=4
"""
SUBJECTS = {Scope.CLOUD: "cloud", Scope.TENANT: "tenant/acme", Scope.VM: "vm/web", Scope.VOLUME: "volume/a"}
CHANGED_FILE = {
    Scope.CLOUD: ("volume/a", "f"),
    Scope.TENANT: ("tenant/acme", "vm/db/disk"),
    Scope.VM: ("vm/web", "disk"),
    Scope.VOLUME: ("volume/a", "f"),
}
POWER = ("power_off", "power_on")


class Lab:
    """A world and a connection to it. Paths are as in the world (``vm/web``, ``cloud``)."""

    def __init__(self, harness: Harness, driver: Driver, targets: Sequence[WorldTarget]) -> None:
        self.harness = harness
        self.driver = driver
        self.targets = targets
        self.capabilities = driver.capabilities

    def inventory(self) -> Inventory:
        """Return what a new connection that only reads sees, so that nothing counts that is only in memory."""
        driver = self.harness.open(read_only=True)
        try:
            return driver.inventory()
        finally:
            driver.close()

    def path(self, scope: Scope | None = None) -> str:
        """Return a target of ``scope``, or of the smallest scope that the driver has."""
        if scope is None:
            scope = next(
                each for each in (Scope.VOLUME, Scope.VM, Scope.TENANT, Scope.CLOUD) if each in self.capabilities.scopes
            )
        require(scope in self.capabilities.scopes, f"the driver has no scope {scope}")
        return SUBJECTS[scope]

    def target(self, path: str) -> Target:
        """Return the target at ``path`` as it is listed now."""
        found = self.find(path)
        assert found is not None, f"{path} is not listed"
        return found

    def find(self, path: str) -> Target | None:
        """Return the target at ``path``, ``None`` where it is not listed."""
        scope, name = self.split(path)
        found = [each for each in self.inventory().targets if (each.scope, each.name) == (scope, name)]
        assert len(found) <= 1, f"{path} is listed {len(found)} times"
        return found[0] if found else None

    def split(self, path: str) -> tuple[Scope, str]:
        """Return scope and name on the backend."""
        scope, _, name = path.partition("/")
        return Scope(scope), self.harness.name(name) if name else ""

    def old(self, path: str) -> dict[str, bytes]:
        """Return what the target held when the world was made."""
        return content_of(self.targets, path)

    def mark(self, target: Target, **fields: Any) -> Mark:
        """Return a mark of a daily snapshot, with ``fields`` replaced."""
        now = self.harness.now()
        mark = Mark(
            project=PROJECT,
            target_id=target.id,
            run="run-1",
            taken_at=now,
            expires_at=now + timedelta(days=14),
            profile="gold",
            period="daily",
            slot=now.replace(second=0),
            minimum=3,
        )
        return mark._replace(**fields)

    def request(self, path: str, name: str = "one", **fields: Any) -> SnapshotRequest:
        """Return a request for a snapshot, of which ``name`` is the identity too: a manual one with that key."""
        quiesce = fields.pop("quiesce", Quiesce.NEVER)
        target = self.target(path)
        fields = {"profile": None, "period": None, "slot": None, "key": name[:60], "minimum": 0, **fields}
        return SnapshotRequest(target, name, self.mark(target, **fields), quiesce)

    def create(self, *requests: SnapshotRequest) -> list[Outcome]:
        """Return the outcomes, one per request."""
        return self._create(self.driver, requests)

    def _create(self, driver: Driver, requests: Sequence[SnapshotRequest]) -> list[Outcome]:
        outcomes = list(driver.create(requests))
        assert len(outcomes) == len(requests), "one outcome per request"
        return outcomes

    def take(self, path: str, name: str = "one", **fields: Any) -> Snapshot:
        """Take a snapshot, as the project in ``fields`` if there is one, and return it as it is listed."""
        driver = self.harness.open(project=fields.get("project", PROJECT))
        (outcome,) = self._create(driver, [self.request(path, name, **fields)])
        driver.close()
        assert outcome.error is None, repr(outcome.error)
        return self.listed(path, name)

    def expire(self, *snapshots: Snapshot) -> list[Outcome]:
        """Return the outcomes, one per snapshot."""
        outcomes = list(self.driver.expire([ExpireRequest(each) for each in snapshots]))
        assert len(outcomes) == len(snapshots), "one outcome per request"
        return outcomes

    def change(self, snapshot: Snapshot, **fields: Any) -> Outcome:
        """Replace fields of the snapshot's mark."""
        assert snapshot.mark is not None
        (outcome,) = self.driver.change([ChangeRequest(snapshot, snapshot.mark._replace(**fields))])
        return outcome

    def restore(self, request: RestoreRequest) -> Outcome:
        """Restore; an error stands in the outcome, whether it was returned or raised."""
        try:
            return self.driver.restore(request)
        except BackendError as error:
            return Outcome(error=error)

    def restoring(self, source: Snapshot, path: str, mode: RestoreMode, **fields: Any) -> RestoreRequest:
        """Return the request to restore ``path`` out of ``source``; a clone is called ``copy``.

        What has to be off to be restored in place may be switched off, and is switched on again: some platforms restore at
        that moment only.
        """
        scope, name = self.split(path)
        require(
            RestorePath(source.scope, scope, mode) in self.capabilities.restores,
            f"the driver does not restore a {scope} {mode} out of a {source.scope} snapshot",
        )
        found = self.find(path)
        request = RestoreRequest(
            key="restore-1",
            run="run-1",
            backend=source.backend,
            scope=scope,
            name=name,
            target_id=source.target_id if found is None else found.id,
            source=source,
            mode=mode,
            as_name=self.harness.name("copy") if mode is RestoreMode.CLONE else "",
            content="digest",
        )
        if mode is RestoreMode.IN_PLACE:
            options: dict[str, Any] = {name: True for name in POWER if name in self.capabilities.restore_options}
            request = request._replace(**options)
        return request._replace(**fields)

    def spoil(self, path: str) -> dict[str, bytes]:
        """Change one file of the target, add one, and return the content that it has now."""
        target, file = CHANGED_FILE[Scope(path.partition("/")[0])]
        self.harness.write(target, file, b"changed later")
        self.harness.write(target, f"{file}-new", b"added later")
        return self.harness.read(path)

    def snapshots(self, path: str | None = None) -> list[Snapshot]:
        """Return the snapshots that are listed, of one target or all."""
        listed = self.inventory().snapshots
        if path is None:
            return listed
        where = self.split(path)
        return [each for each in listed if (each.scope, each.target_name) == where]

    def captured(self) -> list[Snapshot]:
        """Return the snapshots that are listed, without what restores in place have set aside."""
        return [each for each in self.inventory().snapshots if not each.set_aside]

    def set_aside(self) -> list[Snapshot]:
        """Return what restores in place have set aside, as it is listed."""
        return [each for each in self.inventory().snapshots if each.set_aside]

    def as_written(self, mark: Mark | None) -> Mark | None:
        """Return a mark as it was asked for: a driver adds the id of the store, which is its inventory's."""
        if mark is None or mark.store is None:
            return mark
        assert mark.store == self.inventory().identity
        return mark._replace(store=None)

    def listed(self, path: str, name: str = "one") -> Snapshot:
        """Return the snapshot of that name."""
        found = self.named(path, name)
        assert found is not None, f"{path}@{name} is not listed"
        return found

    def named(self, path: str, name: str = "one") -> Snapshot | None:
        """Return the snapshot of that name, ``None`` where it is not listed."""
        found = [each for each in self.snapshots(path) if each.name == name]
        assert len(found) <= 1, f"{path}@{name} is listed {len(found)} times"
        return found[0] if found else None

    def later(self, **duration: float) -> datetime:
        """Return the tests' instant moved ahead."""
        return self.harness.now() + timedelta(**duration)


def make_lab(harness: Harness, world: str = WORLD) -> Lab:
    """Make the world, without what the driver has no scope for, and connect to it."""
    scopes = harness.driver.capabilities.scopes
    targets = [each for each in parse_world(world) if each.scope in scopes]
    harness.world(targets)
    driver = harness.open()
    # What this one backend offers, a driver may know only when it has read it.
    driver.inventory()
    return Lab(harness, driver, targets)


def require(condition: bool, reason: str) -> None:
    """Skip the test unless ``condition`` holds."""
    if not condition:
        pytest.skip(reason)


def refused(outcome: Outcome, kind: type[Exception]) -> None:
    """Check that nothing was done and the reason is of ``kind``."""
    assert isinstance(outcome.error, kind), f"expected {kind.__name__}, got {outcome!r}"
    assert str(outcome.error), "an error says what is wrong"
