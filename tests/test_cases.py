"""Every file of ``tests/cases`` is a behaviour: its name is the sentence, its ``expect`` the answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from case_answers import ALWAYS, filled, observed, word
from case_files import focus_of, instant, later, orders_of, policy_of, world_of
from imagined import carry_out

from snapplan.config.yaml import load
from snapplan.models.order import Focus, Orders
from snapplan.models.plan import Plan
from snapplan.models.world import World
from snapplan.planner.build import plan
from snapplan.planner.context import prepare

CASES = Path(__file__).parent / "cases"
FILES = sorted(CASES.rglob("*.yaml"))
POLICY_WORDS = {"policy", "profile", "assignment", "config", "files"}
WORLD_WORDS = {
    "targets",
    "snapshots",
    "capabilities",
    "live_runs",
    "started_restores",
    "drift",
    "unreachable",
    "platform",
}
CLOCK_WORDS = {"second_clock", "backend_clock", "vanished", "notices", "requests"}
RUN_WORDS = {"orders", "focus", "allowed", "now", "expect", "fails"}
WORDS = (
    POLICY_WORDS | WORLD_WORDS | CLOCK_WORDS | RUN_WORDS | {"before", "new", "since", "nothing_due", "catalog", "then"}
)
STEP_WORDS = POLICY_WORDS | RUN_WORDS | {"targets", "snapshots", "unreachable", "platform", "after"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CASES).with_suffix("")))
def test_case(path: Path) -> None:
    case = read(path)
    assert case.keys() <= WORDS, case.keys() - WORDS
    now = instant(case["now"])
    world = world_of(case, policy_of(case))
    made = check(case, world, now)
    for step in case.get("then", []):
        assert step.keys() <= STEP_WORDS, step.keys() - STEP_WORDS
        world = carry_out(refreshed(world, case, now), made, now, failing(made, case))
        now = later(now, step)
        case = {**case, "orders": {}, "fails": [], **step}
        world = changed_outside(world, case, step)
        made = check(case, world, now)


def check(case: Mapping[str, Any], world: World, now: datetime) -> Plan:
    """Plan, compare with what is expected, and return the plan."""
    policy = policy_of(dict(case))
    orders, focus = orders_of(dict(case)), focus_of(dict(case))
    made = plan(policy, world, now, orders=orders, focus=focus, allowed=case.get("allowed", ()))
    found = observed(made, policy, world, now)
    named = case["expect"]
    assert named.keys() <= found.keys(), named.keys() - found.keys()
    assert filled({name: found[name] for name in ALWAYS | named.keys()}) == filled(named)
    return made


def failing(made: Plan, case: Mapping[str, Any]) -> set[int]:
    """Return the numbers of the actions that the case says fail."""
    numbers = {action.number for action in made.actions if word(action) in case.get("fails", [])}
    assert len(numbers) == len(case.get("fails", [])), f"{case['fails']} are not all planned"
    return numbers


def refreshed(world: World, case: Mapping[str, Any], now: datetime) -> World:
    """Return the world with the slots recorded that its snapshots satisfy, as an apply records what it reads."""
    raised = prepare(policy_of(dict(case)), world, now, Orders(), Focus()).tracked
    tracked = {triple: raised[triple] for triple in world.catalog.tracked}
    return world._replace(catalog=world.catalog._replace(tracked=tracked))


def changed_outside(world: World, case: Mapping[str, Any], step: Mapping[str, Any]) -> World:
    """Return the world as a step's ``targets`` or ``snapshots`` say that it is now."""
    if not step.keys() & WORLD_WORDS:
        return world
    fresh = world_of(dict(case), policy_of(dict(case))).backends
    backends = dict(world.backends)
    for name, state in fresh.items():
        old = backends.get(name, state)
        held = state.snapshots if "snapshots" in step else old.snapshots
        platform = state.platform if "platform" in step else old.platform
        backends[name] = old._replace(targets=state.targets, snapshots=held, error=state.error, platform=platform)
    return world._replace(backends=backends)


def read(path: Path) -> dict[str, Any]:
    document = load(path.read_bytes())
    assert not document.problems, document.problems
    case: dict[str, Any] = document.data
    return case


def test_every_case_begins_with_its_rule_in_one_line() -> None:
    heads = {path: path.read_text(encoding="utf-8").split("\n", 2)[:2] for path in FILES}
    assert [path for path, (first, second) in heads.items() if not first.startswith("# ") or second[:1] in "# "] == []


def test_the_language_is_described() -> None:
    readme = (CASES / "README.md").read_text(encoding="utf-8")
    case = {"policy": {"p": {"frequency": "hourly", "retention": "1d"}}, "now": "2026-11-22T12:00Z"}
    policy, now = policy_of(case), instant(case["now"])
    world = world_of(case, policy)
    answers = observed(plan(policy, world, now), policy, world, now)
    assert [name for name in sorted(WORDS | STEP_WORDS | answers.keys()) if f"`{name}`" not in readme] == []
