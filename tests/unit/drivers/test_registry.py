from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from snapplan.drivers import registry
from snapplan.drivers.memory import DRIVER, MemoryDriver
from snapplan.errors import BackendError, SnapplanError
from snapplan.models.policy import Backend, Model
from snapplan.models.values import SecretReference

if TYPE_CHECKING:
    from pathlib import Path

    from snapplan.drivers.base import Settings


class GuardedOptions(Model):
    token: SecretReference
    host: str = "localhost"


class Recorder:
    """A driver that keeps what it was opened with."""

    capabilities = DRIVER.capabilities

    def __init__(self, settings: Settings) -> None:
        self.settings = settings


GUARDED = DRIVER._replace(name="guarded", options=GuardedOptions, open=Recorder)  # type: ignore[arg-type]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install a package ``acme-snap`` 1.2 with the entry points and the module text that are given."""

    def install(entry_points: dict[str, str], text: str, name: str = "acme_snap") -> None:
        info = tmp_path / f"{name}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.2\n")
        lines = "\n".join(f"{key} = {value}" for key, value in entry_points.items())
        (info / "entry_points.txt").write_text(f"[snapplan.drivers]\n{lines}\n")
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, name, raising=False)

    return install


def open_(config: dict[str, Any], base: Path, *, read_only: bool = False) -> Any:
    return registry.open_backend("lab", Backend.model_validate(config), project="shop", base=base, read_only=read_only)


class TestFind:
    def test_built_in_drivers_are_found(self) -> None:
        assert registry.find("memory") is DRIVER
        assert {"directory", "memory"} <= set(registry.names())

    def test_a_name_that_nobody_offers_is_none(self) -> None:
        assert registry.find("floppy") is None

    def test_built_in_drivers_cost_no_look_at_installed_packages(self) -> None:
        code = (
            "import sys; from snapplan.drivers import registry; registry.find('memory');"
            "sys.exit('importlib.metadata' in sys.modules and 'pydantic' not in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

    def test_to_import_the_registry_imports_no_driver(self) -> None:
        code = (
            "import sys; from snapplan.drivers import registry;"
            "print([m for m in ('pydantic', 'importlib.metadata', 'snapplan.drivers.memory') if m in sys.modules])"
        )
        found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        assert found.stdout == "[]\n"

    def test_a_driver_of_another_package_is_found_by_its_entry_point(self, package: Any) -> None:
        package(
            {"acme": "acme_snap:DRIVER"},
            "from snapplan.drivers.memory import DRIVER as M\nDRIVER = M._replace(name='acme')",
        )
        driver = registry.find("acme")
        assert driver is not None
        assert driver.name == "acme"
        assert "acme" in registry.names()
        assert "acme" in [each.name for each in registry.installed()]

    def test_a_package_that_does_not_load_is_named(self, package: Any) -> None:
        package({"acme": "acme_snap:DRIVER"}, "raise RuntimeError('no libacme.so')")
        with pytest.raises(SnapplanError, match=r"acme-snap 1\.2 does not load \(RuntimeError: no libacme\.so\)"):
            registry.find("acme")
        assert "acme" not in [each.name for each in registry.installed()]
        assert ["no libacme.so" in str(each) for each in registry.broken()] == [True]

    def test_an_entry_point_that_is_no_driver_is_an_error(self, package: Any) -> None:
        package({"acme": "acme_snap:DRIVER"}, "DRIVER = 'soon'")
        with pytest.raises(SnapplanError, match=r"acme-snap 1\.2 is not a DriverType"):
            registry.find("acme")

    def test_a_built_in_name_cannot_be_taken_over(self, package: Any) -> None:
        package({"memory": "acme_snap:DRIVER"}, "raise RuntimeError('imported')")
        assert registry.find("memory") is DRIVER
        assert registry.names().count("memory") == 1

    def test_two_packages_that_offer_one_name_are_an_error(self, package: Any) -> None:
        package({"acme": "acme_snap:DRIVER"}, "")
        package({"acme": "other_snap:DRIVER"}, "", name="other_snap")
        with pytest.raises(SnapplanError, match=r"more than one package: acme-snap 1\.2, other-snap 1\.2"):
            registry.find("acme")

    def test_this_package_declares_its_own_drivers_as_entry_points(self) -> None:
        declared = {each.name: each.value for each in metadata.entry_points(group=registry.GROUP)}
        assert registry.BUILT_IN.items() <= declared.items()


class TestOpenBackend:
    def test_the_driver_is_opened_with_its_options(self, tmp_path: Path) -> None:
        driver = open_({"driver": "memory", "targets": [{"scope": "vm", "name": "web"}]}, tmp_path)
        assert isinstance(driver, MemoryDriver)
        assert [each.address for each in driver.inventory().targets] == ["lab/cloud", "lab/vm/web"]

    def test_common_keys_are_no_options(self, tmp_path: Path) -> None:
        commands = {"vm/*": {"freeze": ["a"], "thaw": ["b"]}}
        open_({"driver": "memory", "timezone": "UTC", "schedule": "snapplan", "quiesce_commands": commands}, tmp_path)

    def test_an_unknown_driver_is_an_error_that_lists_the_known(self, tmp_path: Path) -> None:
        with pytest.raises(BackendError, match="no driver 'floppy'") as caught:
            open_({"driver": "floppy"}, tmp_path)
        assert "directory, memory" in caught.value.hint

    def test_an_unknown_key_is_an_error_that_names_it_and_not_its_value(self, tmp_path: Path) -> None:
        with pytest.raises(BackendError, match="tokn: Extra inputs") as caught:
            open_({"driver": "memory", "tokn": "hunter2"}, tmp_path)
        assert "hunter2" not in str(caught.value)

    def test_settings_carry_what_the_policy_says(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(registry, "find", lambda name: GUARDED)
        monkeypatch.setenv("DC1_TOKEN", "hunter2")
        commands = {"vm/*": {"freeze": ["a"], "thaw": ["b"]}}
        config = {"driver": "guarded", "token": "${env:DC1_TOKEN}", "quiesce_commands": commands}
        settings = open_(config, tmp_path, read_only=True).settings
        assert (settings.backend, settings.project, settings.base, settings.read_only) == (
            "lab",
            "shop",
            tmp_path,
            True,
        )
        assert settings.quiesce_commands["vm/*"].freeze == ("a",)
        assert settings.options.host == "localhost"

    def test_secrets_are_resolved_and_stay_hidden(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(registry, "find", lambda name: GUARDED)
        monkeypatch.setenv("DC1_TOKEN", "hunter2")
        settings = open_({"driver": "guarded", "token": "${env:DC1_TOKEN}"}, tmp_path).settings
        assert settings.options.token == SecretStr("hunter2")
        assert "hunter2" not in repr(settings)

    def test_a_secret_that_is_not_there_is_an_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(registry, "find", lambda name: GUARDED)
        monkeypatch.delenv("DC1_TOKEN", raising=False)
        with pytest.raises(BackendError, match="DC1_TOKEN is not set"):
            open_({"driver": "guarded", "token": "${env:DC1_TOKEN}"}, tmp_path)

    def test_a_driver_that_does_not_load_is_a_backend_error(self, package: Any, tmp_path: Path) -> None:
        package({"acme": "acme_snap:DRIVER"}, "raise RuntimeError('no libacme.so')")
        with pytest.raises(BackendError, match=r"no libacme\.so"):
            open_({"driver": "acme"}, tmp_path)
