"""What ``snapplan status`` shows of each target."""

from __future__ import annotations

from typing import Any

import pytest

from snapplan.models.order import Focus
from snapplan.models.request import Attention
from snapplan.planner.status import status

from .lab import lab


def document(focus: Focus | None = None, **case: Any) -> dict[str, Any]:
    made = lab(**case)
    return status(made.policy, made.world, made.now, focus)


def target(address: str = "lab/volume/a", **case: Any) -> dict[str, Any]:
    [found] = [row for row in document(**case)["targets"] if row["target"] == address]
    return dict(found)


def test_a_target_that_has_what_it_should_have_is_ok() -> None:
    assert target(snapshots=["daily.20261122T0200Z", "daily.20261121T0200Z"]) == {
        "target": "lab/volume/a",
        "profiles": ["gold"],
        "snapshots": 2,
        "newest": "2026-11-22T02:00:00Z",
        "oldest": "2026-11-21T02:00:00Z",
        "quiesced": None,
        "next_due": "2026-11-23T02:00:00Z",
        "state": "ok",
        "attention": [],
    }


def test_a_target_that_waits_for_a_snapshot_is_due_now() -> None:
    found = target(snapshots=["daily.20261121T0200Z"])
    assert (found["state"], found["next_due"]) == ("due", "2026-11-22T12:00:00Z")
    assert found["attention"] == ["daily is due since 10h"]


def test_a_target_that_no_apply_has_seen_is_new() -> None:
    found = target(new=True)
    assert (found["state"], found["snapshots"], found["newest"]) == ("new", 0, None)
    assert found["next_due"] == "2026-11-22T12:00:00Z"
    assert found["attention"] == ["daily is due since 0s"]


def test_a_new_target_that_waits_for_its_slot_is_not_due() -> None:
    found = target(new=True, profile={"initial": "next_slot"})
    assert (found["state"], found["attention"]) == ("new", [])


def test_a_target_without_assignment_or_snapshots_is_unprotected() -> None:
    found = target("lab/vm/web", targets=["lab/volume/a", "lab/vm/web"])
    assert (found["state"], found["profiles"], found["next_due"]) == ("unprotected", [], None)


def test_manual_snapshots_alone_protect_nothing() -> None:
    manual = {"snapshot": "lab/vm/web@manual.x", "taken": "2026-11-01T00:00Z", "expires": "never"}
    found = target("lab/vm/web", targets=["lab/volume/a", "lab/vm/web"], snapshots=[manual])
    assert (found["state"], found["snapshots"]) == ("unprotected", 1)


@pytest.mark.parametrize(
    ("names", "stay"),
    [
        (["daily.20261122T0200Z"], "1 snapshot stays"),
        (["daily.20261122T0200Z", "daily.20261121T0200Z"], "2 snapshots stay"),
    ],
)
def test_a_target_that_is_gone_is_an_orphan_with_its_snapshots(names: list[str], stay: str) -> None:
    found = target("lab/volume/gone", snapshots=[f"lab/volume/gone@{name}" for name in names])
    assert (found["state"], found["attention"]) == ("orphan", [f"the target is gone; {stay}"])


def test_a_target_that_is_no_longer_assigned_says_so() -> None:
    found = target(
        assignment={"targets": [{"backend": "lab", "scope": "volume", "exclude": ["a"]}]},
        snapshots=["daily.20261122T0200Z"],
    )
    assert (found["state"], found["attention"]) == ("orphan", ["no assignment selects it; 1 snapshot stays"])


def test_incomplete_and_future_dated_snapshots_want_attention_and_are_no_restore_points() -> None:
    found = target(
        snapshots=[
            "daily.20261122T0200Z",
            {"snapshot": "daily.20261121T0200Z", "complete": False},
            {"snapshot": "daily.20261120T0200Z", "taken": "2027-01-01T00:00Z"},
        ]
    )
    assert (found["snapshots"], found["newest"]) == (1, "2026-11-22T02:00:00Z")
    assert found["attention"] == [
        "gold.daily.20261121T0200Z is incomplete",
        "gold.daily.20261120T0200Z is dated in the future",
    ]


