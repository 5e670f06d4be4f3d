"""The embedded driver ``directory``: snapshots of real folders, without a server and without root.

A ``root`` holds ``volumes/NAME/``, ``vms/NAME/`` and ``tenants/NAME/`` (each again with volumes and VMs), or folders are
named one by one. Snapshots lie in a store beside the data, with their marks.

A folder has no permanent id, so a target's id is its scope and name, ``vm/web-01`` (the whole system: ``cloud``). It is
the same on every machine and after a restore in place, and a plan needs to write nothing to learn it; a folder that is
renamed is a new target, and the old one's snapshots are orphans.

A copy is not one instant: what changed while it was copied is recorded (``consistent`` is ``False``) and said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.drivers.base import DriverType
from snapplan.drivers.directory.options import DirectoryOptions, nested
from snapplan.models.target import Capabilities, RestoreMode, RestorePath, Scope

if TYPE_CHECKING:
    from pathlib import Path

    from snapplan.drivers.base import Driver, Settings

_OBJECTS = (Scope.VM, Scope.VOLUME, Scope.TENANT)

CAPABILITIES = Capabilities(
    scopes=frozenset(Scope),
    quiesce=frozenset(Scope),
    restores=frozenset(
        [
            *(RestorePath(scope, scope, mode) for scope in _OBJECTS for mode in RestoreMode),
            *(RestorePath(Scope.CLOUD, scope, mode) for scope in _OBJECTS for mode in RestoreMode),
            RestorePath(Scope.CLOUD, Scope.CLOUD, RestoreMode.IN_PLACE),
        ]
    ),
    period_fields=frozenset({"quiesce"}),
    parallel=4,
    adopts_projects=True,
    verifies=True,
    keeps_replaced=True,
)


def open_directory(settings: Settings) -> Driver:
    """Return a connection; nothing is read or written yet."""
    from snapplan.drivers.directory.driver import DirectoryDriver

    assert isinstance(settings.options, DirectoryOptions)
    return DirectoryDriver(settings, settings.options, CAPABILITIES)


def stores(settings: Settings) -> list[Path]:
    """Return the one store of a backend; nothing is read."""
    from snapplan.drivers.directory.layout import lay_out

    assert isinstance(settings.options, DirectoryOptions)
    return [lay_out(settings.backend, settings.options, settings.base).store]


def init(settings: Settings) -> str:
    """Make the store of a backend unless it is there, and return its id. Raises ``BackendError``."""
    from snapplan.drivers.directory.driver import DirectoryDriver

    assert isinstance(settings.options, DirectoryOptions)
    return DirectoryDriver(settings, settings.options, CAPABILITIES).init_store()


def adopt_store(settings: Settings, old: str) -> int:
    """Take over the snapshots that were made in the store ``old``; return how many. Raises ``BackendError``."""
    from snapplan.drivers.directory.driver import DirectoryDriver

    assert isinstance(settings.options, DirectoryOptions)
    return DirectoryDriver(settings, settings.options, CAPABILITIES).adopt_store(old)


DRIVER = DriverType(
    "directory",
    "Folders on this machine, copied or reflinked",
    CAPABILITIES,
    DirectoryOptions,
    open_directory,
    stores=stores,
    nested=nested,
    init=init,
    adopt_store=adopt_store,
)
