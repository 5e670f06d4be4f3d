"""What ``why`` says: of a snapshot, or of a code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snapplan.render.phrases import shown
from snapplan.render.style import PLAIN, Style

if TYPE_CHECKING:
    from collections.abc import Mapping


def explanation_text(explanation: Mapping[str, Any], *, style: Style = PLAIN) -> str:
    """Return why a snapshot is kept or expires, ending with a newline."""
    facts = [(shown(line["word"]), shown(line["text"])) for line in explanation["because"]]
    width = max((len(word) for word, _ in facts), default=0)
    lines = [style(shown(explanation["snapshot"]), "bold")]
    lines += [f"  {word:<{width}}  {text}" for word, text in facts]
    return "\n".join(lines) + "\n"


def code_text(explained: Mapping[str, Any], *, style: Style = PLAIN) -> str:
    """Return what a code means and what to do, ending with a newline."""
    lines = [style(f"{explained['code']}: {explained['title']}", "bold"), "", explained["meaning"]]
    if explained["fix"]:
        lines += ["", f"What to do: {explained['fix']}"]
    return "\n".join(lines) + "\n"
