"""One cell of the matrix: an apply in which one fault strikes one write, another apply, and what is there then."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from .remains import Remains, differences, remains
from .rig import Rig
from .scenario import APPLY
from .strikes import Strike, strikes
from .writes import named, names_of

MAY_END = frozenset({0, 1, 3, 7})
"""Exit codes of an apply that met a fault: done all the same, failed, stopped by a guard, done in part."""


PARTIAL = 7
HALF_RESTORED = "SP435"
RUN = "3"
"""The run that a fault or a crash strikes."""
OFTEN = {
    "POST tag_categories snapplan-e2e": 5,  # each restore needs the category of their records
    "POST vm_actions poweroff web": 2,  # asked for once more when it does not show, which changes nothing if it came
    "POST vm_actions poweron web": 2,
}
"""How often a write may be sent in one apply; all others once."""
LAST = "POST snapshot_profile_actions delete going"
"""The last write of the apply; nothing has to be read behind it."""
LATER = frozenset({("late", "POST tags")})
"""Fault and kind of write after which a third apply is needed: the record of a restore landed when it had been looked for.

The second apply undoes it, and does no more than the plan that was shown before that.
"""
STAYS = {("401", "POST vm_actions poweron web"): ("machine_status", "could not be switched on")}
"""Fault and write after which something stays otherwise: where that is, and what the operator is told of it."""


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
    placed = strikes(stage, names, fault, at)
    stage.faults.waiting += placed
    rig.writes()
    first = rig.run(root, *APPLY)
    stage.faults.waiting.clear()
    rig.wait_for_answers()
    sent = [named(request, names) for request in rig.writes()]
    wrong = [*_missed(placed), *_repeated(at, sent.count(at))]
    wrong += [] if first.code in MAY_END else [f"the first apply: {first}"]
    later, told = _applied_again(rig, root, 2 if (fault, " ".join(at.split()[:2])) in LATER else 1)
    part, said = STAYS.get((fault, at), ("nothing", ""))
    wrong += told if said in first.out else [f"nobody is told that it {said}"]
    wrong += [
        each for each in differences(remains(rig.sim.system, root), expected.remains) if not each.startswith(part)
    ]
    return Cell(first.code, later, [*wrong, first.err] if wrong else [])


def _missed(placed: list[Strike]) -> list[str]:
    missed = [each for each in placed if not each.struck and (each.where == "there" or each.at != LAST)]
    return ["the fault did not strike"] if missed else []


def _repeated(at: str, times: int) -> list[str]:
    return [] if 1 <= times <= OFTEN.get(at, 1) else [f"it was sent {times} times"]


def _applied_again(rig: Rig, root: Path, most: int) -> tuple[list[int], list[str]]:
    """Apply until nothing is left to do, ``most`` times; return how many writes each made, and what is wrong."""
    later: list[int] = []
    wrong: list[str] = []
    left = "everything"
    while left and len(later) < most:
        ran = rig.run(root, *APPLY)
        if ran.code == PARTIAL and HALF_RESTORED in ran.out + ran.err:
            # A restore of which a part was done is completed only when a person says so.
            ran = rig.run(root, *APPLY, "--resume", RUN)
        later.append(len(rig.writes()))
        wrong += [] if ran.code == 0 else [f"apply {len(later) + 1}: {ran}"]
        plan = rig.run(root, "plan", "--detailed-exitcode")
        left = "" if plan.code == 0 else str(plan)
    return later, [*wrong, f"left to do: {left}"] if left else wrong
