"""What a driver cannot do is said before anything runs; what two assignments share is noted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from unit.config.findings import loaded

from snapplan.drivers import registry
from snapplan.drivers.base import DriverType
from snapplan.errors import SnapplanError
from snapplan.models.policy import Model
from snapplan.models.target import Capabilities, RestoreMode, RestorePath, Scope

if TYPE_CHECKING:
    from pathlib import Path

    from snapplan.diagnostics import Diagnostic

CONFIG = "version: 1\nproject: p\nbackends: {box: {driver: small}, other: {driver: small}}\n"


class NoOptions(Model):
    """A driver without keys of its own."""


SMALL = Capabilities(
    frozenset((Scope.VM, Scope.VOLUME)),
    quiesce=frozenset((Scope.VM,)),
    restores=frozenset((RestorePath(Scope.VM, Scope.VM, RestoreMode.CLONE),)),
)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a driver known that can do little, and one that does not load."""

    def find(name: str) -> DriverType | None:
        if name == "broken":
            raise SnapplanError("driver 'broken' does not load", hint="reinstall it")
        return DriverType("small", "", SMALL, NoOptions, None) if name == "small" else None  # type: ignore[arg-type]

    monkeypatch.setattr(registry, "find", find)


def shown(found: list[Diagnostic]) -> list[str]:
    return [f"{one.severity} {one.code} {one.where.line if one.where else 0}" for one in found]


def assigned(root: Path, period: str, targets: str, config: str = CONFIG) -> list[Diagnostic]:
    text = f"profiles:\n  gold:\n    periods:\n      daily: {{frequency: daily, retention: 14d{period}}}\n"
    return loaded(
        root, config, a=f"{text}assignments:\n  all:\n    profile: gold\n    targets: {targets}\n"
    ).diagnostics


@pytest.mark.parametrize(
    ("period", "scope", "expected"),
    [
        ("", "volume", []),
        (", quiesce: require", "vm", []),
        (", quiesce: require", "volume", ["error SP212 4"]),
        (", quiesce: prefer", "volume", ["warning SP212 4"]),
        (", quiesce: never", "volume", []),
        (", immutable: true", "vm", ["error SP212 4"]),
        (", max_tier: 2, private: true", "vm", ["warning SP212 4", "warning SP212 4"]),
        (", type: partial_include, partial_tags: [a], quiesce_tags: [b]", "vm", ["warning SP212 4", "warning SP212 4"]),
        ("", "cloud", ["error SP213 8"]),
    ],
)
def test_a_period_asks_for_more_than_the_driver_can(
    period: str, scope: str, expected: list[str], tmp_path: Path
) -> None:
    assert shown(assigned(tmp_path, period, f"[{{backend: box, scope: {scope}}}]")) == expected


def test_it_is_said_once_per_backend(tmp_path: Path) -> None:
    targets = '[{backend: "*", scope: volume}, {backend: box, scope: volume, names: [a]}]'
    found = assigned(tmp_path, ", quiesce: require", targets)
    assert [one.summary for one in found] == [
        "driver small of box cannot quiesce a volume",
        "driver small of other cannot quiesce a volume",
    ]


def test_a_default_of_the_repository_counts(tmp_path: Path) -> None:
    config = f"{CONFIG}defaults: {{quiesce: require}}\n"
    assert shown(assigned(tmp_path, "", "[{backend: box, scope: volume}]", config)) == ["error SP212 4"]
    assert shown(assigned(tmp_path, ", quiesce: never", "[{backend: box, scope: volume}]", config)) == []


def test_commands_can_quiesce_what_the_driver_cannot(tmp_path: Path) -> None:
    commands = "quiesce_commands: {volume/*: {freeze: [/bin/sync], thaw: [/bin/true]}}"
    config = f"version: 1\nproject: p\nbackends: {{box: {{driver: small, {commands}}}}}\n"
    assert assigned(tmp_path, ", quiesce: require", "[{backend: box, scope: volume}]", config) == []


@pytest.mark.parametrize(("glob", "codes"), [("volume", ["SP213"]), ("tenant/x", ["SP213"]), ("*/x", []), ("vm/x", [])])
def test_commands_are_for_targets_that_there_can_be(glob: str, codes: list[str], tmp_path: Path) -> None:
    commands = f'quiesce_commands: {{"{glob}": {{freeze: [/bin/sync], thaw: [/bin/true]}}}}'
    config = f"version: 1\nproject: p\nbackends: {{box: {{driver: small, {commands}}}}}\n"
    assert [one.code for one in assigned(tmp_path, "", "[{backend: box, scope: vm}]", config)] == codes


