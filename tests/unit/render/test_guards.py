from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from snapplan.render.guards import goes_on, passed, told

GOLDEN = Path(__file__).parents[2] / "golden" / "plans" / "blocked.json"


def blocked() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return document


def lines(document: dict[str, Any], *, full: bool = False) -> dict[str, str]:
    (guard,) = told(document, command="snapplan apply", full=full)
    return dict(guard.lines)


def test_the_cause_names_the_line_the_old_and_the_new_value() -> None:
    because = lines(blocked())["because"]
    assert because == 'retention 6d -> 3d in profile "gold", period "daily", retroactive   policies/production.yaml:8'


def test_the_commands_lift_the_guard_and_go_on_without_it() -> None:
    (guard,) = told(blocked(), command="snapplan apply -C x")
    assert guard.command == 'snapplan apply -C x --allow SP301 --reason "..."'
    assert goes_on(blocked(), "snapplan apply -C x") == (
        "1 snapshot is not blocked:",
        "snapplan apply -C x --only snapshot",
    )


def test_where_nobody_is_told_how_to_go_on_no_command_is_named() -> None:
    (guard,) = told(blocked(), command=None)
    assert guard.command == ""
    assert goes_on(blocked(), None) is None


def test_nothing_goes_on_where_no_snapshot_is_left_or_nothing_is_blocked() -> None:
    document = blocked()
    for action in document["actions"]:
        action["blocked_by"] = ["SP301"]
    assert goes_on(document, "snapplan apply") is None
    document = blocked()
    for guard in document["guards"]:
        guard["state"] = "ok"
    assert goes_on(document, "snapplan apply") is None


def test_the_oldest_restore_points_of_many_targets_are_a_range_and_in_full_a_list() -> None:
    document = blocked()
    (item,) = document["impact"]
    others = [
        {**item, "target": "lab/volume/x", "oldest": ["2026-11-01T02:00:00Z", "2026-11-21T02:00:00Z"]},
        {**item, "target": "lab/volume/y", "oldest": ["2026-11-02T02:00:00Z", None]},
    ]
    document["impact"] += others
    expiry = next(action for action in document["actions"] if action["verb"] == "expire")
    document["actions"] += [{**expiry, "target": other["target"]} for other in others]
    text = (
        "the oldest restore point of 3 targets moves from 2026-11-01 02:00Z .. 2026-11-16 02:00Z"
        " to 2026-11-20 02:00Z .. 2026-11-21 02:00Z (4 d to 20 d shorter) to nothing for 1 of them"
    )
    assert lines(document)["otherwise"] == text
    assert lines(document, full=True)[""] == "lab/volume/y  from 2026-11-02 02:00Z to nothing"


def test_what_counted_nothing_is_not_told() -> None:
    document = blocked()
    assert passed(document) == []
    document["guards"] = [
        {"state": "ok", "text": "counted", "value": {"count": 1}},
        {"state": "ok", "text": "on time", "value": {"count": 0, "on_time": 3}},
        {"state": "ok", "text": "nothing", "value": {"count": 0, "of": 7}},
    ]
    assert passed(document) == ["counted", "on time"]


def test_an_allowed_guard_is_told_without_a_command() -> None:
    document = blocked()
    next(guard for guard in document["guards"] if guard["state"] == "blocked")["state"] = "allowed"
    (guard,) = told(document, command="snapplan apply")
    assert (guard.word, guard.command) == ("allowed", "")
