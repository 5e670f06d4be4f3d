"""SP301, SP302 and SP303: what is counted, against which limit, and what is stopped."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from snapplan.models.plan import Plan, Verb
from snapplan.models.snapshot import Pin
from snapplan.models.world import Spent

from .guard_worlds import AT, DAILY, blocked, case, cut, dailies, guard, made, verbs, with_backend, with_catalog, world


def unforeseen(planned: Plan) -> int:
    return sum(not action.foreseen for action in planned.actions)


def test_a_cut_retention_is_stopped_with_its_cause_and_its_arithmetic() -> None:
    planned = made(cut())
    found = guard(planned, "SP301")
    assert found.state == "blocked"
    assert (found.value["count"], found.value["of"], found.value["percent"]) == (30, 30, 100.0)
    assert (found.limit["percent"], found.limit["count"], found.limit["per_day"]) == (20.0, 6, 500)
    assert [cause["text"] for cause in found.value["because"]] == [
        'retention 30d -> 3d in profile "gold", period "daily", retroactive'
    ]
    assert verbs(planned, "SP301") == {"expire", "change"}
    assert len(blocked(planned)["SP301"]) == 30


def test_what_is_due_is_taken_all_the_same() -> None:
    planned = made(cut(), at=AT + timedelta(days=1))
    assert [action.blocked_by for action in planned.actions if action.verb is Verb.SNAPSHOT] == [()]


def test_the_old_retention_is_known_from_the_marks_when_the_profile_was_applied_already() -> None:
    one = cut()
    applied = {"gold": made(one).actions[0].change["after"]}
    (cause,) = guard(made(one, with_catalog(one, profiles=applied)), "SP301").value["because"]
    assert cause["text"].startswith("retention 30d -> 3d in")


@pytest.mark.parametrize(("count", "state"), [(3, "ok"), (4, "blocked")])
def test_three_may_always_go(count: int, state: str) -> None:
    planned = made(cut(count=count))
    assert unforeseen(planned) == count
    assert guard(planned, "SP301").state == state


@pytest.mark.parametrize(("spent", "state"), [(0, "ok"), (8, "ok"), (9, "blocked")])
def test_what_was_spent_in_thirty_days_counts_on_both_sides(spent: int, state: str) -> None:
    orphans = [{"snapshot": name, "retention": "1d", "minimum": 0} for name in dailies(4, period="gone")[2:]]
    one = case(policy={"daily": {**DAILY, "retention": "90d"}}, snapshots=[*dailies(40), *orphans])
    elsewhere = Spent("nas", AT, 400)
    planned = made(one, with_catalog(one, spent=(Spent("lab", AT - timedelta(days=29), spent), elsewhere)))
    found = guard(planned, "SP301")
    assert (found.value["count"], found.value["spent"], found.value["of"]) == (2, spent, 42 + spent)
    assert found.state == state


def test_what_was_spent_longer_ago_counts_no_more() -> None:
    one = cut("29d", count=30)
    assert guard(made(one), "SP301").state == "blocked"
    one = cut(count=3)
    old = with_catalog(one, spent=(Spent("lab", AT - timedelta(days=30), 100),))
    recent = with_catalog(one, spent=(Spent("lab", AT - timedelta(days=30) + timedelta(seconds=1), 100),))
    assert guard(made(one, old), "SP301").state == "ok"
    assert guard(made(one, recent), "SP301").value["spent"] == 100


def test_the_plan_is_exact_until_what_was_spent_counts_no_more() -> None:
    one = cut(count=4)
    spent_at = AT - timedelta(days=30) + timedelta(minutes=5)
    planned = made(one, with_catalog(one, spent=(Spent("lab", spent_at, 1),)))
    assert planned.exact_until == AT + timedelta(minutes=5)


@pytest.mark.parametrize(("hours", "state"), [(24, "ok"), (23, "blocked")])
def test_no_more_than_so_many_in_a_rolling_day(hours: int, state: str) -> None:
    one = cut(count=3, config={"guards": {"max_expire": {"per_day": 5, "percent": 100}}})
    planned = made(one, with_catalog(one, spent=(Spent("lab", AT - timedelta(hours=hours), 3),)))
    assert guard(planned, "SP301").state == state


def test_half_of_the_budget_counts_as_used_after_a_rebuild() -> None:
    one = cut(count=3)
    fresh = made(one, with_catalog(one, rebuilt_at=AT - timedelta(days=1)))
    assert guard(fresh, "SP301").state == "blocked"
    assert guard(fresh, "SP301").value["counted_as_used"] == 2
    old = made(one, with_catalog(one, rebuilt_at=AT - timedelta(days=30)))
    assert guard(old, "SP301").state == "ok"


@pytest.mark.parametrize(
    ("policy", "applied", "holds"),
    [(80, None, 20), (80, 50, 50), (10, 50, 10), (80, 80, 80)],
)
def test_the_stricter_of_the_policys_and_the_applied_limit_counts(policy: int, applied: int | None, holds: int) -> None:
    one = cut(config={"guards": {"max_expire": {"percent": policy}}})
    planned = made(one, with_catalog(one, guards={"max_expire": {"percent": applied, "per_day": None}}))
    assert guard(planned, "SP301").limit["percent"] == holds
    assert ("holds once" in guard(planned, "SP301").text) == (policy > holds)


def test_before_the_first_apply_the_policys_own_limit_counts() -> None:
    assert guard(made(cut(config={"guards": {"max_expire": {"percent": 100}}})), "SP301").state == "ok"


def test_with_zero_per_cent_not_one_may_go() -> None:
    assert guard(made(cut(count=1, config={"guards": {"max_expire": {"percent": 0}}})), "SP301").state == "blocked"


def test_allowed_it_stops_nothing_and_is_told() -> None:
    planned = made(cut(), allowed=("SP301", "SP303"))
    assert guard(planned, "SP301").state == "allowed"
    assert blocked(planned) == {}


def test_a_lower_minimum_is_a_surprise() -> None:
    old = {"daily": {**DAILY, "retention": "2d", "min_snapshots": 9}}
    one = case(
        before={"policy": old},
        policy={"daily": {**DAILY, "retention": "2d", "min_snapshots": 1}},
        snapshots=dailies(10)[3:],
    )
    planned = made(one)
    found = guard(planned, "SP301")
    assert {action.reasons[0].code for action in planned.actions if action.verb is Verb.EXPIRE} == {"released"}
    assert (found.state, found.value["count"]) == ("blocked", 6)
    assert found.value["because"][0]["text"] == 'min_snapshots 9 -> 1 in profile "gold", period "daily"'


def test_a_minimum_that_went_up_surprises_nobody() -> None:
    old = {"daily": {**DAILY, "retention": "2d", "min_snapshots": 1}}
    one = case(
        before={"policy": old}, policy={"daily": {**old["daily"], "min_snapshots": 2}}, snapshots=dailies(10)[3:]
    )
    assert unforeseen(made(one)) == 0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"snapshots": [{"snapshot": "gone.20261001T0200Z", "retention": "2d", "minimum": 0}]}, "orphan"),
        ({"snapshots": [{"snapshot": "manual.adopted.x", "taken": "2026-11-01T00:00Z", "retention": "2d"}]}, "expired"),
    ],
)
def test_orphans_and_adopted_snapshots_are_surprises(words: dict[str, Any], reason: str) -> None:
    planned = made(case(**words))
    (action,) = [action for action in planned.actions if action.verb is Verb.EXPIRE]
    assert (action.foreseen, action.reasons[0].code) == (False, reason)
    assert guard(planned, "SP301").value["count"] == 1


def test_a_manual_expiration_brought_forward_is_a_surprise() -> None:
    files = {"snapshots": {"k": {"targets": [{"backend": "lab", "scope": "volume"}], "expires": "2d"}}}
    taken = [{"snapshot": "manual.k", "taken": "2026-11-22T00:00Z", "retention": "9d"}]
    planned = made(case(files=files, snapshots=taken, catalog={"manual": ["lab/volume/a@k"]}))
    (change,) = [action for action in planned.actions if action.verb is Verb.CHANGE]
    assert not change.foreseen
    assert guard(planned, "SP301").value["because"][0]["text"] == "expires of manual snapshot k was brought forward"


def test_half_made_snapshots_are_removed_and_counted_by_no_guard() -> None:
    halves = [{"snapshot": name, "complete": False} for name in dailies(30)]
    planned = made(case(snapshots=halves))
    assert sum(action.verb is Verb.EXPIRE for action in planned.actions) == 30
    assert all(action.foreseen and not action.blocked_by for action in planned.actions)
    assert guard(planned, "SP302").value["count"] == 0


def over(count: int, **words: Any) -> dict[str, Any]:
    """A case with ``count`` manual snapshots that were over long ago, and as many daily ones as are in ``words``."""
    taken = [{"snapshot": f"manual.k{n}", "taken": "2026-11-01T00:00Z", "retention": "2d"} for n in range(count)]
    return case(snapshots=[*taken, *dailies(words.pop("held", 20))], **words)


@pytest.mark.parametrize(("count", "state"), [(10, "ok"), (11, "blocked")])
def test_of_what_was_over_before_ten_may_go(count: int, state: str) -> None:
    one = over(count)
    planned = made(one, with_catalog(one, high_water=AT - timedelta(hours=1)))
    assert guard(planned, "SP302").value["count"] == count
    assert guard(planned, "SP302").state == state
    assert len(blocked(planned).get("SP302", [])) == (count if state == "blocked" else 0)


def test_or_a_fifth_of_all_or_three_times_what_was_taken_today() -> None:
    one = over(12, held=60)
    assert guard(made(one), "SP302").limit["count"] == int(0.2 * 72)
    hourly = {"hourly": {"frequency": "hourly", "retention": "30d"}}
    taken = [f"hourly.{AT - timedelta(hours=back):%Y%m%dT%H00Z}" for back in range(1, 6)]
    old = over(12)["snapshots"][:12]
    found = guard(
        made(case(policy=hourly, snapshots=[*old, *taken], nothing_due=False, since="2026-11-22T06:00Z")), "SP302"
    )
    assert found.value["taken"] == 6
    assert found.limit["count"] == 18


def test_what_the_outage_missed_may_go_too() -> None:
    since = {"catalog": {"last_slot": {"daily": "2026-10-22T02:00Z"}}, "nothing_due": False}
    found = guard(made(over(12, held=0, **since)), "SP302")
    assert (found.value["missed"], found.value["taken"]) == (30, 1)
    assert found.limit["count"] == 33


def test_what_ended_since_the_last_apply_is_on_time_whatever_its_number() -> None:
    one = over(40)
    planned = made(one, with_catalog(one, high_water=AT - timedelta(days=30), guards={})._replace(second_clock=AT))
    assert guard(planned, "SP302").value["on_time"] == 40
    assert blocked(planned) == {}


def test_the_end_of_a_pin_that_was_announced_is_on_time_and_taking_it_away_is_not() -> None:
    one = over(40)
    state = world(one).backends["lab"]

    def pinned(pin: Pin | None) -> Plan:
        held = [s._replace(mark=s.mark._replace(pin=pin)) if s.mark and s.mark.key else s for s in state.snapshots]
        changed = with_backend(one, snapshots=held)
        return made(one, changed._replace(catalog=changed.catalog._replace(high_water=AT - timedelta(hours=1))))

    assert guard(pinned(Pin("ann", "audit", AT - timedelta(minutes=5))), "SP302").state == "ok"
    assert guard(pinned(None), "SP302").state == "blocked"


@pytest.mark.parametrize("kind", ["manual", "custom"])
def test_what_was_made_to_end_together_counts_as_one(kind: str) -> None:
    targets = [f"lab/volume/t{n}" for n in range(30)]
    name = "manual.k" if kind == "manual" else "gold.once.20261101T0000Z"
    period = {"frequency": "custom", "at": "2026-11-01T00:00", "retention": "2d", "min_snapshots": 0}
    taken = [{"snapshot": f"{one}@{name}", "taken": "2026-11-01T00:00Z", "retention": "2d"} for one in targets]
    planned = made(case(policy={"once": period}, targets=targets, snapshots=taken))
    assert guard(planned, "SP302").value["count"] == 1
    assert guard(planned, "SP302").value["snapshots"] == 30
    assert blocked(planned) == {}


def test_the_last_copy_of_a_target_never_goes_unforeseen() -> None:
    orphans = [{"snapshot": name, "retention": "2d", "minimum": 0} for name in dailies(3, period="gone")[1:]]
    others = [{"snapshot": "lab/volume/b@gold.gone.20261001T0200Z", "retention": "2d", "minimum": 0}]
    one = case(targets=["lab/volume/a", "lab/volume/b"], snapshots=[*orphans, *others, *dailies(1, "lab/volume/b")])
    planned = made({**one, "now": "2026-11-25T12:00Z"}, at=AT + timedelta(days=3))
    assert guard(planned, "SP303").value == {
        "count": 1,
        "targets": ["lab/volume/a"],
        "because": guard(planned, "SP303").value["because"],
    }
    assert {action.target for action in blocked(planned)["SP303"]} == {"lab/volume/a"}
    assert len(blocked(planned)["SP303"]) == 2


def test_a_planned_snapshot_is_no_copy_yet() -> None:
    orphan = [{"snapshot": "gone.20261001T0200Z", "retention": "2d", "minimum": 0}]
    planned = made(case(snapshots=orphan, nothing_due=False))
    assert any(action.verb is Verb.SNAPSHOT and not action.blocked_by for action in planned.actions)
    assert verbs(planned, "SP303") == {"expire"}


def test_a_foreseen_last_copy_may_go() -> None:
    manual = [{"snapshot": "manual.k", "taken": "2026-11-01T00:00Z", "retention": "2d"}]
    assert blocked(made(case(snapshots=manual))) == {}


def test_the_old_minimum_is_known_from_the_marks_when_the_profile_was_applied_already() -> None:
    lower = {"daily": {**DAILY, "retention": "2d", "min_snapshots": 1}}
    held = [{"snapshot": name, "minimum": 9} for name in dailies(10)[3:]]
    (cause,) = guard(made(case(policy=lower, snapshots=held)), "SP301").value["because"]
    assert cause["text"] == 'min_snapshots 9 -> 1 in profile "gold", period "daily"'


@pytest.mark.parametrize(
    ("retention", "text"), [("5d", "min_snapshots 9 -> 1 in {}"), ("2d", "retention 5d -> 2d in {}, retroactive")]
)
def test_what_a_renamed_period_brings_about_is_told_under_its_new_name(retention: str, text: str) -> None:
    old = {"daily": {**DAILY, "retention": "5d", "min_snapshots": 9}}
    one = case(
        before={"policy": old},
        policy={"nightly": {**DAILY, "retention": retention, "min_snapshots": 1}},
        files={"moved": [{"from": "profiles.gold.daily", "to": "profiles.gold.nightly"}]},
        profile={"retroactive": True},
        snapshots=dailies(10),
    )
    (cause,) = guard(made(one), "SP301").value["because"]
    assert cause["text"] == text.format('profile "gold", period "nightly"')
