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
    wrong += [f"it was sent {times} times"] if times != 1 else []
    wrong += [] if first.code in MAY_END else [f"the first apply: {first}"]
    later, told = _applied_again(rig, root)
    wrong += told
    wrong += differences(remains(rig.sim.system, root), expected.remains)
    return Cell(first.code, later, [f"{line}\n{first}" for line in wrong])


def _applied_again(rig: Rig, root: Path) -> tuple[list[int], list[str]]:
    """Apply until nothing is left to do; return how many writes each apply made, and what is wrong."""
    ran = rig.run(root, *APPLY)
    later = [len(rig.writes())]
    wrong = [] if ran.code == 0 else [f"the second apply: {ran}"]
    plan = rig.run(root, "plan", "--detailed-exitcode")
    return later, wrong + ([] if plan.code == 0 else [f"something is left to do: {plan}"])