@pytest.mark.parametrize(("quiesce", "severity"), [("require", "error"), ("prefer", "warning")])
def test_manual_snapshots_too(quiesce: str, severity: str, tmp_path: Path) -> None:
    text = (
        f"snapshots:\n  s:\n    targets: [{{backend: box, scope: volume}}]\n    expires: 7d\n    quiesce: {quiesce}\n"
    )
    assert shown(loaded(tmp_path, CONFIG, a=text).diagnostics) == [f"{severity} SP212 5"]
    vm = text.replace("volume", "vm")
    assert shown(loaded(tmp_path, CONFIG, a=vm).diagnostics) == []


@pytest.mark.parametrize(
    ("target", "extra", "mode", "expected"),
    [
        ("box/vm/a", "", "clone", []),
        ("box/vm/a", "", "in_place", ["error SP220 5"]),
        ("box/volume/a", "", "clone", ["error SP220 5"]),
        ("box/vm/a", ", via: volume", "clone", ["error SP220 4"]),
        ("box/tenant/a", "", "clone", ["error SP213 3"]),
        ("bix/vm/a", "", "clone", ["error SP202 3"]),
    ],
)
def test_restores(target: str, extra: str, mode: str, expected: list[str], tmp_path: Path) -> None:
    text = f"restores:\n  r:\n    target: {target}\n    from: {{before: 2026-11-22T01:00Z{extra}}}\n    mode: {mode}\n"
    text += "    not_after: 2026-11-23T00:00Z\n" + ("    as: b\n" if mode == "clone" else "")
    assert shown(loaded(tmp_path, CONFIG, a=text).diagnostics) == expected


def test_a_driver_that_does_not_load(tmp_path: Path) -> None:
    config = "version: 1\nproject: p\nbackends: {box: {driver: broken}}\n"
    (found,) = assigned(tmp_path, ", quiesce: require", "[{backend: box, scope: volume}]", config)
    assert (found.code, found.hint) == ("SP203", "reinstall it")


def test_a_backend_with_errors_is_not_called_unknown(tmp_path: Path) -> None:
    config = "version: 1\nproject: p\nbackends: {box: {}, two: [], three: {driver: small, timezone: 1}}\n"
    targets = "[{backend: box, scope: vm}, {backend: two, scope: vm}, {backend: 't*', scope: vm}]"
    assert shown(assigned(tmp_path, "", targets, config)) == ["error SP105 3", "error SP106 3", "error SP106 3"]


SHARED = """\
profiles:
  gold: {periods: {daily: {frequency: daily, retention: 14d}}}
  iron: {periods: {daily: {frequency: daily, retention: 14d}}}
assignments:
  first: {profile: gold, targets: [{backend: box, scope: vm, names: [a, b]}]}
  second: {profile: SECOND, targets: [{backend: box, scope: vm, names: [NAME]EXTRA}]}
  third: {profile: iron, targets: [{backend: box, scope: volume}]}
"""


@pytest.mark.parametrize(
    ("profile", "name", "extra", "notes"),
    [
        ("gold", "b", "", ["SP215"]),
        ("iron", "b", "", ["SP215"]),
        ("iron", "c", "", []),
        ("iron", '"b*"', "", []),
        ("iron", "b", ", tags: [x]", []),
        ("iron", "b", ", any_tags: [x]", []),
        ("iron", "b", ", exclude: [x]", []),
    ],
)
def test_targets_that_two_assignments_certainly_share(
    profile: str, name: str, extra: str, notes: list[str], tmp_path: Path
) -> None:
    text = SHARED.replace("SECOND", profile).replace("NAME", name).replace("EXTRA", extra)
    found = loaded(tmp_path, CONFIG, a=text).diagnostics
    assert [one.code for one in found if one.severity == "note"] == notes
    assert all("box/vm/b" in one.summary and '"first"' in one.summary for one in found)


def test_a_profile_that_nothing_uses_is_noted(tmp_path: Path) -> None:
    text = (
        SHARED.replace("SECOND", "gold")
        .replace("NAME", "c")
        .replace("EXTRA", "")
        .replace("profile: iron", "profile: gold")
    )
    assert shown(loaded(tmp_path, CONFIG, a=text).diagnostics) == ["note SP229 3"]
