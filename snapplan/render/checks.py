"""What ``drivers check`` and ``verify`` found, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snapplan.render.phrases import counted, shown
from snapplan.render.style import PLAIN, Style
from snapplan.render.text import table

if TYPE_CHECKING:
    from collections.abc import Mapping

_COLOURS = {"ok": "green", "note": "dim", "warning": "yellow", "problem": "red"}


def checks_text(document: Mapping[str, Any], *, style: Style = PLAIN) -> str:
    """Return one line per finding and their count, ending with a newline."""
    findings = document["findings"]
    rows = [(f"  {found['state']}", shown(found["subject"]), shown(found["text"])) for found in findings]
    lines = [
        style(line, _COLOURS.get(found["state"], "bold")) for line, found in zip(table(rows), findings, strict=True)
    ]
    head = style(f"{shown(document['backend'])}  driver {shown(document['driver'])}", "bold")
    counts = document["counts"]
    summary = f"{counted(counts['problem'], 'problem')}, {counted(counts['warning'], 'warning')}."
    return "\n".join([head, *lines, summary]) + "\n"


_MOST_SHOWN = 20


def verification_text(document: Mapping[str, Any], *, style: Style = PLAIN) -> str:
    """Return the snapshots that are not as recorded, each with its first differences, and counts; ends with a newline."""
    lines = [
        style(f"{shown(backend['backend'])}  not read: {shown(backend['error'])}", "red")
        for backend in document["backends"]
        if backend["error"]
    ]
    for row in document["snapshots"]:
        lines += _verified_lines(row, style)
    counts, rows = document["counts"], document["snapshots"]
    read = f"the content of {sum(row['hashed'] for row in rows)} files was read"
    summary = f"{counts['ok']} of {counted(len(rows), 'snapshot')} as recorded; {read}."
    return "\n".join([*lines, summary]) + "\n"


def _verified_lines(row: Mapping[str, Any], style: Style) -> list[str]:
    name = shown(row["snapshot"])
    if row["state"] == "failed":
        return [style(f"{name}  not compared: {shown(row['text'])}", "red")]
    if row["state"] == "ok":
        return [f"{name}  {row['text']}"] if row["text"] else []
    found = row["differences"]
    lines = [style(f"{name}  differs from its record in {counted(len(found), 'place')}", "bold", "red")]
    for each in found[:_MOST_SHOWN]:
        values = f"  {each['expected']} -> {each['found']}" if each["expected"] else f"  {each['found']}"
        lines.append(f"  {shown(each['what']):<10} {shown(each['path'])}{shown(values).rstrip()}")
    if len(found) > _MOST_SHOWN:
        lines.append(f"  and {len(found) - _MOST_SHOWN} more (--format json has them all)")
    return lines