def test_the_newest_says_whether_it_is_quiesced() -> None:
    made = lab(snapshots=["daily.20261121T0200Z", "daily.20261122T0200Z"])
    state = made.world.backends["lab"]
    old, new = state.snapshots
    snapshots = [old._replace(quiesced=False), new._replace(quiesced=True)]
    world = made.world._replace(backends={"lab": state._replace(snapshots=snapshots)})
    [row] = status(made.policy, world, made.now)["targets"]
    assert row["quiesced"] is True


def test_foreign_snapshots_are_counted_and_belong_to_no_row() -> None:
    foreign = {"snapshot": "lab/volume/a@by-hand", "foreign": True, "taken": "2026-11-01T00:00Z"}
    found = document(snapshots=["daily.20261122T0200Z", foreign])
    assert found["foreign"] == 1
    assert found["targets"][0]["snapshots"] == 1


def test_a_renamed_target_is_one_row_under_its_new_name() -> None:
    found = document(targets=[{"target": "lab/volume/new", "id": "volume/a"}], snapshots=["daily.20261122T0200Z"])
    assert [(row["target"], row["snapshots"], row["state"]) for row in found["targets"]] == [
        ("lab/volume/new", 1, "ok")
    ]


def test_drift_and_backends_that_did_not_answer_are_named() -> None:
    found = document(
        config={"backends": {"lab": {"driver": "memory"}, "nas": {"driver": "memory"}}},
        drift=[{"kind": "vanished", "subject": "lab/volume/a@x", "text": "is gone"}],
        unreachable={"nas": "connection refused"},
    )
    assert found["drift"] == [{"kind": "vanished", "subject": "lab/volume/a@x", "text": "is gone"}]
    assert found["backends"] == [
        {"name": "lab", "error": None, "hint": "", "exit_code": 0, "notices": []},
        {"name": "nas", "error": "connection refused", "hint": "", "exit_code": 1, "notices": []},
    ]
    assert found["as_of"] == "2026-11-22T12:00:00Z"


def test_a_focus_shows_its_targets_only() -> None:
    snapshots = ["daily.20261122T0200Z", "lab/volume/gone@daily.20261122T0200Z"]
    found = document(Focus(targets=("lab/volume/b",)), targets=["lab/volume/a", "lab/volume/b"], snapshots=snapshots)
    assert [row["target"] for row in found["targets"]] == ["lab/volume/b"]


def test_the_next_slot_of_any_period_counts() -> None:
    hourly = {"frequency": "hourly", "retention": "1d"}
    weekly = {"frequency": "weekly", "day_of_week": "sun", "retention": "30d"}
    found = target(policy={"weekly": weekly, "hourly": hourly}, nothing_due=True)
    assert found["next_due"] == "2026-11-22T13:00:00Z"


def test_a_period_that_is_over_has_no_next_slot() -> None:
    once = {"frequency": "custom", "at": "2026-11-01T00:00", "retention": "forever"}
    assert target(policy={"once": once}, nothing_due=True)["next_due"] is None


OF_B = {"targets": [{"backend": "lab", "scope": "volume", "names": ["b"]}]}
NONE_ASSIGNED: dict[str, Any] = {"profiles": {"gold": "ours"}}
OURS: dict[str, Any] = {"profiles": {"gold": "ours"}, "assigned": {"lab/volume/a": "gold"}}


def test_what_the_platform_has_taken_is_ok() -> None:
    found = target(platform=OURS, snapshots=[{"snapshot": "daily.20261122T0200Z", "managed": True}])
    assert (found["state"], found["next_due"], found["attention"]) == ("ok", "2026-11-23T02:00:00Z", [])


