"""Rows of ``list``, ``show`` and ``drivers`` as aligned text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snapplan.render.phrases import moment, shown
from snapplan.render.style import PLAIN, Style
from snapplan.render.text import table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Column = tuple[str, Callable[[Mapping[str, Any]], str]]


def listing_text(kind: str, rows: Sequence[Mapping[str, Any]], *, style: Style = PLAIN) -> str:
    """Return rows of one kind (targets, snapshots, profiles, assignments, runs) as a table, ending with a newline."""
    if kind == "profiles":
        return "".join(_profile(row, style) for row in rows) or "No profiles.\n"
    return _columns(_COLUMNS[kind], rows, style) if rows else f"No {kind}.\n"


def run_text(run: Mapping[str, Any], *, style: Style = PLAIN) -> str:
    """Return one run and its journal, ending with a newline."""
    ended = f", ended {moment(run['ended_at'])}" if run["ended_at"] else ""
    lines = [
        style(f"run {run['run']}   {run['state']}   {shown(run['command'])} by {shown(run['owner'])}", "bold"),
        f"started {moment(run['started_at'])}{ended}   policy {shown(run['policy'] or '(not in git)')[:16]}",
    ]
    if run["digest"]:
        lines.append(f"plan    {shown(run['digest'])}")
    if run["allowed"]:
        lines.append(f"allowed {', '.join(map(shown, run['allowed']))}: {shown(run['reason'] or '(no reason given)')}")
    lines += [f"note    {shown(text)}" for text in run["notices"]]
    rows = [
        (
            f"  {row['number']}",
            shown(row["state"]),
            shown(row["verb"]),
            shown(row["snapshot"] or row["target"] or ""),
            shown(row["text"]),
        )
        for row in run["journal"]
    ]
    for line, row in zip(table(rows), run["journal"], strict=True):
        lines += [line, *(f"      note: {shown(text)}" for text in row["notices"])]
    return "\n".join(lines) + "\n"


def drivers_text(rows: Sequence[Mapping[str, Any]], *, style: Style = PLAIN) -> str:
    """Return the installed drivers and what each can do, ending with a newline."""
    lines = []
    for row in rows:
        lines.append(f"{style(shown(row['driver']), 'bold')}  {shown(row['summary'])}")
        facts = [(word.replace("_", " "), row[word]) for word in ("scopes", "quiesce", "period_fields") if row[word]]
        lines += table([(f"    {word}", ", ".join(shown(item) for item in items)) for word, items in facts])
        lines += _restores(row["restores"])
    return "\n".join(lines or ["No drivers."]) + "\n"


def _restores(paths: Sequence[Mapping[str, str]]) -> list[str]:
    """Return a line per restored scope and mode: ``restores vm in place out of cloud, vm``."""
    sources: dict[tuple[str, str], list[str]] = {}
    for path in paths:
        sources.setdefault((path["target"], path["mode"]), []).append(path["source"])
    rows = [
        (f"    restores {shown(target)}", shown(mode).replace("_", " "), f"out of {', '.join(map(shown, found))}")
        for (target, mode), found in sources.items()
    ]
    return table(rows)


def _columns(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], style: Style) -> str:
    head, *lines = table(
        [tuple(title for title, _ in columns), *(tuple(value(row) for _, value in columns) for row in rows)]
    )
    return "\n".join([style(head, "bold"), *lines]) + "\n"


def _profile(row: Mapping[str, Any], style: Style) -> str:
    about = f"  {shown(row['description'])}" if row["description"] else ""
    lines = [f"{style(shown(row['profile']), 'bold')}{about}  ({shown(row['timezone'])}; {shown(row['where'] or '')})"]
    lines += table([(f"    {shown(name)}", *_period(period)) for name, period in row["periods"].items()])
    return "\n".join(lines) + "\n"


def _period(period: Mapping[str, Any]) -> tuple[str, ...]:
    often = f"cron {period['cron']}" if period.get("cron") else period["frequency"]
    return (
        shown(often),
        f"kept {period['retention']}",
        f"at least {period['min_snapshots']}",
        f"quiesce {period['quiesce']}",
    )


def _text(key: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda row: shown(row[key]) if row[key] is not None else "-"


def _when(key: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda row: moment(row[key]) if row[key] is not None else "-"


def _joined(key: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda row: ", ".join(shown(item) for item in row[key]) or "-"


def _counts(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{number} {shown(word)}" for word, number in row["counts"].items() if number) or "-"


def _expires(row: Mapping[str, Any]) -> str:
    return moment(row["expires_at"]) if row["owned"] or row["expires_at"] else "-"


_COLUMNS: Mapping[str, Sequence[Column]] = {
    "targets": (
        ("TARGET", _text("target")),
        ("PROFILES", _joined("profiles")),
        ("TAGS", _joined("tags")),
        ("QUIESCE", lambda row: "yes" if row["can_quiesce"] else "no"),
    ),
    "snapshots": (
        ("SNAPSHOT", _text("snapshot")),
        ("TAKEN", _when("created_at")),
        ("EXPIRES", _expires),
        ("STATE", lambda row: f"{shown(row['state'])}{', pinned' if row['pinned'] else ''}"),
        ("WHY", _text("reason")),
    ),
    "assignments": (
        ("TARGET", _text("target")),
        ("PROFILE", _text("profile")),
        ("ASSIGNMENT", _text("assignment")),
        ("APPLIED", _when("applied_at")),
    ),
    "runs": (
        ("RUN", _text("run")),
        ("STATE", _text("state")),
        ("COMMAND", _text("command")),
        ("STARTED", _when("started_at")),
        ("BY", _text("owner")),
        ("PLAN", lambda row: shown(row["digest"] or "-")[:12]),
        ("ALLOWED", _joined("allowed")),
        ("DONE", _counts),
    ),
}
