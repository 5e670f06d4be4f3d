"""Every file of ``tests/cases`` is a behaviour: its name is the sentence, its ``expect`` the whole answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from case_files import focus_of, instant, observed, orders_of, policy_of, world_of

from snapplan.config.yaml import load
from snapplan.planner.build import plan

CASES = Path(__file__).parent / "cases"
FILES = sorted(CASES.rglob("*.yaml"))
ASKED_FOR = ("because", "after", "held", "assign", "profile")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CASES).with_suffix("")))
def test_case(path: Path) -> None:
    case = read(path)
    policy = policy_of(case)
    world = world_of(case, policy)
    now = instant(case["now"])
    made = plan(policy, world, now, orders=orders_of(case), focus=focus_of(case))
    found = observed(made, policy, world, now)
    expected = case["expect"]
    assert {key: value for key, value in found.items() if key not in ASKED_FOR or key in expected} == expected


def read(path: Path) -> dict[str, Any]:
    document = load(path.read_bytes())
    assert not document.problems, document.problems
    case: dict[str, Any] = document.data
    return case
