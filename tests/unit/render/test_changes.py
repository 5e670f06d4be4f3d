from __future__ import annotations

from snapplan.render.changes import change_lines


def test_a_changed_profile_is_told_by_path() -> None:
    before = {"periods": {"daily": {"retention": "30d", "hour": 2}, "yearly": {"retention": "365d"}}}
    after = {"periods": {"daily": {"retention": "14d", "hour": 2}, "weekly": {"retention": "84d"}}}
    assert change_lines({"before": before, "after": after}) == [
        "periods.daily.retention: 30d -> 14d",
        "periods.weekly: added {retention: 84d}",
        "periods.yearly: removed {retention: 365d}",
    ]


def test_values_are_told_as_they_are_written_in_yaml() -> None:
    before = {"retroactive": False, "cron": None, "tags": ["a"], "description": ""}
    after = {"retroactive": True, "cron": "1 2 * * *", "tags": ["a", "b"], "description": "x"}
    assert change_lines({"before": before, "after": after}) == [
        "cron: none -> 1 2 * * *",
        'description: "" -> x',
        "retroactive: false -> true",
        "tags.1: added b",
    ]


def test_a_new_and_a_removed_document_need_no_lines() -> None:
    assert change_lines({"before": None, "after": {"a": 1}}) == []
    assert change_lines({"before": {"a": 1}, "after": None}) == []


def test_pairs_and_single_values() -> None:
    assert change_lines({"pin": [None, {"owner": "alice", "until": None}], "key": "x"}) == [
        "pin: none -> {owner: alice}",
        "key: x",
    ]


def test_keys_with_quotes_and_control_characters_stay_on_one_line() -> None:
    lines = change_lines({"before": {"periods": {"it's\n": 1}}, "after": {"periods": {"it's\n": 2}}})
    assert lines == ["periods.it's\\n: 1 -> 2"]
