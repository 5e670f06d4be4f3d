"""Scripted failures of a ``memory`` backend."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from snapplan.errors import OutcomeUnknownError, QuiesceError, RefusedError, RequestBudgetError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snapplan.drivers.memory.options import Failure, ScriptedFault, Verb
    from snapplan.drivers.memory.world import World
    from snapplan.errors import BackendError

ERRORS: dict[Failure, type[BackendError]] = {
    "refused": RefusedError,
    "unreachable": UnreachableError,
    "unknown": OutcomeUnknownError,
    "quiesce": QuiesceError,
    "budget": RequestBudgetError,
}


def strike(
    faults: Sequence[ScriptedFault],
    world: World,
    verb: Verb,
    path: str = "",
    snapshot: str = "",
    *,
    after: bool = False,
) -> BackendError | None:
    """Return the failure that the script has for this call, and count it. The first fault that matches strikes.

    ``path`` is the target's ``scope/name``; ``after`` says that the effect is there already.
    """
    for number, fault in enumerate(faults):
        left = fault.times is None or world.fired.get(number, 0) < fault.times
        matches = verb == "inventory" or (fnmatchcase(path, fault.target) and fnmatchcase(snapshot, fault.snapshot))
        if fault.on == verb and fault.after_effect is after and left and matches:
            world.fired[number] = world.fired.get(number, 0) + 1
            return ERRORS[fault.error](
                world.backend, f"scripted fault {number + 1} on {verb} of {path or 'everything'}"
            )
    return None
