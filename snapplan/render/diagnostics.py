"""Diagnostics for people, as JSON and as annotations of GitHub. Works from their JSON form (``plain(diagnostic)``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snapplan.render.jsonplan import json_text
from snapplan.render.phrases import cells, counted, shown
from snapplan.render.style import PLAIN, Style

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FORMAT = "snapplan.diagnostics/1.0"

GITHUB_ANNOTATIONS = 10
"""GitHub shows so many annotations of a step and drops the rest without a word."""

_RANK = {"error": 0, "warning": 1, "note": 2}
_COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}
_GITHUB = {"error": "error", "warning": "warning", "note": "notice"}


def diagnostic_text(finding: Mapping[str, Any], *, style: Style = PLAIN) -> str:
    """Return one finding: what is wrong, where, the lines around with a caret, what it means and what to do."""
    severity = finding["severity"]
    head = style(f"{severity}[{shown(finding['code'])}]", "bold", _COLOURS[severity])
    lines = [f"{head}: {style(shown(finding['summary']), 'bold')}"]
    if finding["where"]:
        lines.append(f"  {place(finding['where'])}")
    snippet = _snippet(finding, style)
    lines += snippet
    lines += [f"  {shown(line)}" for line in finding["detail"].splitlines()]
    if finding["hint"] and not snippet:
        lines += [f"  {shown(line)}" for line in finding["hint"].splitlines()]
    return "\n".join(lines)


def place(where: Mapping[str, Any]) -> str:
    """Return ``file:line:column``."""
    return f"{shown(where['file'])}:{where['line']}:{where['column']}"


def _snippet(finding: Mapping[str, Any], style: Style) -> list[str]:
    """Return the numbered lines, with carets and the hint below the line that is meant."""
    if not finding["where"] or not finding["snippet"]:
        return []
    meant, column = finding["where"]["line"], finding["where"]["column"]
    margin = max(len(str(number)) for number, _ in finding["snippet"])
    lines = []
    for number, text in finding["snippet"]:
        lines.append(f"    {number:>{margin}} | {_flat(text)}".rstrip())
        if number == meant:
            before = " " * cells(_flat(text[: column - 1]))
            carets = "^" * max(1, cells(_flat(text[column - 1 : column - 1 + finding["width"]])))
            first, *rest = finding["hint"].splitlines() or [""]
            pointer = f"{style(carets, _COLOURS[finding['severity']])} {shown(first)}".rstrip()
            lines.append(f"    {' ' * margin} | {before}{pointer}")
            lines += [f"    {' ' * margin} | {before}{shown(line)}" for line in rest]
    return lines


def _flat(text: str) -> str:
    return shown(text.replace("\t", " "))


def ordered(findings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return findings by place, errors before warnings at the same place; those without a place come first."""
    return sorted(findings, key=_order)


def _order(finding: Mapping[str, Any]) -> tuple[Any, ...]:
    where = finding["where"]
    at = (where["file"], where["line"], where["column"]) if where else ("", 0, 0)
    return (*at, _RANK[finding["severity"]], finding["code"])


def total(findings: Sequence[Mapping[str, Any]], files: int) -> str:
    """Return ``2 errors, 1 warning in 4 files``."""
    counts = [(sum(f["severity"] == severity for f in findings), severity) for severity in _RANK]
    parts = [counted(number, severity) for number, severity in counts if number]
    return f"{', '.join(parts) or 'No findings'} in {counted(files, 'file')}"


def diagnostics_text(findings: Sequence[Mapping[str, Any]], *, files: int, style: Style = PLAIN) -> str:
    """Return all findings and their total, ending with a newline."""
    blocks = [diagnostic_text(finding, style=style) for finding in ordered(findings)]
    worst = min(ordered(findings), key=lambda finding: _RANK[finding["severity"]], default=None)
    hint = f"   snapplan why {worst['code']} explains a code." if worst else ""
    return "\n\n".join([*blocks, f"{total(findings, files)}.{hint}"]) + "\n"


def diagnostics_json(findings: Sequence[Mapping[str, Any]], *, files: int) -> str:
    """Return all findings as one JSON document, ending with a newline."""
    counts = {f"{severity}s": sum(f["severity"] == severity for f in findings) for severity in _RANK}
    document = {"format": FORMAT, "files": files, **counts, "diagnostics": ordered(findings)}
    return json_text(document)


def diagnostics_github(findings: Sequence[Mapping[str, Any]]) -> str:
    """Return workflow commands of GitHub Actions, most severe first; the last one says how many more there are."""
    by_severity = sorted(ordered(findings), key=lambda f: _RANK[f["severity"]])
    cut = len(by_severity) if len(by_severity) <= GITHUB_ANNOTATIONS else GITHUB_ANNOTATIONS - 1
    lines = [_annotation(finding) for finding in by_severity[:cut]]
    if cut < len(by_severity):
        rest = len(by_severity) - cut
        lines.append(f"::{_GITHUB[by_severity[cut]['severity']]} title=snapplan::and {rest} more")
    return "".join(f"{line}\n" for line in lines)


def _annotation(finding: Mapping[str, Any]) -> str:
    where = finding["where"]
    properties = {"title": finding["code"]}
    if where:
        properties = {"file": where["file"], "line": where["line"], "col": where["column"], **properties}
    listed = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
    told = "\n".join(part for part in (finding["summary"], finding["detail"], finding["hint"]) if part)
    message = "\n".join(shown(line) for line in told.splitlines())
    return f"::{_GITHUB[finding['severity']]} {listed}::{_data(message)}"


def _data(text: str) -> str:
    """Escape the message of a workflow command, as GitHub's toolkit does."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
