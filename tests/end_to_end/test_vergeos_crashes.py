"""The process stops dead within an apply that has every verb on a VergeOS system; another ends where a calm one does."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from snapplan.crash import AT_VARIABLE, EXIT_CODE, LOG_VARIABLE

from .vergeos_faults.matrix import HALF_RESTORED, PARTIAL, RUN, Calm, calm
from .vergeos_faults.remains import differences, remains
from .vergeos_faults.rig import Rig, rig
from .vergeos_faults.scenario import APPLY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ALL = os.environ.get("SNAPPLAN_FAULTS") == "all"
PARTS = 8
"""So many tests share the points, so that processes can share the tests."""
FEWEST_POINTS = 60
OF_THE_DRIVER = frozenset(
    {
        *("vergeos.profile.made", "vergeos.profile.period", "vergeos.profile.written", "vergeos.profile.removing"),
        *("vergeos.profile.delete", "vergeos.profile.deleted", "vergeos.assign.before", "vergeos.assign.written"),
        *("vergeos.restore.started", "vergeos.restore.off", "vergeos.restore.acting", "vergeos.restore.acted"),
        *("vergeos.restore.powered", "vergeos.restore.done", "vergeos.create.before", "vergeos.create.posted"),
        *("vergeos.change.written", "vergeos.expire.before", "vergeos.expire.deleted"),
    }
)


class Tried(NamedTuple):
    """What is tried: the rig, what a calm apply leaves, and the moments to stop at, as ``name:occurrence``."""

    rig: Rig
    calm: Calm
    points: list[str]


@pytest.fixture(scope="module")
def stopping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    folder = tmp_path_factory.mktemp("crashes")
    with rig(folder) as made:
        log = folder / "points"
        assert made.run(made.begin("logged"), *APPLY, **{LOG_VARIABLE: str(log)}).code == 0
        yield Tried(made, calm(made), moments(log))


def moments(log: Path) -> list[str]:
    """Return every moment, or of each point the first and the last."""
    counted = sorted(Counter(log.read_text().split()).items())
    return [f"{name}:{n}" for name, times in counted for n in (range(1, times + 1) if ALL else sorted({1, times}))]


def test_the_apply_goes_by_every_point_of_the_driver(stopping: Tried) -> None:
    assert {point.partition(":")[0] for point in stopping.points} >= OF_THE_DRIVER
    assert len(stopping.points) >= FEWEST_POINTS


@pytest.mark.parametrize("part", range(PARTS))
def test_stopped_at_any_point_the_next_apply_ends_as_a_calm_one(stopping: Tried, part: int) -> None:
    wrong = [f"{point}: {told}" for point in stopping.points[part::PARTS] for told in ended(stopping, point)]
    assert wrong == [], "\n".join(wrong)


def ended(stopping: Tried, point: str) -> Iterator[str]:
    """Stop at ``point``, apply again, and yield what is wrong then."""
    made, expected, _ = stopping
    root = made.begin("stopped")
    stopped = made.run(root, *APPLY, **{AT_VARIABLE: point})
    if stopped.code != EXIT_CODE:
        yield f"was not reached: {stopped}"
        return
    again = made.run(root, *APPLY)
    if again.code == PARTIAL and HALF_RESTORED in again.out + again.err:
        # A restore of which a part was done is completed only when a person says so.
        again = made.run(root, *APPLY, "--resume", RUN)
    if again.code != 0:
        yield f"the next apply: {again}"
    plan = made.run(root, "plan", "--detailed-exitcode")
    if plan.code != 0:
        yield f"something is left to do: {plan}"
    yield from differences(remains(made.sim.system, root), expected.remains)
