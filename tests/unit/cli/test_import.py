"""``snapplan import`` on the schedule of an imagined platform: the file, what is refused, what is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from snapplan.drivers import registry
from snapplan.drivers.base import DriverType, Settings
from snapplan.models.platform import PlatformPeriod, PlatformProfile, PlatformSchedule
from snapplan.models.policy import Model
from snapplan.models.request import Inventory
from snapplan.models.target import Capabilities, Scope, Target

Run = Callable[..., Any]
NATIVE = Capabilities(
    frozenset((Scope.VM, Scope.CLOUD)),
    quiesce=frozenset((Scope.VM,)),
    native_period_fields=frozenset(("vm.quiesce", "vm.max_tier", "cloud.immutable")),
    native_schedule=frozenset((Scope.VM, Scope.CLOUD)),
)
WEB = Target("dc1", Scope.VM, "web-01", "1")
GOLD = PlatformProfile("9", "gold vms", {"Daily": PlatformPeriod("daily", 7 * 86_400, hour=2)})


class Options(Model):
    """The platform tells its time zone where it is asked to."""

    tells: str | None = None


class Platform:
    """A connection to the imagined platform; ``open_`` makes one and counts how often."""

    capabilities = NATIVE
    opened = 0

    def __init__(self, zone: str | None) -> None:
        self.zone = zone

    @classmethod
    def open_(cls, settings: Settings) -> Platform:
        cls.opened += 1
        assert settings.read_only
        assert isinstance(settings.options, Options)
        return cls(settings.options.tells)

    def inventory(self) -> Inventory:
        return Inventory((WEB,), [], platform=PlatformSchedule((GOLD,), {"1": "9"}, self.zone))

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def written(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Offer the platform's driver; the call writes ``snapplan.yaml`` with further keys of its backend."""
    kind = DriverType("box", "", NATIVE, Options, Platform.open_)  # type: ignore[arg-type]
    found = registry.find
    monkeypatch.setattr(registry, "find", lambda name: kind if name == "box" else found(name))
    monkeypatch.setattr(Platform, "opened", 0)
    (repository / "policies" / "gold.yaml").unlink()

    def write(more: str = "") -> None:
        (repository / "snapplan.yaml").write_text(
            f"version: 1\nproject: p\nbackends: {{dc1: {{driver: box{more}}}}}\ncatalog: sqlite:///catalog.db\n"
        )

    write()
    return write


FILE = """\
# Written by snapplan import --backend dc1: what the platform's own scheduler is set to.
# Profiles without this project's mark are compared with the policy. Before snapplan may change them:
#   snapplan adopt 'dc1/profile/gold vms'
profiles:
  gold-vms:
    platform_name: gold vms
    timezone: Europe/Berlin
    periods:
      Daily: {frequency: daily, hour: 2, retention: 7d, max_tier: 1}
assignments:
  gold-vms-vm:
    profile: gold-vms
    targets:
      - {backend: dc1, scope: vm, names: [web-01]}
"""


def test_it_is_printed(written: Callable[[str], None], run: Run) -> None:
    written(", timezone: Europe/Berlin")
    assert run("import", "--backend", "dc1") == (
        0,
        FILE,
        "1 profile and 1 assignment.\n1 profile can be changed after snapplan adopt; its first lines say how.\n",
    )


def test_it_is_written_into_a_folder_that_is_made(written: Callable[[str], None], run: Run, repository: Path) -> None:
    written(", timezone: Europe/Berlin")
    ran = run("import", "--backend", "dc1", "--out", "policies/deep/dc1.yaml")
    assert (ran.code, ran.out) == (0, "")
    assert "Wrote policies/deep/dc1.yaml: 1 profile" in ran.err
    assert (repository / "policies" / "deep" / "dc1.yaml").read_text() == FILE
    assert run("validate").code == 0


def test_a_file_that_exists_is_refused_before_the_backend_is_asked(
    written: Callable[[str], None], run: Run, repository: Path
) -> None:
    file = repository / "policies" / "dc1.yaml"
    file.write_text("# mine\n")
    ran = run("import", "--backend", "dc1", "--out", "policies/dc1.yaml")
    assert (ran.code, file.read_text(), Platform.opened) == (64, "# mine\n", 0)
    assert run("import", "--backend", "dc1", "--out", "policies/dc1.yaml", "--force").code == 0
    assert "gold-vms" in file.read_text()


def test_a_file_that_cannot_be_written_is_said(written: Callable[[str], None], run: Run, repository: Path) -> None:
    (repository / "blocked").write_text("a file")
    ran = run("import", "--backend", "dc1", "--out", "blocked/dc1.yaml")
    assert (ran.code, "cannot be written" in ran.err) == (64, True)


def test_the_platform_s_own_time_zone_must_stand_in_the_configuration(written: Callable[[str], None], run: Run) -> None:
    written(", tells: Asia/Tokyo")
    ran = run("import", "--backend", "dc1")
    assert (ran.code, ran.out) == (1, "")
    assert "write timezone: Asia/Tokyo to backend dc1" in ran.err
    written(", tells: Asia/Tokyo, timezone: Asia/Tokyo")
    assert "timezone: Asia/Tokyo" in run("import", "--backend", "dc1").out


def test_errors_that_the_new_file_brings_are_shown(written: Callable[[str], None], run: Run, repository: Path) -> None:
    config = repository / "snapplan.yaml"
    config.write_text(config.read_text().replace("sqlite:///catalog.db", '"memory:"'))
    ran = run("import", "--backend", "dc1", "--out", "policies/dc1.yaml")
    assert ran.code == 4
    assert "SP231" in ran.err


def test_a_file_outside_of_the_policy_files_is_warned_of(written: Callable[[str], None], run: Run) -> None:
    ran = run("import", "--backend", "dc1", "--out", "dc1.yaml")
    assert ran.code == 0
    assert "not among the policy files" in ran.err


def test_a_driver_without_a_scheduler_is_refused(repository: Path, run: Run) -> None:
    ran = run("import", "--backend", "lab")
    assert (ran.code, "no scheduler of its own" in ran.err) == (1, True)


def test_an_unknown_backend_is_a_wrong_command_line(repository: Path, run: Run) -> None:
    ran = run("import", "--backend", "dc9")
    assert (ran.code, "The policy has lab." in ran.err) == (64, True)
