"""What capabilities rule out is not collected, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from snapplan.drivers import directory, vergeos
from snapplan.drivers.conformance import DriverConformance
from snapplan.drivers.conformance.selection import rules_out
from snapplan.models.target import RestoreMode, RestorePath, Scope

VM_OUT_OF_CLOUD = RestorePath(Scope.CLOUD, Scope.VM, RestoreMode.IN_PLACE)
DIRECTORY, VERGEOS = directory.DRIVER.capabilities, vergeos.DRIVER.capabilities


@pytest.mark.parametrize(
    ("declared", "test", "parameters", "out"),
    [
        (DIRECTORY, "test_a_profile_is_made_as_it_is_asked_for", {}, True),
        (VERGEOS, "test_a_profile_is_made_as_it_is_asked_for", {}, False),
        (DIRECTORY, "test_what_has_no_mark_is_not_spoken_of", {}, True),
        (VERGEOS, "test_what_has_no_mark_is_not_spoken_of", {}, False),
        (DIRECTORY, "test_every_target_is_listed_once_with_an_id_of_its_own", {}, False),
        (DIRECTORY, "test_a_test_with_a_path", {"path": VM_OUT_OF_CLOUD}, VM_OUT_OF_CLOUD not in DIRECTORY.restores),
        (VERGEOS, "test_a_test_with_a_path", {"path": VM_OUT_OF_CLOUD}, VM_OUT_OF_CLOUD not in VERGEOS.restores),
        (DIRECTORY._replace(scopes=frozenset({Scope.VM})), "test_a_test_with_a_scope", {"scope": Scope.TENANT}, True),
        (DIRECTORY._replace(scopes=frozenset({Scope.VM})), "test_a_test_with_a_scope", {"scope": Scope.VM}, False),
    ],
)
def test_what_a_driver_cannot_do_is_left_out(declared: Any, test: str, parameters: dict[str, Any], out: bool) -> None:
    assert rules_out(declared, DriverConformance, test, parameters) is out