def test_what_the_platform_has_not_taken_is_late_and_not_due() -> None:
    found = target(platform=OURS, snapshots=[{"snapshot": "daily.20261121T0200Z", "managed": True}])
    assert (found["state"], found["next_due"]) == ("late", "2026-11-23T02:00:00Z")
    assert found["attention"] == ["the platform has not taken daily, due 10h ago"]


@pytest.mark.parametrize(("now", "state"), [("2026-11-22T02:14Z", "ok"), ("2026-11-22T02:16Z", "late")])
def test_the_platform_has_some_minutes(now: str, state: str) -> None:
    taken = [{"snapshot": "daily.20261121T0200Z", "managed": True}]
    assert target(platform=OURS, snapshots=taken, now=now)["state"] == state


def test_a_target_of_which_the_platform_has_nothing_is_missing() -> None:
    found = target(platform=OURS)
    assert found["state"] == "missing"
    assert "no complete snapshot of it is left" in found["attention"]


def test_a_new_target_of_the_platform_is_due_at_its_next_slot() -> None:
    found = target(platform=OURS, new=True)
    assert (found["state"], found["next_due"]) == ("new", "2026-11-23T02:00:00Z")


def test_what_the_platform_holds_past_its_expiration_is_told() -> None:
    taken = [{"snapshot": f"daily.202611{day:02}T0200Z", "managed": True} for day in (1, 22)]
    assert target(platform=OURS, snapshots=taken)["attention"] == ["1 past its expiration, held by the platform"]


def test_what_a_platform_took_of_a_target_that_is_no_longer_assigned_is_an_orphan() -> None:
    taken = [{"snapshot": f"daily.202611{day:02}T0200Z", "managed": True} for day in (1, 22)]
    found = target(assignment=OF_B, targets=["lab/volume/a", "lab/volume/b"], platform=NONE_ASSIGNED, snapshots=taken)
    assert found["state"] == "orphan"
    assert found["attention"] == [
        "no assignment selects it; 2 snapshots stay",
        "1 past its expiration, held by the platform",
    ]


def test_a_required_quiesce_that_the_platform_left_out_is_told() -> None:
    taken = [{"snapshot": "daily.20261122T0200Z", "managed": True, "quiesced": False}]
    policy = {"daily": {"frequency": "daily", "hour": 2, "retention": "7d", "quiesce": "require"}}
    [text] = target(platform=OURS, policy=policy, snapshots=taken)["attention"]
    assert "is not quiesced" in text


def test_a_profile_that_was_not_adopted_is_not_called_late() -> None:
    found = target(platform={"profiles": {"gold": "foreign"}, "assigned": {"lab/volume/a": "gold"}})
    assert (found["state"], len(found["attention"])) == ("unadopted", 1)


def test_what_the_plan_of_now_finds_needs_attention() -> None:
    found = document(assignment={"targets": [{"backend": "*", "scope": "volume", "names": ["nothing"]}]})
    assert "SP401" in [each["code"] for each in found["attention"]]


def test_a_guard_that_stops_something_needs_attention() -> None:
    found = document(
        snapshots=[f"daily.202611{day}T0200Z" for day in range(10, 23)],
        vanished={"targets": 0, "snapshots": 10, "known_targets": 1, "known_snapshots": 23},
    )
    assert "SP305" in [each["code"] for each in found["attention"]]


def test_what_a_backend_asks_a_person_to_look_at_stands_beside_its_target() -> None:
    made = lab(snapshots=["daily.20261122T0200Z"])
    frozen = Attention("lab/volume/a", "SP449", "lab/volume/a may still be frozen", "thaw it")
    state = made.world.backends["lab"]._replace(attention=(frozen,))
    found = status(made.policy, made.world._replace(backends={"lab": state}), made.now)
    assert found["attention"] == [frozen._asdict()], "once, though the plan says it too"
    assert [row["attention"] for row in found["targets"] if row["target"] == "lab/volume/a"] == [["see SP449"]]
