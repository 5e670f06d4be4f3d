"""The guards of the clock, the inventory, assignments and targets, and how blocking spreads."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from case_files import policy_of

from snapplan.models.order import AdoptOrder, Focus, Orders, SnapshotOrder
from snapplan.models.plan import Action, Plan, Verb
from snapplan.models.target import Quiesce
from snapplan.models.world import Tracked, Triple, Vanished, World
from snapplan.planner.build import plan
from snapplan.planner.digest import digest_of
from snapplan.planner.foresight import ended_at
from snapplan.planner.guards.sticky import clock_subject, stopped
from snapplan.planner.guards.tally import target_id

from .guard_worlds import (
    AT,
    DAILY,
    NOW,
    blocked,
    case,
    cut,
    dailies,
    guard,
    made,
    verbs,
    with_backend,
    with_catalog,
    world,
)

HOUR = timedelta(hours=1)


def clock(planned: Plan) -> str:
    return guard(planned, "SP306", None).state


@pytest.mark.parametrize(
    ("ahead", "state"),
    [
        (timedelta(minutes=-5), "ok"),
        (timedelta(minutes=-5, seconds=-1), "blocked"),
        (timedelta(days=1), "ok"),
        (timedelta(days=1, seconds=1), "blocked"),
    ],
)
def test_the_clock_may_step_back_five_minutes_and_run_ahead_a_day(ahead: timedelta, state: str) -> None:
    one = case()
    assert clock(made(one, with_catalog(one, high_water=AT - ahead))) == state


def test_before_the_first_apply_any_time_is_believed() -> None:
    assert clock(made(case())) == "ok"


MINUTES = timedelta(minutes=5)


@pytest.mark.parametrize(
    ("off", "stopped"),
    [
        (timedelta(), set()),
        (MINUTES, set()),
        (-MINUTES, set()),
        (MINUTES + timedelta(seconds=1), {"expire"}),
        (HOUR, {"expire"}),
        (-HOUR, {"expire"}),
        (HOUR + timedelta(seconds=1), {"expire", "snapshot"}),
    ],
)
@pytest.mark.parametrize("whose", ["machine", "backend"])
def test_a_jump_is_believed_within_the_hour_and_nothing_expires_from_five_minutes_on(
    whose: str, off: timedelta, stopped: set[str]
) -> None:
    one = case(nothing_due=False, snapshots=dailies(40)[5:], catalog={"last_slot": {"daily": "2026-11-17T02:00Z"}})
    changed = with_backend(one, clock=AT + off) if whose == "backend" else world(one)._replace(second_clock=AT + off)
    changed = changed._replace(catalog=changed.catalog._replace(high_water=AT - timedelta(days=9)))
    planned = made(one, changed)
    assert {Verb.SNAPSHOT, Verb.EXPIRE} <= {action.verb for action in planned.actions}
    assert {str(action.verb) for action in planned.actions if "SP306" in action.blocked_by} == stopped


def test_a_backends_clock_stops_that_backend_only_and_the_machines_all() -> None:
    one = case(
        config={"backends": {"lab": {"driver": "memory"}, "nas": {"driver": "memory"}}},
        targets=["lab/volume/a", "nas/volume/a"],
        snapshots=[*dailies(40), *(f"nas/volume/a@gold.{name}" for name in dailies(40))],
    )
    found = world(one)
    found = found._replace(catalog=found.catalog._replace(high_water=AT - HOUR))
    lab = found.backends["lab"]._replace(clock=AT - HOUR)
    planned = made(one, found._replace(backends={**found.backends, "lab": lab}))
    assert {action.backend for action in planned.actions if action.verb is Verb.EXPIRE} == {"lab", "nas"}
    assert {action.backend for action in planned.actions if "SP306" in action.blocked_by} == {"lab"}
    planned = made(one, found._replace(second_clock=AT - HOUR))
    assert {action.backend for action in planned.actions if "SP306" in action.blocked_by} == {"lab", "nas"}


@pytest.mark.parametrize(("ago", "overdue"), [(timedelta(hours=23), False), (timedelta(hours=24), True)])
def test_clocks_that_disagree_for_a_day_are_overdue_although_nothing_is_stopped(ago: timedelta, overdue: bool) -> None:
    one = case()
    found = with_catalog(one, high_water=AT - HOUR, blocked={("SP306", clock_subject(None)): AT - ago})
    result = next(each for each in made(one, found._replace(second_clock=AT - HOUR)).guards if each.name == "clock")
    assert (result.state, result.value["overdue"]) == ("blocked", overdue)
    assert result.value["disagrees"] == AT - HOUR


def test_without_a_second_clock_nothing_disagrees() -> None:
    one = case()
    assert clock(made(one, with_catalog(one, high_water=AT - HOUR))) == "ok"


def jumped() -> Plan:
    one = case(nothing_due=False, snapshots=dailies(40)[5:], catalog={"last_slot": {"daily": "2026-11-17T02:00Z"}})
    return made(one, with_catalog(one, high_water=AT - timedelta(days=9)))


def test_a_jump_ahead_stops_every_action_and_records_nothing_as_missed() -> None:
    planned = jumped()
    assert {Verb.SNAPSHOT, Verb.EXPIRE} <= {action.verb for action in planned.actions}
    assert all("SP306" in action.blocked_by for action in planned.actions)
    assert planned.missed == ()


def test_an_empty_plan_is_blocked_too_so_that_its_time_is_not_confirmed() -> None:
    one = case()
    planned = made(one, with_catalog(one, high_water=AT - timedelta(days=9)))
    assert (planned.actions, clock(planned)) == ((), "blocked")


def test_what_ended_while_the_clock_was_in_doubt_is_a_surprise_even_when_that_is_allowed() -> None:
    one = case(snapshots=[f"manual.k{n}" for n in ()] + dailies(40))
    planned = made(one, with_catalog(one, high_water=AT - timedelta(days=9, hours=1)), allowed=("SP306",))
    assert clock(planned) == "allowed"
    expiries = {action.slot: action.foreseen for action in planned.actions if action.verb is Verb.EXPIRE}
    confirmed = AT - timedelta(days=9, hours=1)
    assert expiries
    assert all(foreseen == (slot + timedelta(days=30) <= confirmed) for slot, foreseen in expiries.items() if slot)
    assert set(blocked(planned)) == {"SP301"}


def test_after_a_step_back_nothing_is_due_until_it_is_allowed() -> None:
    one = case(nothing_due=False, snapshots=dailies(40)[1:])
    back = with_catalog(one, high_water=AT + HOUR)
    assert made(one, back).actions == ()
    planned = made(one, back, allowed=("SP306",))
    assert {action.verb for action in planned.actions} == {Verb.SNAPSHOT, Verb.EXPIRE}
    assert clock(planned) == "allowed"


LOSSY = {
    "nothing_due": False,
    "catalog": {"tracked": ["lab/volume/b gold daily"]},
    "assignment": {"targets": [{"backend": "lab", "scope": "volume", "names": ["a"]}]},
    "targets": ["lab/volume/a", "lab/volume/b"],
}


@pytest.mark.parametrize(
    ("gone", "state"),
    [
        (Vanished(4, 0, 10, 100), "ok"),
        (Vanished(5, 0, 10, 100), "blocked"),
        (Vanished(5, 0, 26, 100), "ok"),
        (Vanished(6, 0, 26, 100), "blocked"),
        (Vanished(0, 20, 10, 100), "blocked"),
        (Vanished(0, 19, 10, 100), "ok"),
    ],
)
def test_a_fifth_of_the_inventory_but_five_at_least(gone: Vanished, state: str) -> None:
    one = cut(count=2)
    found = made(one, with_backend(one, vanished=gone))
    assert guard(found, "SP305").state == state


def test_a_shrunken_inventory_stops_what_takes_more_away_and_nothing_else() -> None:
    halves = [{"snapshot": "daily.20261122T0200Z", "complete": False}]
    one = case(**LOSSY, snapshots=[*dailies(40)[1:], *halves])
    planned = made(one, with_backend(one, vanished=Vanished(9, 0, 10, 0)))
    stopped = {action.number for action in blocked(planned)["SP305"]}
    assert {str(a.verb) for a in planned.actions if a.number in stopped} == {"expire", "assign"}
    free = [action for action in planned.actions if action.number not in stopped]
    assert Verb.SNAPSHOT in {action.verb for action in free}
    assert [a.reasons[0].code for a in free if a.verb is Verb.EXPIRE] == ["incomplete"]


def test_an_order_that_takes_nothing_away_is_not_held_up_by_what_vanished() -> None:
    one = case()
    orders = Orders(snapshots=(SnapshotOrder(("lab/volume/a",), "CHG-1", None),))
    planned = plan(policy_of(one), with_backend(one, vanished=Vanished(9, 0, 10, 0)), AT, orders=orders)
    assert guard(planned, "SP305").state == "ok"
    assert [action.blocked_by for action in planned.actions] == [()]


def test_with_zero_per_cent_one_that_vanished_is_too_many() -> None:
    one = cut(count=2, config={"guards": {"inventory": {"percent": 0}}})
    assert guard(made(one, with_backend(one, vanished=Vanished(0, 1, 10, 10))), "SP305").state == "blocked"
    assert guard(made(one, with_backend(one, vanished=Vanished(0, 0, 10, 10))), "SP305").state == "ok"


def unassigning(total: int, kept: int, **words: Any) -> dict[str, Any]:
    """A case in which of ``total`` targets the first ``kept`` stay assigned; each had a snapshot that is over."""
    addresses = [f"lab/volume/t{n:02}" for n in range(total)]
    names = [f"t{n:02}" for n in range(kept)] or ["none"]
    return case(
        before={"assignment": {}, **words.pop("before", {})},
        targets=addresses,
        assignment={"targets": [{"backend": "lab", "scope": "volume", "names": names}]},
        snapshots=[f"{one}@gold.daily.20261001T0200Z" for one in addresses]
        + [f"{one}@gold.daily.20261002T0200Z" for one in addresses],
        **words,
    )


@pytest.mark.parametrize(
    ("total", "kept", "state"), [(8, 5, "ok"), (8, 4, "blocked"), (50, 45, "ok"), (50, 44, "blocked")]
)
def test_a_tenth_of_the_targets_may_lose_their_protection_but_three_at_least(total: int, kept: int, state: str) -> None:
    found = guard(made(unassigning(total, kept)), "SP304")
    assert (found.value["count"], found.value["of"]) == (total - kept, total)
    assert found.state == state


def test_the_targets_stay_protected_and_their_orphans_stay() -> None:
    planned = made(unassigning(20, 10))
    stopped = blocked(planned)["SP304"]
    assert {(str(action.verb), action.target) for action in stopped} == {
        (verb, f"lab/volume/t{n:02}") for verb in ("assign", "expire") for n in range(10, 20)
    }


def test_a_profile_stays_while_the_end_of_its_assignments_is_blocked() -> None:
    one = unassigning(20, 0)
    policy = policy_of(one)._replace(profiles={}, assignments={})
    planned = plan(policy, world(one), AT)
    assert verbs(planned, "SP304") == {"assign", "profile", "expire"}


@pytest.mark.parametrize("how", ["gone", "focus", "other profile", "moved"])
def test_what_is_gone_out_of_sight_or_renamed_ends_nothing(how: str) -> None:
    one = unassigning(20, 0)
    policy, found, focus = policy_of(one), world(one), None
    if how == "gone":
        found = with_backend(one, targets=())
    elif how == "focus":
        focus = Focus(targets=("lab/volume/t00",))
    else:
        files = {
            "profiles": {"silver": {"periods": {"daily": DAILY}}},
            "assignments": {"all": {"profile": "silver", "targets": [{"backend": "lab", "scope": "volume"}]}},
            "moved": [{"from": "profiles.gold", "to": "profiles.silver"}] if how == "moved" else [],
        }
        policy = policy_of({"files": files})
        policy = policy._replace(config=policy_of(one).config)
    planned = plan(policy, found, AT, focus=focus)
    assert "SP304" not in blocked(planned)
    assert guard(planned, "SP304").value["count"] == (1 if how == "focus" else 0)


def emptied(**fields: Any) -> Plan:
    one = unassigning(2, 0)
    assigned = {("lab", f"volume/t0{n}", "gold"): "everything" for n in range(2)}
    return made(one, with_catalog(one, assigned=assigned, **fields))


def test_an_assignment_that_shrank_to_nothing_is_stopped_however_few_it_selected() -> None:
    found = guard(emptied(), "SP304")
    assert (found.state, found.value["emptied"]) == ("blocked", ["everything"])
    assert {str(action.verb) for action in blocked(emptied())["SP304"]} == {"assign", "expire"}


@pytest.mark.parametrize("count", [1, 2])
def test_an_assignment_that_was_taken_out_of_the_policy_trips_it_whatever_the_number(count: int) -> None:
    one = unassigning(count, 0)
    assigned = {("lab", f"volume/t0{n}", "gold"): "everything" for n in range(count)}
    policy = policy_of(one)._replace(assignments={})
    planned = plan(policy, with_catalog(one, assigned=assigned), AT)
    found = guard(planned, "SP304")
    assert (found.state, found.value["count"], found.value["emptied"]) == ("blocked", count, ["everything"])
    assert found.text.startswith("everything is not in the policy any more, and ends the protection of")
    planned = plan(policy, with_catalog(one, assigned=assigned), AT, allowed=("SP304",))
    assert guard(planned, "SP304").state == "allowed"
    assert not any(action.blocked_by for action in planned.actions)


def test_a_policy_that_is_empty_altogether_trips_it() -> None:
    one = unassigning(2, 0)
    assigned = {("lab", f"volume/t0{n}", "gold"): "everything" for n in range(2)}
    policy = policy_of(one)._replace(assignments={}, profiles={})
    planned = plan(policy, with_catalog(one, assigned=assigned), AT)
    assert {action.verb for action in planned.actions if "SP304" in action.blocked_by} >= {Verb.ASSIGN, Verb.PROFILE}
    assert all(action.blocked_by for action in planned.actions)


def test_an_assignment_that_another_takes_over_trips_nothing() -> None:
    one = case(
        targets=["lab/volume/t00", "lab/volume/t01"],
        files={
            "profiles": {"silver": {"periods": {"daily": DAILY}}},
            "assignments": {"new": {"profile": "silver", "targets": [{"backend": "*", "scope": "volume"}]}},
        },
    )
    del one["policy"]
    found = world(one)
    tracked = {Triple("lab", f"volume/t0{n}", "gold", "daily"): Tracked(AT, AT) for n in range(2)}
    assigned = {("lab", f"volume/t0{n}", "gold"): "everything" for n in range(2)}
    found = found._replace(catalog=found.catalog._replace(tracked=tracked, assigned=assigned))
    assert guard(made(one, found), "SP304").state == "ok"


QUIET = {"daily": {**DAILY, "quiesce": "require"}}
FROZEN = [{"target": "lab/volume/a", "can_quiesce": False}, "lab/volume/b"]


def test_what_must_be_quiesced_and_cannot_is_not_taken_nor_what_waits_for_it() -> None:
    period = {"daily": {**QUIET["daily"], "retention": "2d", "min_snapshots": 1}}
    one = case(policy=period, targets=FROZEN, snapshots=["lab/volume/a@gold.daily.20261110T0200Z"], nothing_due=False)
    planned = made(one)
    assert {(str(action.verb), action.target) for action in blocked(planned)["SP307"]} == {
        ("snapshot", "lab/volume/a"),
        ("expire", "lab/volume/a"),
    }


def test_with_one_member_of_a_set_the_others_are_not_taken_either() -> None:
    planned = made(case(policy=QUIET, targets=FROZEN, assignment={"atomic": True}, nothing_due=False))
    assert {action.target for action in blocked(planned)["SP307"]} == {"lab/volume/a", "lab/volume/b"}


def test_allowed_it_is_taken_without_freezing() -> None:
    planned = made(case(policy=QUIET, targets=FROZEN, nothing_due=False), allowed=("SP307",))
    asked = {a.target: (a.request.quiesce, a.change) for a in planned.actions if a.verb is Verb.SNAPSHOT}
    assert asked == {
        "lab/volume/a": (Quiesce.PREFER, {"quiesce": "prefer"}),
        "lab/volume/b": (Quiesce.REQUIRE, {"quiesce": "require"}),
    }


SHARED: dict[str, Any] = {
    "targets": ["lab/volume/a", "lab/volume/b"],
    "snapshots": [
        {"snapshot": "daily.20261101T0200Z", "project": "other"},
        *dailies(40)[1:],
        *dailies(40, "lab/volume/b")[1:],
    ],
    "nothing_due": False,
}


def test_a_target_that_another_project_snapshots_is_left_alone_and_the_others_are_not() -> None:
    planned = made(case(**SHARED))
    assert {action.target for action in blocked(planned)["SP308"]} == {"lab/volume/a"}
    assert {str(action.verb) for action in blocked(planned)["SP308"]} == {"snapshot", "expire"}
    assert {action.target for action in planned.actions if not action.blocked_by} == {"lab/volume/b"}
    assert guard(planned, "SP308").value["projects"] == ["other"]


def test_a_snapshot_without_a_mark_is_no_other_project() -> None:
    foreign = {"snapshot": "lab/volume/a@by-hand", "foreign": True, "taken": "2026-11-01T00:00Z"}
    assert blocked(made(case(snapshots=[foreign], nothing_due=False))) == {}


def test_adopting_what_the_other_project_left_is_not_stopped() -> None:
    one = case(**SHARED)
    orders = Orders(adoptions=(AdoptOrder("lab/volume/a@gold.daily.20261101T0200Z", None),))
    planned = plan(policy_of(one), world(one), AT, orders=orders)
    assert [action.blocked_by for action in planned.actions] == [()]
    assert guard(planned, "SP308").state == "ok"


def test_each_guard_stands_in_the_plan_once_for_each_backend() -> None:
    one = case(config={"backends": {"lab": {"driver": "memory"}, "nas": {"driver": "memory"}}}, unreachable={})
    codes = [(found.code, found.backend) for found in made(one).guards]
    assert codes == sorted(codes, key=lambda pair: (pair[0], pair[1] or ""))
    of_backends = [f"SP30{n}" for n in (1, 2, 3, 4, 5, 7, 8, 9)] + ["SP310"]
    assert set(codes) == {(code, name) for code in of_backends for name in ("lab", "nas")} | {("SP306", None)}


def test_a_backend_that_was_not_read_is_no_input_of_any_guard() -> None:
    one = cut(unreachable={"lab": "timeout"})
    assert {found.backend for found in made(one).guards} == {None}


def test_the_digest_follows_from_the_document_and_knows_what_is_blocked_and_foreseen() -> None:
    planned = made(cut())
    document = planned.document()
    assert digest_of(document) == planned.digest
    assert made(cut(), allowed=("SP301",)).digest != planned.digest
    document["actions"][-1]["foreseen"] = not document["actions"][-1]["foreseen"]
    assert digest_of(document) != planned.digest


def test_instants_stand_in_the_arithmetic_as_in_the_rest_of_the_plan() -> None:
    one = case()
    document = made(one, with_catalog(one, high_water=AT)).document()
    (found,) = [entry for entry in document["guards"] if entry["code"] == "SP306"]
    assert datetime.fromisoformat(found["value"]["confirmed"]) == AT
    assert found["limit"] == {"back": "5m", "ahead": "1d", "agrees_within": "1h"}


def test_a_restore_on_a_shared_target_is_stopped_too() -> None:
    restore = {
        "target": "lab/volume/a",
        "from": {"snapshot": "gold.daily.20261120T0200Z"},
        "mode": "clone",
        "as": "b2",
        "not_after": "2026-12-01T00:00Z",
    }
    planned = made(case(**SHARED, files={"restores": {"CHG-1": restore}}))
    assert "restore" in verbs(planned, "SP308")


def test_an_assignment_whose_targets_another_one_took_over_did_not_shrink_to_nothing() -> None:
    selectors = [{"backend": "lab", "scope": "volume"}]
    files = {
        "assignments": {
            "first": {"profile": "gold", "targets": selectors},
            "second": {"profile": "gold", "targets": [{**selectors[0], "tags": ["gone"]}]},
        }
    }
    one = unassigning(2, 2, files=files)
    one["files"]["assignments"]["first"]["targets"] = [{**selectors[0], "names": ["t00"]}]
    policy = policy_of({**one, "assignment": {"targets": [{**selectors[0], "names": ["nothing"]}]}})
    assigned = {
        ("lab", "volume/t00", "gold"): "second",
        ("lab", "volume/t01", "gold"): "second",
        ("nas", "x", "gold"): "second",
    }
    planned = plan(policy, with_catalog(one, assigned=assigned), AT)
    assert guard(planned, "SP304").value["emptied"] == []
    assert guard(planned, "SP304").value["count"] == 1


def test_an_action_on_no_target_has_none() -> None:
    assert target_id(Action(1, Verb.PROFILE)) is None


def test_manual_snapshots_that_ended_while_the_clock_was_in_doubt_are_named() -> None:
    taken = [{"snapshot": "manual.k", "taken": "2026-11-01T00:00Z", "retention": "20d"}]
    planned = made(
        case(snapshots=taken, catalog={"high_water": "2026-11-15T00:00Z"}),
        allowed=("SP306",),
    )
    (cause,) = guard(planned, "SP301").value["because"]
    assert cause["text"] == "manual snapshot k ended while the clock was in doubt"


def test_what_was_taken_for_ever_is_said_to_be() -> None:
    one = cut()
    held = [s._replace(mark=s.mark._replace(expires_at=None)) for s in world(one).backends["lab"].snapshots if s.mark]
    changed = with_backend(one, snapshots=held)
    applied = {"gold": policy_of(one).profiles["gold"].model_dump(mode="json", by_alias=True)}
    planned = made(one, changed._replace(catalog=changed.catalog._replace(profiles=applied)))
    assert guard(planned, "SP301").value["because"][0]["text"].startswith("retention forever -> 3d in")


def test_what_never_expires_never_ended() -> None:
    (snapshot,) = (
        world(case(snapshots=[{"snapshot": "manual.k", "taken": NOW, "expires": "never"}])).backends["lab"].snapshots
    )
    assert ended_at(snapshot) is None


def one_after_the_other(total: int, ended: int, *, ago: timedelta = timedelta(hours=1)) -> tuple[dict[str, Any], World]:
    """A case in which the last target loses its protection, after ``ended`` others before it did ``ago``."""
    one = unassigning(total, total - ended - 1)
    found = world(one)
    gone = {f"volume/t{n:02}" for n in range(total - ended - 1, total - 1)}
    tracked = {t: record for t, record in found.catalog.tracked.items() if t.target_id not in gone}
    orphaned = {Triple("lab", target, "gold", "daily"): AT - ago for target in gone}
    return one, found._replace(catalog=found.catalog._replace(tracked=tracked, orphaned=orphaned))


@pytest.mark.parametrize(("ended", "state"), [(2, "ok"), (3, "blocked")])
def test_what_ended_within_a_month_counts_with_what_is_planned(ended: int, state: str) -> None:
    planned = made(*one_after_the_other(20, ended))
    found = guard(planned, "SP304")
    assert (found.value["count"], found.value["ended_in_30d"], found.value["of"]) == (1, ended, 20)
    assert found.state == state
    assert {action.target for action in blocked(planned).get("SP304", [])} <= {"lab/volume/t19"}
    assert planned.exact_until is not None
    assert planned.exact_until <= AT + timedelta(days=30)


def test_what_ended_a_month_ago_counts_no_more() -> None:
    planned = made(*one_after_the_other(20, 3, ago=timedelta(days=30)))
    assert (guard(planned, "SP304").value["ended_in_30d"], guard(planned, "SP304").state) == (0, "ok")


@pytest.mark.parametrize("how", ["gone", "protected again"])
def test_what_ended_and_is_gone_or_protected_again_does_not_count(how: str) -> None:
    one, found = one_after_the_other(20, 3)
    if how == "gone":
        state = found.backends["lab"]
        targets = [target for target in state.targets if target.id not in {f"volume/t{n}" for n in (16, 17, 18)}]
        found = found._replace(backends={"lab": state._replace(targets=targets)})
    else:
        one["assignment"]["targets"][0]["names"] = [f"t{n:02}" for n in range(19)]
    planned = made(one, found)
    assert (guard(planned, "SP304").value["count"], guard(planned, "SP304").value["ended_in_30d"]) == (1, 0)
    assert guard(planned, "SP304").state == "ok"


def test_a_plan_that_ends_nothing_is_not_stopped_by_what_ended() -> None:
    one, found = one_after_the_other(20, 9)
    one["assignment"]["targets"][0]["names"] += ["t19"]
    found_guard = guard(made(one, found), "SP304")
    assert (found_guard.value["count"], found_guard.value["ended_in_30d"], found_guard.state) == (0, 9, "ok")


STOPPED = timedelta(days=6, hours=23)


def surprised(many: int, snapshots: int) -> dict[str, Any]:
    """A case in which ``many`` orphans of a gone period expire, unforeseen, beside ``snapshots`` of the period."""
    orphans = [
        {"snapshot": f"old.{AT - timedelta(days=9, hours=n):%Y%m%dT%H%MZ}", "retention": "1d"} for n in range(many)
    ]
    return case(snapshots=[*dailies(snapshots), *orphans])


def recorded(planned: Plan, since: datetime) -> dict[tuple[str, str], datetime]:
    return dict.fromkeys(stopped(planned.actions, planned.guards), since)


def test_what_was_stopped_stays_so_when_the_limit_would_let_it_go() -> None:
    small = made(surprised(5, 14))
    assert guard(small, "SP301").state == "blocked"
    large = surprised(5, 40)
    assert guard(made(large), "SP301").state == "ok"
    planned = made(large, with_catalog(large, blocked=recorded(small, AT - STOPPED)))
    found = guard(planned, "SP301")
    assert (found.state, found.value["blocked_since"]) == ("blocked", "2026-11-15T13:00:00Z")
    assert {action.verb for action in blocked(planned)["SP301"]} == {Verb.EXPIRE}
    assert len(blocked(planned)["SP301"]) == 5
    assert planned.exact_until is not None
    assert planned.exact_until <= AT - STOPPED + timedelta(days=7)


def test_it_goes_after_a_week_or_when_it_is_allowed() -> None:
    small, large = made(surprised(5, 14)), surprised(5, 40)
    week = with_catalog(large, blocked=recorded(small, AT - timedelta(days=7)))
    assert guard(made(large, week), "SP301").state == "ok"
    recent = with_catalog(large, blocked=recorded(small, AT - STOPPED))
    assert guard(made(large, recent, allowed=("SP301",)), "SP301").state == "allowed"


def test_what_is_new_is_not_held_by_what_was_stopped() -> None:
    small, large = made(surprised(5, 14)), surprised(6, 60)
    planned = made(large, with_catalog(large, blocked=recorded(small, AT - STOPPED)))
    assert len(blocked(planned)["SP301"]) == 5
    assert sum(action.verb is Verb.EXPIRE and not action.blocked_by for action in planned.actions) >= 1


def test_what_vanished_and_is_all_there_again_is_held_no_longer() -> None:
    one = case(snapshots=dailies(40))
    lost = with_backend(one, vanished=Vanished(0, 30, 0, 40))
    before = made(one, lost)
    assert guard(before, "SP305").state == "blocked"
    some = with_backend(one, vanished=Vanished(0, 1, 0, 40))
    some = some._replace(catalog=some.catalog._replace(blocked=recorded(before, AT - HOUR)))
    assert guard(made(one, some), "SP305").state == "blocked"
    again = with_catalog(one, blocked=recorded(before, AT - HOUR))
    assert guard(made(one, again), "SP305").state == "ok"


def test_what_was_stopped_under_a_wrong_clock_is_not_recorded_and_does_not_hold() -> None:
    planned = jumped()
    assert list(stopped(planned.actions, planned.guards)) == []
    small, large = made(surprised(5, 14)), surprised(5, 40)
    ahead = with_catalog(large, blocked=recorded(small, AT + timedelta(days=365)))
    assert guard(made(large, ahead), "SP301").state == "ok"


def test_an_expiry_that_has_become_a_foreseen_one_is_another() -> None:
    small, large = made(surprised(5, 14)), surprised(5, 40)
    key, since = next(iter(recorded(small, AT - HOUR).items()))
    assert json.loads(key[1])[-1] == "False"
    other = (key[0], key[1].replace("False", "True"))
    assert guard(made(large, with_catalog(large, blocked={other: since})), "SP301").state == "ok"
