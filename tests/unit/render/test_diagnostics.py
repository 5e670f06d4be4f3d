from __future__ import annotations

import json
from typing import Any

from snapplan.diagnostics import Diagnostic, Location, Severity
from snapplan.models.plan import plain
from snapplan.render.diagnostics import (
    GITHUB_ANNOTATIONS,
    diagnostic_text,
    diagnostics_github,
    diagnostics_json,
    diagnostics_text,
    ordered,
)


def finding(line: int = 1, severity: Severity = Severity.ERROR, **changed: Any) -> Any:
    return plain(Diagnostic("SP104", severity, "wrong", Location("a.yaml", line, 1))._replace(**changed))


def test_the_caret_stands_below_the_column_that_is_meant() -> None:
    where = Location("policies/production.yaml", 14, 7)
    told = diagnostic_text(
        finding(where=where, snippet=((14, "      retension: 14d"),), width=9, hint='did you mean "retention"?')
    )
    assert told.splitlines() == [
        "error[SP104]: wrong",
        "  policies/production.yaml:14:7",
        "    14 |       retension: 14d",
        '       |       ^^^^^^^^^ did you mean "retention"?',
    ]


def test_wide_characters_before_the_column_move_the_caret() -> None:
    told = diagnostic_text(finding(where=Location("a.yaml", 1, 4), snippet=((1, "日本: x"),)))
    line, caret = told.splitlines()[2:]
    assert line == "    1 | 日本: x"
    assert caret == "      |      ^"


def test_a_column_beyond_the_line_still_has_a_caret() -> None:
    told = diagnostic_text(finding(where=Location("a.yaml", 1, 40), snippet=((1, "a:"),)))
    assert told.count("^") == 1


def test_the_hint_is_told_without_a_snippet_too() -> None:
    assert diagnostic_text(finding(hint="do this")).splitlines()[-1] == "  do this"


def test_findings_are_in_the_order_of_the_files() -> None:
    mixed = [finding(9), finding(2, Severity.NOTE), finding(2), finding(where=None)]
    lines = [(one["where"] or {"line": 0})["line"] for one in ordered(mixed)]
    assert lines == [0, 2, 2, 9]
    assert [one["severity"] for one in ordered(mixed)][1:3] == ["error", "note"]


def test_the_total_counts_each_severity() -> None:
    told = diagnostics_text([finding(), finding(), finding(severity=Severity.WARNING)], files=1)
    assert told.splitlines()[-1].startswith("2 errors, 1 warning in 1 file.")


def test_json_carries_the_counts() -> None:
    document = json.loads(diagnostics_json([finding(), finding(severity=Severity.NOTE)], files=3))
    assert (document["errors"], document["warnings"], document["notes"], document["files"]) == (1, 0, 1, 3)


def test_annotations_never_exceed_what_github_shows() -> None:
    exactly = diagnostics_github([finding(i) for i in range(GITHUB_ANNOTATIONS)]).splitlines()
    beyond = diagnostics_github([finding(i) for i in range(GITHUB_ANNOTATIONS + 5)]).splitlines()
    assert len(exactly) == len(beyond) == GITHUB_ANNOTATIONS
    assert beyond[-1].endswith("::and 6 more")
    assert "more" not in exactly[-1]


def test_an_annotation_cannot_smuggle_a_second_command() -> None:
    told = diagnostics_github([finding(summary="x\n::error::y", where=Location("a\n::stop::b", 1, 1))])
    assert len(told.splitlines()) == 1
