"""Quiesce commands that match no target are said, where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unit.config.findings import loaded

from snapplan.models.target import Capabilities, Scope, Target
from snapplan.models.world import BackendState, Failure
from snapplan.planner.resolve import resolve

if TYPE_CHECKING:
    from pathlib import Path

    from snapplan.diagnostics import Diagnostic

COMMANDS = """\
version: 1
project: example
backends:
  lab:
    driver: memory
    quiesce_commands:
      vm/db-1: {freeze: ["true"], thaw: ["true"]}
      "volume/*": {freeze: ["true"], thaw: ["true"]}
      cloud: {freeze: ["true"], thaw: ["true"]}
      vm/db-2: {freeze: ["true"], thaw: ["true"]}
"""


def _found(root: Path, *names: str, error: Failure | None = None) -> list[Diagnostic]:
    policy = loaded(root, COMMANDS).policy
    assert policy is not None
    targets = [Target("lab", Scope.CLOUD, "", "cloud"), *(Target("lab", Scope.VM, name, name) for name in names)]
    state = BackendState("lab", Capabilities(frozenset(Scope)), targets=tuple(targets), error=error)
    return list(resolve(policy, {"lab": state}).diagnostics)


def test_quiesce_commands_that_match_no_target_are_a_warning_where_they_stand(tmp_path: Path) -> None:
    volume, machine = _found(tmp_path, "db-1", "web", "mail-relay")
    assert (volume.code, volume.severity, str(volume.where)) == ("SP403", "warning", "snapplan.yaml:8:7")
    assert "'volume/*'" in volume.summary
    assert (machine.code, str(machine.where)) == ("SP403", "snapplan.yaml:10:7")
    assert machine.hint == "the nearest are vm/db-1, vm/web"


def test_quiesce_commands_of_a_backend_that_could_not_be_read_are_not_judged(tmp_path: Path) -> None:
    assert _found(tmp_path, error=Failure("no answer")) == []
