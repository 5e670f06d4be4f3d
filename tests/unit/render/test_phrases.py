from __future__ import annotations

import pytest

from snapplan.render.phrases import (
    age,
    cells,
    counted,
    due_phrase,
    moment,
    padded,
    policy_name,
    shown,
    summary_sentence,
)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 m"),
        (7_199, "119 m"),
        (7_200, "2 h"),
        (86_400 * 2 - 1, "47 h"),
        (86_400 * 2, "2 d"),
        (86_400 * 400, "400 d"),
        (-90, "-1 m"),
    ],
)
def test_age(seconds: int, expected: str) -> None:
    assert age(seconds) == expected


@pytest.mark.parametrize(
    ("instant", "as_of", "expected"),
    [
        (None, None, "never"),
        ("2026-11-22T02:00:00Z", None, "2026-11-22 02:00Z"),
        ("2026-11-22T02:00:04Z", None, "2026-11-22 02:00:04Z"),
        ("2026-11-22T03:00:00Z", "2026-11-22T02:00:04Z", "03:00:00Z"),
        ("2026-11-23T03:00:00Z", "2026-11-22T02:00:04Z", "2026-11-23 03:00Z"),
    ],
)
def test_moment(instant: str | None, as_of: str | None, expected: str) -> None:
    assert moment(instant, as_of) == expected


@pytest.mark.parametrize("hostile", ["a\x1b[2Jb", "a\nb", "a\u202eb", "a\udc80b", "a\x9bb", "a\x00b"])
def test_shown_keeps_control_characters_from_the_terminal(hostile: str) -> None:
    assert shown(hostile).isprintable()
    assert shown(hostile).startswith("a\\")
    assert shown(hostile).endswith("b")


def test_shown_leaves_other_scripts_as_they_are() -> None:
    assert shown("日本語 äöü") == "日本語 äöü"


def test_padding_counts_terminal_columns() -> None:
    assert cells("日本") == 4
    assert cells("e\u0301") == 1
    assert padded("日本", 6) == "日本  "


def test_counts_agree_with_their_noun() -> None:
    assert [counted(number, "target") for number in (0, 1, 1234)] == ["0 targets", "1 target", "1,234 targets"]


def test_summary_names_what_is_recorded_only_where_there_is_any() -> None:
    assert summary_sentence({"snapshot": 5, "change": 4, "expire": 19, "restore": 0}) == (
        "5 to snapshot, 4 to change, 19 to expire, 0 to restore"
    )
    assert summary_sentence({"profile": 1, "assign": 2}).endswith("; 1 profile and 2 assignments to set")


def test_policy_outside_git() -> None:
    assert policy_name({"policy": {"commit": None, "dirty": None}}) == "policy (not in git)"
    assert policy_name({"policy": {"commit": "4f2c1e9aaaa", "dirty": True}}) == "policy 4f2c1e9 (dirty)"


def test_a_plan_whose_slots_are_all_over_says_so() -> None:
    read = [{"name": "lab", "error": None}]
    assert due_phrase({"next_due": None, "backends": read}) == "nothing is scheduled"


def test_what_is_due_on_a_backend_that_was_not_read_is_not_known() -> None:
    unread = [{"name": "lab", "error": "no answer"}, {"name": "nas", "error": None}]
    assert due_phrase({"next_due": None, "backends": unread}) == "what lab needs next is unknown"
