from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from snapplan.render.account import account_text
from snapplan.render.jsonplan import json_text
from snapplan.render.markdown import plan_markdown
from snapplan.render.style import PLAIN, Style, style_for
from snapplan.render.text import plan_text, table

GOLDEN = Path(__file__).parents[2] / "golden"
PLANS = sorted(path.stem for path in (GOLDEN / "plans").glob("*.json"))


def plan(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((GOLDEN / "plans" / f"{name}.json").read_text(encoding="utf-8"))
    return document


@pytest.mark.parametrize("name", PLANS)
def test_colour_never_carries_meaning(name: str) -> None:
    coloured = plan_text(plan(name), style=Style(colour=True))
    for code in ("0", "1", "31", "32", "33", "35", "36", "1;31", "1;32", "1;33", "1;35", "1;36"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == plan_text(plan(name))


@pytest.mark.parametrize("name", PLANS)
def test_nothing_steers_the_terminal(name: str) -> None:
    assert all(line.isprintable() for line in plan_text(plan(name), full=True, verbose=True).splitlines())


@pytest.mark.parametrize("name", PLANS)
def test_nothing_steers_a_ci(name: str) -> None:
    """Azure and GitHub take these for commands anywhere in a line."""
    document = json.loads(json.dumps(plan(name)).replace("lab/", "lab/##vso[task.setvariable variable=PATH]x##[error]"))
    assert json.loads(json_text(document)) == document
    for text in (plan_text(document, full=True, verbose=True), plan_markdown(document, full=True), json_text(document)):
        assert not re.search(r"##\w*\[", text)


@pytest.mark.parametrize("name", PLANS)
def test_in_full_every_action_has_its_line(name: str) -> None:
    document = plan(name)
    text = plan_text(document, full=True)
    rows = [line for line in text.splitlines() if line[:4] in {f"{m} {s} " for m in " !" for s in "+~-<="}]
    assert len(rows) == len(document["actions"])


def test_the_command_that_goes_on_is_named_only_where_something_is_to_do() -> None:
    assert "To carry it out:  snapplan apply -C x" in plan_text(plan("blocked"), command="snapplan apply -C x")
    assert "To carry it out" not in plan_text(plan("blocked"), command=None)
    assert "To carry it out" not in plan_text(plan("empty"))


def test_a_blocked_plan_says_so_in_its_summary() -> None:
    assert "to set.   BLOCKED\n" in plan_text(plan("blocked"))
    assert "BLOCKED" not in plan_text(plan("all-verbs"))


def test_a_wide_cell_pushes_only_its_own_row() -> None:
    assert table([("a", "b"), ("x" * 80, "b"), ("aaa", "b")]) == ["a    b", "x" * 80 + "  b", "aaa  b"]


def test_losing_all_restore_points_needs_a_look() -> None:
    document = plan("empty")
    at = "2026-11-20T02:00:00Z"
    document["impact"] = [
        {"target": "lab/volume/gone", "newest": [at, None], "oldest": [at, None], "count": [1, 0]},
        {"target": "lab/volume/new", "newest": [None, at], "oldest": [None, at], "count": [0, 1]},
    ]
    text = plan_text(document)
    assert "  ! lab/volume/gone" in text
    assert "    lab/volume/new" in text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "colour"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colour_is_for_terminals_that_want_it(stream: io.StringIO, environ: dict[str, str], colour: bool) -> None:
    assert style_for(stream, environ).colour is colour
    assert PLAIN("x", "bold") == "x"


def test_an_account_names_what_failed_before_what_was_not_tried() -> None:
    account = json.loads((GOLDEN / "accounts" / "partial.json").read_text(encoding="utf-8"))
    account["actions"].reverse()
    words = [line.split()[0] for line in account_text(account).splitlines()[1:4]]
    assert words == ["failed", "not", "skipped"]
