"""The status document as text: a line per target, what needs attention first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snapplan.render.phrases import age, between, counted, moment, shown
from snapplan.render.style import PLAIN, Style
from snapplan.render.text import table

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOWN_FINE = 40
"""So many targets that are fine are listed; more only with ``--all``."""


def status_text(
    status: Mapping[str, Any],
    *,
    everything: bool = False,
    style: Style = PLAIN,
) -> str:
    """Return a status document as text, ending with a newline; ``everything`` lists all targets, however many.

    Its ``last_run`` is a row of ``list runs``, ``None`` where nothing was applied yet.
    """
    blocks = [
        [f"as of {moment(status['as_of'])}"],
        _targets(status, style, everything=everything),
        [*_unread(status, style), *_attention(status, style), *_notices(status)],
        [*_drift(status), *_foreign(status), _last(status["last_run"])],
        [style(_total(status), "bold")],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _targets(status: Mapping[str, Any], style: Style, *, everything: bool) -> list[str]:
    rows = sorted(status["targets"], key=lambda row: (not row["attention"], row["target"]))
    listed = rows if everything else [r for i, r in enumerate(rows) if r["attention"] or i < SHOWN_FINE]
    if not rows:
        return ["No targets."]
    head = ("  TARGET", "PROFILE", "SNAPS", "NEWEST", "OLDEST", "NEXT DUE", "STATE")
    title, *lines = table([head, *(_row(row, status["as_of"]) for row in listed)])
    lines = [style(line, "yellow") if row["attention"] else line for row, line in zip(listed, lines, strict=True)]
    left_out = len(rows) - len(listed)
    more = [f"  ... {left_out:,} more that need no attention (--all)"] if left_out else []
    return [style(title, "bold"), *lines, *more]


def _row(row: Mapping[str, Any], as_of: str) -> tuple[str, ...]:
    newest = f"{age(between(row['newest'], as_of))} ago" if row["newest"] else "-"
    quiesced = {True: " quiesced", False: "", None: ""}[row["quiesced"]]
    due = "-" if row["next_due"] is None else "now" if row["next_due"] <= as_of else moment(row["next_due"], as_of)
    told = "; ".join(shown(text) for text in row["attention"])
    return (
        f"{'!' if row['attention'] else ' '} {shown(row['target'])}",
        ", ".join(shown(profile) for profile in row["profiles"]) or "-",
        str(row["snapshots"]),
        newest + quiesced,
        moment(row["oldest"])[:10] if row["oldest"] else "-",
        due,
        f"{shown(row['state'])}: {told}" if told else shown(row["state"]),
    )


def _unread(status: Mapping[str, Any], style: Style) -> list[str]:
    lines = []
    for backend in status["backends"]:
        if backend["error"]:
            lines.append(style(f"unread    {shown(backend['name'])}: {shown(backend['error'])}", "red"))
            lines += [f"          {shown(backend['hint'])}"] * bool(backend["hint"])
    return lines


def _attention(status: Mapping[str, Any], style: Style) -> list[str]:
    lines = []
    for each in status["attention"]:
        lines.append(style(f"attention {shown(each['code'])}: {shown(each['text'])}", "yellow"))
        lines += [f"          {shown(each['hint'])}"] * bool(each["hint"])
    return lines


def _notices(status: Mapping[str, Any]) -> list[str]:
    return [
        f"notice    {shown(backend['name'])}: {shown(notice)}"
        for backend in status["backends"]
        for notice in backend["notices"]
    ]


def _drift(status: Mapping[str, Any]) -> list[str]:
    return [f"drift     {shown(item['subject'])}  {shown(item['text'])}" for item in status["drift"]]


def _foreign(status: Mapping[str, Any]) -> list[str]:
    if not status["foreign"]:
        return []
    return [f"foreign   {counted(status['foreign'], 'snapshot')} without our mark, never touched"]


def _last(run: Mapping[str, Any] | None) -> str:
    if run is None:
        return "last run  none"
    return f"last run  {run['run']} {shown(run['command'])}: {shown(run['state'])}, {moment(run['started_at'])}"


def _total(status: Mapping[str, Any]) -> str:
    rows = status["targets"]
    fine = sum(not row["attention"] and row["state"] != "unprotected" for row in rows)
    bare = sum(row["state"] == "unprotected" for row in rows)
    named = {row["target"] for row in rows if row["attention"]}
    look = len(named) + sum(each["subject"] not in named for each in status["attention"])
    parts = [f"{fine} ok", f"{look} {'needs' if look == 1 else 'need'} attention"]
    parts += [f"{bare} unprotected"] * bool(bare)
    return f"Status: {', '.join(parts)}; {len(status['drift'])} drifted."
