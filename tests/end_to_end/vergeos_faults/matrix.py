"""One cell of the matrix: an apply in which one fault strikes one write, another apply, and what is there then."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from .remains import Remains, differences, remains
from .rig import Rig
from .scenario import APPLY
from .strikes import strikes
from .writes import named, names_of

MAY_END = frozenset({0, 1, 3, 7})
"""Exit codes of an apply that met a fault: done all the same, failed, stopped by a guard, done in part."""


OFTEN = {
    "POST tag_categories snapplan-e2e": 5,  # each restore needs the category of their records
    "POST vm_actions poweroff web": 2,  # asked for once more when it does not show, which changes nothing if it came
    "POST vm_actions poweron web": 2,
}
"""How often a write may be sent in one apply; all others once."""
LATER = {
    (
        "late",
        "POST tags",
    ): "the record of a restore landed when it had been looked for: the next apply undoes it, and does "
    "no more than was shown before that"
}
"""Fault and kind of write after which a third apply is needed, and why."""


class Calm(NamedTuple):
    """The apply without a fault: the names of its writes, and what it leaves."""

    writes: list[str]
    remains: Remains


class Cell(NamedTuple):
    """What came of one fault at one write: ``code`` of the first apply, and how many writes each later one made."""

    code: int
    later: list[int]
    wrong: list[str]

    def __str__(self) -> str:
        return "+".join(map(str, [self.code, *self.later]))


def calm(rig: Rig) -> Calm:
    """Apply without any fault."""
    root = rig.begin("calm")
    names = names_of(rig.sim.running.stage)
    rig.writes()
    ran = rig.run(root, *APPLY)
    assert ran.code == 0, ran
    sent = [named(request, names) for request in rig.writes()]
    ran = rig.run(root, "plan", "--detailed-exitcode")
    assert ran.code == 0, ran
    return Calm(sent, remains(rig.sim.system, root))


def tried(rig: Rig, expected: Calm, fault: str, at: str) -> Cell:
    """Return what comes of ``fault`` at the write called ``at``."""
    stage = rig.sim.running.stage
    root = rig.begin("tried")
    names = names_of(stage)
    waiting = stage.faults.waiting
    waiting += strikes(stage, names, fault, at)
    rig.writes()
    first = rig.run(root, *APPLY)
    wrong = [] if all(strike.struck for strike in waiting) else ["the fault did not strike"]
    waiting.clear()
    times = [named(request, names) for request in rig.writes()].count(at)
    wrong += [] if 1 <= times <= OFTEN.get(at, 1) else [f"it was sent {times} times"]
    wrong += [] if first.code in MAY_END else [f"the first apply: {first}"]
    later: list[int] = []
    applies = 2 if (fault, " ".join(at.split()[:2])) in LATER else 1
    while len(later) < applies and (not later or _is_left(rig, root)):
        ran = rig.run(root, *APPLY)
        later.append(len(rig.writes()))
        wrong += [] if ran.code == 0 else [f"apply {len(later) + 1}: {ran}"]
    left = _is_left(rig, root)
    wrong += [f"left to do: {left}"] if left else []
    wrong += differences(remains(rig.sim.system, root), expected.remains)
    return Cell(first.code, later, [*wrong, first.err] if wrong else [])


def _is_left(rig: Rig, root: Path) -> str:
    """Return the plan, if anything is left to do."""
    ran = rig.run(root, "plan", "--detailed-exitcode")
    return "" if ran.code == 0 else str(ran)
