"""An approved plan, held against a world that has moved since: by the planner's own plans of small worlds."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from snapplan.applier.approve import read_actions
from snapplan.applier.consent import Terms, consented
from snapplan.applier.verify import Verified, verify
from snapplan.models.plan import Verb
from snapplan.models.snapshot import Pin, Snapshot
from snapplan.models.world import Failure
from tests.unit.planner.lab import Lab, lab

OLD = ["daily.20261121T0200Z", "daily.20261118T0200Z"]
LATER = "2026-11-22T12:30Z"


def document(case: Lab) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(case.plan().document()))
    return made


def held(approved: Lab, now: Lab, *, allowed: tuple[str, ...] = ()) -> Verified:
    made, current = document(approved), now.plan()
    identities = {backend["name"]: backend["identity"] for backend in made["backends"]}
    doing, _ = consented(current, Terms(allowed=allowed))
    return verify(read_actions(made), identities, current, doing, now.world, allowed=allowed)


def moved(case: Lab, **changes: Any) -> Lab:
    """The same lab in which its one backend is another."""
    state = case.world.backends["lab"]
    return case._replace(world=case.world._replace(backends={"lab": state._replace(**changes)}))


def snapshot(case: Lab, slot: str) -> Snapshot:
    return next(one for one in case.world.backends["lab"].snapshots if one.name.endswith(slot))


def without(case: Lab, *slots: str) -> Lab:
    kept = [s for s in case.world.backends["lab"].snapshots if not s.name.endswith(slots)]
    return moved(case, snapshots=kept)


def with_changed(case: Lab, slot: str, **changes: Any) -> Lab:
    one = snapshot(case, slot)
    mark = one.mark
    assert mark is not None
    for name in [name for name in changes if name in mark._fields and name != "taken_at"]:
        mark = mark._replace(**{name: changes.pop(name)})
    other = one._replace(mark=mark, **changes)
    return moved(case, snapshots=[other if s is one else s for s in case.world.backends["lab"].snapshots])


def codes(verified: Verified) -> list[str]:
    return [finding.code for finding in verified.refusals]


def verbs(verified: Verified) -> list[Verb]:
    return [action.verb for action in verified.plan.actions]


def test_what_has_not_moved_is_done_whole() -> None:
    case = lab(snapshots=OLD)
    verified = held(case, case)
    assert verified == (case.plan(), (), (), ())
    assert verbs(verified) == [Verb.SNAPSHOT, Verb.EXPIRE]


def test_a_slot_that_is_satisfied_meanwhile_is_skipped_and_named() -> None:
    verified = held(lab(snapshots=OLD), lab(snapshots=["daily.20261122T0200Z", *OLD], now=LATER))
    assert Verb.SNAPSHOT not in verbs(verified)
    assert any(
        "its slot is satisfied already, by gold.daily.20261122T0200Z" in text for text in map(str, verified.skipped)
    )


def test_a_snapshot_that_is_gone_already_is_skipped_and_named() -> None:
    case = lab(snapshots=OLD)
    verified = held(case, without(case, "20261118T0200Z"))
    assert verbs(verified) == [Verb.SNAPSHOT]
    [skipped] = verified.skipped
    assert str(skipped) == "expire lab/volume/a@gold.daily.20261118T0200Z is skipped: it is gone already"
    assert verified.refusals == ()


def test_a_snapshot_that_was_pinned_since_is_skipped_and_says_by_whom() -> None:
    case = lab(snapshots=OLD)
    verified = held(case, with_changed(case, "20261118T0200Z", pin=Pin("ann", "audit")))
    assert verbs(verified) == [Verb.SNAPSHOT]
    assert "ann pinned it since: audit" in str(verified.skipped[0])


def test_a_lost_witness_refuses() -> None:
    case = lab(snapshots=OLD)
    verified = held(case, without(case, "20261121T0200Z"))
    assert codes(verified) == ["SP509"]


def test_a_witness_that_is_another_snapshot_now_refuses() -> None:
    case = lab(snapshots=OLD)
    taken_at = snapshot(case, "20261118T0200Z").taken_at
    witness = snapshot(case, "20261121T0200Z")
    other = with_changed(case, "20261121T0200Z", taken_at=witness.taken_at - (witness.taken_at - taken_at) / 100)
    assert codes(held(case, other)) == ["SP509"]


def test_the_witnesses_of_an_expiry_are_the_newest_that_hold_the_minimum() -> None:
    daily = {"daily": {"frequency": "daily", "hour": 2, "retention": "2d", "min_snapshots": 2}}
    case = lab(policy=daily, snapshots=["daily.20261122T0200Z", *OLD])
    (expiry,) = [action for action in case.plan().actions if action.snapshot and action.snapshot.endswith("18T0200Z")]
    witnesses = [witness["native_id"] for witness in expiry.precondition["witnesses"]]
    assert witnesses == [snapshot(case, slot).native_id for slot in ("20261122T0200Z", "20261121T0200Z")]


def test_an_expiry_that_needs_the_new_snapshot_has_no_witness_older_than_itself() -> None:
    case = lab(snapshots=OLD[1:])
    taken, expiry = case.plan().actions
    assert expiry.after == (taken.number,)
    assert expiry.precondition["witnesses"] == []


@pytest.mark.parametrize("change", [{"native_id": "another"}, {"taken_at": "moved"}])
def test_another_snapshot_under_the_same_address_refuses(change: dict[str, Any]) -> None:
    case = lab(snapshots=OLD)
    if "taken_at" in change:
        change = {"taken_at": snapshot(case, "20261118T0200Z").taken_at + timedelta(hours=1)}
    verified = held(case, with_changed(case, "20261118T0200Z", **change))
    assert codes(verified) == ["SP510"]


def test_another_system_under_the_backends_name_refuses() -> None:
    case = lab(snapshots=OLD)
    known = moved(case, identity="one")
    assert codes(held(known, moved(case, identity="other"))) == ["SP508"]
    assert codes(held(known, case)) == ["SP508"]
    assert codes(held(known, known)) == []


def test_a_backend_that_the_policy_has_no_more_ends_its_assignments_and_refuses_nothing() -> None:
    case = lab(snapshots=OLD)
    config = case.policy.config.model_copy(update={"backends": {}})
    removed = case._replace(policy=case.policy._replace(config=config), world=case.world._replace(backends={}))
    verified = held(removed, removed)
    assert verified.refusals == ()
    assert verbs(verified) == [Verb.ASSIGN]
    assert codes(held(case, removed)) == ["SP508"]


def test_a_backend_that_had_no_identity_yet_may_have_one_now() -> None:
    case = lab(snapshots=OLD)
    assert codes(held(case, moved(case, identity="made by the first apply"))) == []


def test_a_backend_that_is_left_out_is_skipped_and_nothing_reads_as_gone() -> None:
    case = lab(snapshots=OLD)
    verified = held(case, moved(case, error=Failure("no route to host"), snapshots=(), targets=()))
    assert verified.refusals == ()
    assert verified.plan.actions == ()
    assert len(verified.skipped) == 2
    assert all("no route to host" in text for text in map(str, verified.skipped))


def test_a_target_that_is_gone_or_another_one_is_skipped() -> None:
    case = lab(snapshots=OLD)
    targets = case.world.backends["lab"].targets
    gone = held(case, moved(case, targets=()))
    assert any("its target was deleted" in text for text in map(str, gone.skipped))
    again = held(case, moved(case, targets=[one._replace(id="new") for one in targets]))
    assert any("what has its name now is another one" in text for text in map(str, again.skipped))
    assert Verb.SNAPSHOT not in verbs(again)


def test_a_target_that_was_renamed_is_left_for_the_next_plan() -> None:
    case = lab(snapshots=OLD)
    renamed = moved(case, targets=[one._replace(name="z") for one in case.world.backends["lab"].targets])
    verified = held(case, renamed)
    assert Verb.SNAPSHOT not in verbs(verified)
    assert any("its target is called lab/volume/z now" in text for text in map(str, verified.skipped))


def test_what_became_due_since_is_named_and_left_for_the_next_plan() -> None:
    hourly = {
        "daily": {"frequency": "daily", "hour": 2, "retention": "2d"},
        "hourly": {"frequency": "hourly", "retention": "6h"},
    }
    early = lab(policy=hourly, snapshots=["hourly.20261122T1200Z", "daily.20261122T0200Z"])
    late = lab(policy=hourly, snapshots=["hourly.20261122T1200Z", "daily.20261122T0200Z"], now="2026-11-22T13:00Z")
    verified = held(early, late)
    assert verified.plan.actions == ()
    assert [text for text in verified.left if "hourly.20261122T1300Z is new; it is left for the next plan" in text]


def test_a_later_slot_of_an_approved_snapshot_is_taken() -> None:
    verified = held(lab(snapshots=OLD), lab(snapshots=OLD, now="2026-11-23T03:00Z"))
    (taken,) = [action for action in verified.plan.actions if action.verb is Verb.SNAPSHOT]
    assert taken.snapshot == "lab/volume/a@gold.daily.20261123T0200Z"


def test_what_a_dead_run_left_half_made_of_an_approved_snapshot_is_removed_first() -> None:
    before = lab(snapshots=["daily.20261121T0200Z"])
    after = lab(snapshots=["daily.20261121T0200Z", {"snapshot": "daily.20261122T0200Z", "complete": False}])
    assert [action.reasons[0].code for action in after.plan().actions] == ["incomplete", "due"]
    assert verbs(held(before, after)) == [Verb.EXPIRE, Verb.SNAPSHOT]
    nothing = before._replace(world=after.world)
    approved = lab(snapshots=["daily.20261122T0200Z"])
    assert held(approved, nothing).plan.actions == ()


def test_an_empty_world_and_an_empty_plan_agree() -> None:
    case = lab(snapshots=["daily.20261122T0200Z"])
    assert held(case, case) == (case.plan(), (), (), ())
