"""What ``drivers check`` found, as text."""

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
