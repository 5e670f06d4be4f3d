"""Driver ``vergeos``: a VergeOS system, or a tenant's own environment, through its REST API.

Everything of the platform that snapplan uses stands in ``docs/how-to/vergeos.md``, with what was never tried on a real
system. The mark of a snapshot is the last line of its description, written with the create. ``pyvergeos`` and ``stamina``
(extra ``snapplan[vergeos]``) are imported when a connection is opened, not before.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from snapplan.drivers.base import DriverType
from snapplan.drivers.vergeos.costs import REQUEST_COSTS
from snapplan.drivers.vergeos.options import VergeosOptions
from snapplan.errors import BackendError
from snapplan.models.target import Capabilities, RestoreMode, RestorePath, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snapplan.drivers.base import CheckFinding, Driver, Settings

NEEDED = ("pyvergeos", "stamina")
_OF_SYSTEM_SNAPSHOTS = ("immutable", "private", "type", "partial_tags", "quiesce_tags")

CAPABILITIES = Capabilities(
    scopes=frozenset(Scope),
    quiesce=frozenset({Scope.VM, Scope.VOLUME}),
    restores=frozenset(
        {
            RestorePath(Scope.VM, Scope.VM, RestoreMode.CLONE),
            RestorePath(Scope.VM, Scope.VM, RestoreMode.IN_PLACE),
            RestorePath(Scope.CLOUD, Scope.VM, RestoreMode.CLONE),
            RestorePath(Scope.CLOUD, Scope.TENANT, RestoreMode.CLONE),
            RestorePath(Scope.TENANT, Scope.TENANT, RestoreMode.IN_PLACE),
            RestorePath(Scope.VOLUME, Scope.VOLUME, RestoreMode.IN_PLACE),
        }
    ),
    period_fields=frozenset({"quiesce", *(f"cloud.{field}" for field in _OF_SYSTEM_SNAPSHOTS)}),
    native_period_fields=frozenset(
        {
            *(f"{scope}.{field}" for scope in ("vm", "volume") for field in ("quiesce", "max_tier")),
            *(f"cloud.{field}" for field in _OF_SYSTEM_SNAPSHOTS),
        }
    ),
    parallel=4,
    adopts_projects=True,
    adopts_unmarked=True,
    max_name_length=128,
    native_schedule=frozenset({Scope.CLOUD, Scope.VM, Scope.VOLUME}),
    expires_itself=True,
    own_clock=True,
    identity_is_a_name=True,
    locks=frozenset({Scope.CLOUD}),
    restore_options=frozenset({"power_off", "power_on", "preserve_macs"}),
    requests_per_hour=900,
    request_costs=REQUEST_COSTS,
)
"""The most that a system of this platform can do; what one of them does, its connection tells."""


def open_vergeos(settings: Settings) -> Driver:
    """Return a connection; nothing is asked yet. Raises ``BackendError`` where a package that it needs is missing."""
    _require_packages(settings.backend)
    from snapplan.drivers.vergeos.driver import VergeosDriver

    assert isinstance(settings.options, VergeosOptions)
    return VergeosDriver(settings, settings.options, CAPABILITIES)


def check_vergeos(settings: Settings) -> Iterator[CheckFinding]:
    """Examine a system for ``snapplan drivers check``; writes nothing. Raises as ``open_vergeos`` does."""
    _require_packages(settings.backend)
    from snapplan.drivers.vergeos.check import check

    return check(settings)


def _require_packages(backend: str) -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        packages = " and ".join(missing)
        raise BackendError(
            backend, f"driver vergeos needs {packages}, not installed", hint="pip install 'snapplan[vergeos]'"
        )


DRIVER = DriverType(
    name="vergeos",
    summary="A VergeOS system through its API: cloud, tenants, VMs and NAS volumes",
    capabilities=CAPABILITIES,
    options=VergeosOptions,
    open=open_vergeos,
    check=check_vergeos,
)
