"""What ``snapplan why SNAPSHOT`` has to say."""

from __future__ import annotations

from typing import Any

import pytest

from snapplan.planner.explain import Explanation, explain

from .lab import DAILY, lab

PIN = {"owner": "ann", "reason": "audit"}
NAME = "daily.20261120T0100Z"


def why(name: str, *snapshots: Any, **case: Any) -> Explanation | None:
    made = lab(snapshots=list(snapshots), **case)
    return explain(made.policy, made.world, made.now, f"lab/volume/a@{name}")


def words(name: str, *snapshots: Any, **case: Any) -> dict[str, str]:
    found = why(name, *snapshots, **case)
    assert found is not None
    first, *rest = found.lines
    return {"verdict": " ".join(first), **dict(rest)}


def test_there_is_nothing_to_say_of_what_is_not_there() -> None:
    assert why("gold.daily.20261122T0200Z") is None


def test_one_that_is_kept_says_the_rule_its_place_and_its_end() -> None:
    assert words("gold.daily.20261122T0200Z", "daily.20261122T0200Z", "daily.20261121T0200Z") == {
        "verdict": "kept expires in 1d14h",
        "rule": "profile gold, period daily  p.yaml:5:9",
        "position": "1st newest; the newest 1 are held",
        "expires": "with the first apply after 2026-11-24T02:00:00Z, unless it is then among the newest 1",
        "taken": "2026-11-22T02:00:00Z by run r1",
    }


def test_one_that_expires_says_when_and_since_when() -> None:
    found = words(f"gold.{NAME}", NAME, "daily.20261121T0200Z", policy={"daily": {**DAILY["daily"], "retention": "1d"}})
    assert found["verdict"] == "expires 1d11h over; 2nd newest, the newest 1 are held"
    assert found["expires"] == "with the next apply; its time was 2026-11-21T01:00:00Z"
    expiring = why(f"gold.{NAME}", NAME, "daily.20261121T0200Z")
    assert expiring is not None
    assert expiring.kept is False


@pytest.mark.parametrize(
    ("fields", "end"),
    [
        ({}, "when 1 newer complete ones exist; it is 11h over"),
        ({"pin": PIN}, "when the pin is taken away or ends; it is 11h over"),
        ({"locked_until": "2027-01-01T00:00Z"}, "when the platform's lock ends; it is 11h over"),
        ({"in_use": "clone b"}, "when it is no longer in use; it is 11h over"),
        ({"expires": "never"}, "never"),
        ({"taken": "2027-01-01T00:00Z", "expires": "2026-11-22T11:00Z"}, "later; it is 1h over"),
        (
            {"expires": "2026-12-01T00:00Z", "pin": PIN},
            "when the pin is taken away, and not before 2026-12-01T00:00:00Z",
        ),
        (
            {"expires": "2026-12-01T00:00Z", "pin": {**PIN, "until": "2026-12-05T00:00Z"}},
            "with the first apply after 2026-12-05T00:00:00Z, unless it is then among the newest 1",
        ),
        (
            {"expires": "2026-12-01T00:00Z", "pin": {**PIN, "until": "2026-11-25T00:00Z"}},
            "with the first apply after 2026-12-01T00:00:00Z, unless it is then among the newest 1",
        ),
    ],
)
def test_it_says_what_would_release_it(fields: dict[str, Any], end: str) -> None:
    assert words(f"gold.{NAME}", {"snapshot": NAME, **fields})["expires"] == end


def test_a_pin_is_named_with_its_end() -> None:
    assert words(f"gold.{NAME}", {"snapshot": NAME, "pin": PIN})["pin"] == "ann: audit (no end)"
    ends = {**PIN, "until": "2026-12-01T00:00Z"}
    assert words(f"gold.{NAME}", {"snapshot": NAME, "pin": ends})["pin"] == "ann: audit (2026-12-01T00:00:00Z)"


def test_a_rule_that_is_gone_is_said_to_be_gone() -> None:
    found = words("gold.old.20261122T0200Z", {"snapshot": "old.20261122T0200Z", "retention": "2d"})
    assert found["rule"] == "profile gold, period old (no longer in the policy)"
    found = words("silver.daily.20261122T0200Z", {"snapshot": "silver.daily.20261122T0200Z", "retention": "2d"})
    assert found["rule"] == "profile silver, period daily (no longer in the policy)"


def test_a_manual_snapshot_names_its_key_and_where_it_is_declared() -> None:
    snapshots = {"before-26.2": {"targets": [{"backend": "lab", "scope": "volume"}], "expires": "7d"}}
    taken = {"snapshot": "manual.before-26.2", "taken": "2026-11-22T02:00Z", "retention": "7d"}
    found = words("manual.before-26.2", taken, files={"snapshots": snapshots})
    assert found["rule"] == "manual snapshot before-26.2  p.yaml:12:3"
    assert found["expires"] == "with the first apply after 2026-11-29T02:00:00Z"
    assert "position" not in found
    other = {**taken, "snapshot": "manual.by-command"}
    assert words("manual.by-command", other)["rule"] == "manual snapshot by-command"


def test_a_foreign_snapshot_has_no_rule_and_no_end() -> None:
    foreign = {"snapshot": "lab/volume/a@by-hand", "foreign": True, "taken": "2026-11-01T00:00Z"}
    assert words("by-hand", foreign) == {
        "verdict": "kept no mark of this project; never changed, never expired",
        "taken": "2026-11-01T00:00:00Z",
    }


def test_what_the_backend_knows_of_the_capture_is_said() -> None:
    made = lab(snapshots=[{"snapshot": NAME, "contains": ["vm/web-01", "volume/a"]}])
    state = made.world.backends["lab"]
    told = [one._replace(quiesced=True, consistent=False) for one in state.snapshots]
    world = made.world._replace(backends={"lab": state._replace(snapshots=told)})
    found = explain(made.policy, world, made.now, f"lab/volume/a@gold.{NAME}")
    assert found is not None
    lines = dict(found.lines)
    assert lines["quiesced"] == "yes"
    assert lines["consistent"] == "no: something changed while it was captured"
    assert lines["contains"] == "vm/web-01, volume/a"
    told = [one._replace(quiesced=False, consistent=True) for one in state.snapshots]
    world = made.world._replace(backends={"lab": state._replace(snapshots=told)})
    found = explain(made.policy, world, made.now, f"lab/volume/a@gold.{NAME}")
    assert found is not None
    assert (dict(found.lines)["quiesced"], dict(found.lines)["consistent"]) == ("no", "yes")


def test_the_document_is_the_row_with_the_reasons() -> None:
    found = why(f"gold.{NAME}", NAME)
    assert found is not None
    document = found.document()
    assert document["snapshot"] == f"lab/volume/a@gold.{NAME}"
    assert document["state"] == "held"
    assert document["kept"] is True
    assert document["because"][0] == {"word": "kept", "text": "11h over, held: 1st of 1"}


def test_a_snapshot_that_a_restore_needs_says_when_it_is_released() -> None:
    safety = {"snapshot": "manual.pre-restore.CHG-1", "taken": "2026-11-01T00:00Z", "retention": "7d"}
    found = words("manual.pre-restore.CHG-1", safety, started_restores=[{"key": "CHG-1"}])
    assert found["expires"] == "when the restore is over; it is 14d12h over"
