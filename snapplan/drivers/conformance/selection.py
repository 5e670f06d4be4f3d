"""Which tests of the suite a driver's capabilities rule out, so that they are not collected instead of being skipped.

Name the capabilities in the test class, and load this module as a plugin in the ``conftest.py`` at the root of the tests::

    pytest_plugins = ["snapplan.drivers.conformance.selection"]

    class TestMyDriver(DriverConformance):
        declared = DRIVER.capabilities

Without either, such tests are skipped when they run, as all those are that a connection or a harness cannot do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.drivers.conformance.expiring import PlatformExpiryTests
from snapplan.drivers.conformance.scheduling import ScheduleTests
from snapplan.models.target import Capabilities, RestorePath, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is ruled out."""
    out = [each for each in items if _is_out(each)]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [each for each in items if not _is_out(each)]


def _is_out(item: pytest.Item) -> bool:
    cls = getattr(item, "cls", None)
    declared = getattr(cls, "declared", None)
    if cls is None or not isinstance(declared, Capabilities):
        return False
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return rules_out(declared, cls, item.name.partition("[")[0], parameters)


def rules_out(declared: Capabilities, cls: type, test: str, parameters: Mapping[str, object]) -> bool:
    """Say whether these capabilities cannot meet what a test of the suite, with these parameters, needs."""
    home = next((each for each in cls.__mro__ if test in vars(each)), None)
    if home is ScheduleTests and not declared.native_schedule:
        return True
    if home is PlatformExpiryTests and not declared.expires_itself:
        return True
    scope, path = parameters.get("scope"), parameters.get("path")
    if isinstance(scope, Scope) and scope not in (
        declared.native_schedule if home is ScheduleTests else declared.scopes
    ):
        return True
    return isinstance(path, RestorePath) and path not in declared.restores
