from __future__ import annotations

from typing import Any

from snapplan.render.rows import FOLD_ALIKE, FOLD_ATTENTION, FOLD_RUN, groups

AS_OF = "2026-11-22T02:00:04Z"


def action(number: int, verb: str = "expire", target: str = "lab/volume/a", **changed: Any) -> dict[str, Any]:
    slot = f"2026-10-{number % 28 + 1:02}T02:00:00Z"
    return {
        "number": number,
        "verb": verb,
        "target": target,
        "snapshot": f"{target}@gold.daily.{number}",
        "profile": "gold",
        "period": "daily",
        "slot": slot,
        "expires_at": None,
        "reversible": verb != "expire",
        "change": {},
        "precondition": {},
        "reasons": [{"code": "expired", "text": "over", "where": "policies/a.yaml:9:7"}],
        **changed,
    }


def document(*actions: dict[str, Any]) -> dict[str, Any]:
    return {"as_of": AS_OF, "actions": list(actions)}


def test_what_cannot_be_undone_comes_first() -> None:
    verbs = ["profile", "assign", "snapshot", "change", "expire", "restore"]
    shown = groups(document(*(action(i, verb) for i, verb in enumerate(verbs))))
    assert [group.verb for group in shown] == ["restore", "expire", "change", "snapshot", "assign", "profile"]


def test_an_unknown_verb_is_shown_all_the_same() -> None:
    assert [group.verb for group in groups(document(action(1, "adopt")))] == ["adopt"]


def test_a_run_on_one_target_is_one_row_with_its_range() -> None:
    (group,) = groups(document(*(action(i) for i in range(FOLD_RUN))))
    (row,) = group.rows
    assert row.actions == FOLD_RUN
    assert row.subject == "lab/volume/a  3 snapshots"
    assert row.below == ("gold.daily  20261001T0200Z .. 20261003T0200Z",)


def test_fewer_than_a_run_are_named_each() -> None:
    (group,) = groups(document(*(action(i) for i in range(FOLD_RUN - 1))))
    assert [row.subject for row in group.rows] == ["lab/volume/a@gold.daily.0", "lab/volume/a@gold.daily.1"]


def test_runs_do_not_mix_reasons() -> None:
    other = [{"code": "retroactive", "text": "shorter", "where": None}]
    (group,) = groups(document(*(action(i) for i in range(3)), *(action(i, reasons=other) for i in range(3, 6))))
    assert [(row.actions, row.attention) for row in group.rows] == [(3, False), (3, True)]


def test_alike_rows_are_counted_beyond_the_limit_and_the_count_is_whole() -> None:
    (group,) = groups(document(*(action(i, target=f"lab/volume/{i}") for i in range(40))))
    assert len(group.rows) == FOLD_ALIKE - 2
    assert group.more == ("... 30 more to expire (gold.daily)",)
    assert sum(row.actions for row in group.rows) + 30 == group.actions


def test_of_rows_that_deserve_a_look_more_are_named() -> None:
    look = [{"code": "retroactive", "text": "shorter", "where": None}]
    (group,) = groups(document(*(action(i, target=f"lab/volume/{i}", reasons=look) for i in range(FOLD_ATTENTION))))
    assert (len(group.rows), group.more) == (FOLD_ATTENTION, ())
    (group,) = groups(document(*(action(i, target=f"lab/volume/{i}", reasons=look) for i in range(100))))
    assert len(group.rows) == FOLD_ATTENTION - 2
    assert group.more == ("... 52 more to expire (gold.daily)",)


def test_restores_and_profiles_are_never_folded() -> None:
    for verb in ("restore", "profile"):
        (group,) = groups(document(*(action(i, verb) for i in range(40))))
        assert [row.actions for row in group.rows] == [1] * 40


def test_full_folds_nothing() -> None:
    (group,) = groups(document(*(action(i) for i in range(40))), full=True)
    assert [row.actions for row in group.rows] == [1] * 40


def test_a_group_says_how_much_of_it_is_final() -> None:
    final = groups(document(action(1), action(2)))[0]
    mixed = groups(document(action(1, "change"), action(2, "change", reversible=False)))[0]
    none = groups(document(action(1, "snapshot")))[0]
    assert [group.lasting_note for group in (final, mixed, none)] == ["cannot be undone", "1 cannot be undone", ""]


def test_the_place_is_file_and_line() -> None:
    row = groups(document(action(1)))[0].rows[0]
    assert row.where == "policies/a.yaml:9"


def test_an_assignment_names_the_periods_that_begin_and_end() -> None:
    change = {"begins": ["hourly", "daily"], "ends": ["weekly"]}
    row = groups(document(action(1, "assign", change=change)))[0].rows[0]
    assert row.what == ("gold", "begins hourly, daily; ends weekly")


def test_a_restore_in_place_deserves_a_look_and_a_clone_does_not() -> None:
    source = {"snapshot": "lab/cloud@x"}
    in_place = action(1, "restore", change={"mode": "in_place"}, snapshot="lab/volume/a@x")
    clone = action(2, "restore", change={"mode": "clone", "as": "lab/volume/b"}, **source)
    rows = groups(document(in_place, clone))[0].rows
    assert [(row.attention, row.what) for row in rows] == [
        (True, ("from x", "in place")),
        (False, ("from lab/cloud@x", "as lab/volume/b")),
    ]
