"""Driver ``memory``: a backend that is a script, for trying policies out and for tests.

Its targets, snapshots and faults are written in ``snapplan.yaml``. It holds real bytes, so that a restore can be proved.
Without ``state`` each connection begins with the script anew; with it, what was done lies in that file.
"""

from __future__ import annotations

from snapplan.drivers.base import DriverType
from snapplan.drivers.memory.driver import CAPABILITIES, MemoryDriver
from snapplan.drivers.memory.options import MemoryOptions
from snapplan.drivers.memory.world import StoredTarget, World

DRIVER = DriverType(
    name="memory",
    summary="A scripted backend in memory or in one file, for trying out and for tests",
    capabilities=CAPABILITIES,
    options=MemoryOptions,
    open=MemoryDriver,
)

__all__ = ["CAPABILITIES", "DRIVER", "MemoryDriver", "MemoryOptions", "StoredTarget", "World"]
