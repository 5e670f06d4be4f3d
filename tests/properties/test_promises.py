"""Long lives of a policy in which anything may happen: damage, gaps, vanished content, wrong clocks, lost policies.

What must hold in each of them is what an operator is promised; nothing here looks at how it is kept.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from case_files import EVERYTHING
from hypothesis import given, settings
from hypothesis import strategies as st
from imagined import carry_out, snapshots
from test_conditions import FLAWS
from test_planner import PROFILES, group, policy_with

from snapplan.models.plan import Plan, Verb
from snapplan.models.policy import Policy
from snapplan.models.snapshot import Condition, Snapshot
from snapplan.models.target import Scope, Target
from snapplan.models.world import BackendState, CatalogState, World
from snapplan.planner.build import plan
from snapplan.planner.guards.sticky import stopped

pytestmark = pytest.mark.slow  # each example is a life of up to 25 applies
START = datetime(2026, 10, 20, tzinfo=UTC)
WAIT = st.tuples(st.just("wait"), st.integers(1, 23 * 60))
EVENTS = st.lists(
    st.one_of(
        WAIT,
        WAIT,
        WAIT,
        st.tuples(st.just("flaw"), st.tuples(st.integers(0, 9), st.sampled_from(list(FLAWS)))),
        st.tuples(st.just("taken as"), st.sampled_from([Condition.SOUND, Condition.SUSPICIOUS, Condition.GAPS])),
        st.tuples(st.just("clock"), st.sampled_from([-26 * 60, -30, 0, 0, 0, 0, 30, 26 * 60])),
        st.tuples(st.just("second"), st.sampled_from([None, -26 * 60, -30, 0, 0, 0, 30])),
        st.tuples(st.just("policy"), st.sampled_from(["all", "all", "none", "one"])),
        st.tuples(st.just("more targets"), st.integers(1, 5)),
    ),
    min_size=5,
    max_size=25,
)


class Life:
    """A world that is applied after each event; ``real`` is the true time, the clock may show another."""

    def __init__(self, profile: dict[str, Any]) -> None:
        self.policies = policies_of(profile)
        self.policy = self.policies["all"]
        made = tuple(Target("lab", Scope.VOLUME, name, f"volume/{name}") for name in "ab")
        self.world = World(CatalogState(), {"lab": BackendState("lab", EVERYTHING, made, [])})
        self.real, self.off, self.condition = START, timedelta(), Condition.SOUND
        self.second: timedelta | None = timedelta()

    @property
    def now(self) -> datetime:
        return self.real + self.off

    def meet(self, event: tuple[str, Any]) -> None:
        what, value = event
        match what:
            case "wait":
                self.real += timedelta(minutes=value)
            case "flaw":
                self.flaw(*value)
            case "taken as":
                self.condition = value
            case "clock":
                self.off = timedelta(minutes=value)
            case "second":
                self.second = None if value is None else timedelta(minutes=value)
            case "policy":
                self.policy = self.policies[value]
            case _:
                self.grow(value)

    def flaw(self, number: int, condition: Condition) -> None:
        held = snapshots(self.world)
        if held:
            one = held[number % len(held)]
            whole = one._replace(damage="", suspicion="", gaps="", set_aside=False)
            self.hold([each if each is not one else whole._replace(**FLAWS[condition]) for each in held])

    def hold(self, held: list[Snapshot]) -> None:
        self.world = self.world._replace(backends={"lab": self.world.backends["lab"]._replace(snapshots=held)})

    def grow(self, count: int) -> None:
        state = self.world.backends["lab"]
        more = [f"x{len(state.targets) + n}" for n in range(count)]
        targets = (*state.targets, *(Target("lab", Scope.VOLUME, name, f"volume/{name}") for name in more))
        self.world = self.world._replace(backends={"lab": state._replace(targets=targets)})

    def plan(self) -> Plan:
        second = None
        if self.second is not None and self.world.catalog.high_water is not None:
            second = self.now + self.second
        self.world = self.world._replace(second_clock=second)
        return plan(self.policy, self.world, self.now)

    def apply(self, made: Plan) -> None:
        """Carry the plan out, and record what an apply records."""
        before = {one.native_id for one in snapshots(self.world)}
        after = carry_out(self.world, made, self.now)
        held = [one if one.native_id in before else one._replace(**FLAWS[self.condition]) for one in snapshots(after)]
        catalog = after.catalog._replace(
            blocked=dict.fromkeys(stopped(made.actions, made.guards), self.now)
            | {k: v for k, v in self.world.catalog.blocked.items() if k in set(stopped(made.actions, made.guards))},
            assigned={triple[:3]: "everything" for triple in after.catalog.tracked},
        )
        clock_ok = all(guard.state != "blocked" for guard in made.guards if guard.name == "clock")
        if clock_ok:
            catalog = catalog._replace(high_water=max(self.now, catalog.high_water or self.now))
        self.world = after._replace(catalog=catalog)
        self.hold(held)


def policies_of(profile: dict[str, Any]) -> dict[str, Policy]:
    whole = policy_with({**profile, "retroactive": False})
    selector = whole.assignments["everything"].targets[0].model_copy(update={"names": ("a",)})
    one = whole.assignments["everything"].model_copy(update={"targets": (selector,)})
    return {
        "all": whole,
        "none": whole._replace(assignments={}),
        "one": whole._replace(assignments={"everything": one}),
    }


def gone(made: Plan) -> list[Snapshot]:
    return [a.request.snapshot for a in made.actions if a.verb is Verb.EXPIRE and not a.blocked_by]


@given(PROFILES, EVENTS)
@settings(deadline=None, max_examples=50)
def test_whatever_happens_what_is_promised_holds(profile: dict[str, Any], events: list[tuple[str, Any]]) -> None:
    life = Life(profile)
    life.apply(life.plan())
    for event in events:
        life.meet(event)
        made = life.plan()
        lost = gone(made)
        _nothing_is_lost_by_the_clock(life, lost)
        _the_newest_good_ones_stay(life, lost)
        for one in lost:
            assert one.condition is not Condition.DAMAGED
            assert one.mark is not None
            assert one.condition is Condition.INCOMPLETE or (one.mark.expires_at or life.now) <= life.now
        assert made.document() == life.plan().document()
        life.apply(made)
        if not any(action.blocked_by for action in made.actions) and life.condition is Condition.SOUND:
            assert life.plan().actions == ()


def _nothing_is_lost_by_the_clock(life: Life, lost: list[Snapshot]) -> None:
    """While a second clock proves the clock wrong, or the clock is behind what was confirmed, nothing expires."""
    confirmed = life.world.catalog.high_water
    if confirmed is None:
        return
    wrong = life.second is not None and abs(life.second) > timedelta(minutes=5)
    if wrong or life.now < confirmed - timedelta(minutes=5):
        assert lost == []


def _the_newest_good_ones_stay(life: Life, lost: list[Snapshot]) -> None:
    """Each group keeps its minimum of sound and of usable ones; a target never loses its last one of either."""
    ids = {one.native_id for one in lost}
    for kind in ("holds", "latest"):
        had: Counter[tuple[str, ...]] = Counter()
        has: Counter[tuple[str, ...]] = Counter()
        for one in snapshots(life.world):
            if getattr(one.standing, kind) and one.taken_at <= life.now:
                had[group(one)] += 1
                has[group(one)] += one.native_id not in ids
        for name, count in had.items():
            minimum = life.policy.profiles[name[1]].periods[name[2]].min_snapshots or 0
            due = 1 if count > has[name] else 0  # one of them may go when this plan's own is made
            assert has[name] >= min(minimum, count) - due, (kind, name)
