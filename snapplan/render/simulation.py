"""A simulation as text: what would happen when, and what would be there at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snapplan.render.phrases import SYMBOLS, counted, moment, shown
from snapplan.render.style import PLAIN, VERB_COLOURS, Style

if TYPE_CHECKING:
    from collections.abc import Mapping


def simulation_text(simulation: Mapping[str, Any], *, style: Style = PLAIN) -> str:
    """Return one line for each event, what was missed, and the totals, ending with a newline."""
    lines = [_event(event, style) for event in simulation["events"]]
    lines += [
        f"{moment(missed['slot'])}  missed {shown(missed['target'])} {shown(missed['profile'])}.{shown(missed['period'])}"
        for missed in simulation["missed"]
    ]
    counts = {verb: sum(event["verb"] == verb for event in simulation["events"]) for verb in ("snapshot", "expire")}
    total = (
        f"Simulated: {counted(counts['snapshot'], 'snapshot')} taken, {counts['expire']:,} expired, "
        f"{counted(len(simulation['missed']), 'slot')} missed, {len(simulation['remaining']):,} left."
    )
    return "\n".join([*lines, style(total, "bold")]) + "\n"


def _event(event: Mapping[str, Any], style: Style) -> str:
    until = ""
    if event["verb"] == "snapshot":
        until = f"  until {moment(event['expires_at'])}" if event["expires_at"] else "  for ever"
    mark = style(SYMBOLS.get(event["verb"], "*"), VERB_COLOURS.get(event["verb"], "bold"))
    return f"{moment(event['at'])}  {mark} {shown(event['snapshot'])}{until}"
