"""A plan document as text for a terminal or a log. Everything comes from the document; nothing is decided here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snapplan.render.diagnostics import diagnostic_text
from snapplan.render.guards import goes_on, is_blocked, passed, told
from snapplan.render.phrases import (
    age,
    between,
    cells,
    compact,
    counted,
    due_phrase,
    moment,
    padded,
    policy_name,
    shown,
    summary_sentence,
)
from snapplan.render.rows import FOLD_ALIKE, Group, Row, groups
from snapplan.render.style import PLAIN, VERB_COLOURS, Style

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

WIDEST_COLUMN = 64
UNREAD = "no backend was asked, and apply refuses this plan"


def plan_text(
    document: Mapping[str, Any],
    *,
    full: bool = False,
    verbose: bool = False,
    style: Style = PLAIN,
    command: str | None = "snapplan apply",
    schedule: bool = True,
) -> str:
    """Return a plan document as text, ending with a newline.

    ``full`` folds nothing; ``verbose`` adds dependencies and preconditions. ``command`` is what carries the plan out and
    is named in the last line (``None``: it is not, because the caller is about to do it). Without ``schedule`` nothing is
    said of what is due next, because the plan is for something else.
    """
    blocks = [
        _header(document, style),
        _requests(document) if verbose else [],
        *(_group(document, group, style, verbose=verbose) for group in groups(document, full=full)),
        _impact(document, style, full=full),
        _missed(document, style, full=full),
        _drift(document, style, full=full),
        _kept(document, style),
        _findings(document, style),
        _closing(document, style, command, schedule=schedule, full=full),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def nothing_to_do(document: Mapping[str, Any]) -> str:
    """Return the sentence for a plan without actions, which says when the next slot is due.

    Where nothing could be read, nothing is known to match.
    """
    if any(one["effect"] == "complete" for one in document["pending"]):
        return "Nothing else is planned."
    silent = [shown(backend["name"]) for backend in document["backends"] if backend["error"] is not None]
    if silent and len(silent) == len(document["backends"]):
        return f"Nothing is planned: {', '.join(silent)} could not be read."
    targets = sum(backend["targets"] for backend in document["backends"] if backend["error"] is None)
    verb = "matches" if targets == 1 else "match"
    state = f"{counted(targets, 'target')} {verb} {policy_name(document)} as of {moment(document['as_of'])}"
    unread = "" if document["refreshed"] else f" As the catalog remembers; {UNREAD}."
    left = f" {', '.join(silent)} could not be read." if silent else ""
    return f"Nothing to do. {state}; {due_phrase(document)}.{unread}{left}"


def _header(document: Mapping[str, Any], style: Style) -> list[str]:
    if not document["actions"]:
        return []
    head = (
        f"{policy_name(document)}   catalog rev {document['catalog']['revision']}   as of {moment(document['as_of'])}"
    )
    backends = [backend for backend in document["backends"] if backend["error"] is None]
    targets = sum(backend["targets"] for backend in backends)
    snapshots = sum(backend["snapshots"] for backend in backends)
    held = f"{counted(len(backends), 'backend')}, {counted(targets, 'target')}, {counted(snapshots, 'snapshot')}"
    read = f"read {held}" if document["refreshed"] else f"{held}, as the catalog remembers them; {UNREAD}"
    return [style(head, "bold"), read]


def _requests(document: Mapping[str, Any]) -> list[str]:
    """Return a line for each backend that limits requests: how many reading it took and an apply needs."""
    lines = []
    for backend in document["backends"]:
        count = backend["requests"]
        if count is not None:
            need = (
                f"this plan needs about {count['apply']:,} more" if document["actions"] else "there is nothing to apply"
            )
            lines.append(
                f"{shown(backend['name'])}: {counted(count['read'], 'request')} to read it; {need};"
                f" {count['spent']:,} of {count['limit']:,} in the last hour"
            )
    return lines


def _group(document: Mapping[str, Any], group: Group, style: Style, *, verbose: bool) -> list[str]:
    note = "".join(f"   {text}" for text in (group.lasting_note, group.blocked_note) if text)
    lines = [style(f"{group.verb.upper()} {group.actions:,}", "bold", VERB_COLOURS.get(group.verb, "bold")) + note]
    lines += table(_cells_of(row) for row in group.rows)
    lines = [lines[0], *_with_below(group.rows, lines[1:])]
    lines += [f"    {line}" for line in group.more]
    return lines + (_details(document, group.verb) if verbose else [])


def _cells_of(row: Row) -> tuple[str, ...]:
    mark = "!" if row.attention else " "
    return (f"{mark} {row.symbol} {row.subject}", *row.what, row.why, row.where)


def _with_below(rows: Sequence[Row], lines: Sequence[str]) -> Iterator[str]:
    for row, line in zip(rows, lines, strict=True):
        yield line
        for below in row.below:
            yield f"      {below}"


def _details(document: Mapping[str, Any], verb: str) -> list[str]:
    lines = []
    for action in document["actions"]:
        if action["verb"] == verb and (action["after"] or action["precondition"]):
            facts = [f"{shown(key)}={shown(value)}" for key, value in action["precondition"].items()]
            after = [f"after {', '.join(str(number) for number in action['after'])}"] if action["after"] else []
            lines.append(f"    #{action['number']}: {'; '.join(after + facts)}")
    return lines


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return rows with aligned columns, without the columns that are empty in all rows.

    A cell wider than the widest column pushes the rest of its own row only.
    """
    held = list(rows)
    columns = max((len(row) for row in held), default=0)
    widths = [
        max((cells(row[i]) for row in held if i < len(row) and cells(row[i]) <= WIDEST_COLUMN), default=0)
        for i in range(columns)
    ]
    filled = [any(i < len(row) and row[i] for row in held) for i in range(columns)]
    return [
        "  ".join(padded(cell, width) for cell, width, some in zip(row, widths, filled, strict=False) if some).rstrip()
        for row in held
    ]


def _impact(document: Mapping[str, Any], style: Style, *, full: bool) -> list[str]:
    moved = sorted(document["impact"], key=lambda item: (not _loses(item), item["target"]))
    if not moved:
        return []
    cut = len(moved) if full or len(moved) <= FOLD_ALIKE else FOLD_ALIKE - 2
    cut = max(cut, sum(_loses(item) for item in moved))
    rows: list[tuple[str, ...]] = [("    target", "snapshots", "newest", "oldest")]
    rows += [_impact_row(item, document["as_of"]) for item in moved[:cut]]
    lines = [style("RESTORE POINTS that change", "bold"), *table(rows)]
    return lines + ([f"    ... {len(moved) - cut:,} more targets"] if cut < len(moved) else [])


def _impact_row(item: Mapping[str, Any], as_of: str) -> tuple[str, ...]:
    mark = "!" if _loses(item) else " "
    count = f"{item['count'][0]} -> {item['count'][1]}"
    newest = " -> ".join(_ago(at, as_of) for at in item["newest"])
    return (f"  {mark} {shown(item['target'])}", count, newest, _oldest(*item["oldest"]))


def _ago(instant: str | None, as_of: str) -> str:
    if instant is None:
        return "none"
    return "now" if instant == as_of else f"{age(between(instant, as_of))} ago"


def _oldest(before: str | None, after: str | None) -> str:
    if before == after:
        return f"{moment(before)} (same)" if before else "none"
    text = f"{moment(before) if before else 'none'} -> {moment(after) if after else 'none'}"
    if before is not None and after is not None and after > before:
        return f"{text}   {age(between(before, after))} shorter"
    return text


def _loses(item: Mapping[str, Any]) -> bool:
    """Whether a reviewer should look: no restore point is left, or over a quarter of the time covered is gone."""
    (newest, _), (before, after) = item["newest"], item["oldest"]
    if before is None:
        return False
    if after is None or item["count"][1] == 0:
        return True
    return after > before and between(before, after) * 4 > max(between(before, newest), 1)


def _missed(document: Mapping[str, Any], style: Style, *, full: bool) -> list[str]:
    missed = document["missed"]
    if not missed:
        return []
    runs: dict[tuple[str, str, str], list[str]] = {}
    for item in missed:
        runs.setdefault((item["target"], item["profile"], item["period"]), []).append(item["slot"])
    rows = []
    for (target, profile, period), slots in runs.items():
        ordered = sorted(slots)
        if full:
            span = ", ".join(compact(slot) for slot in ordered)
        else:
            span = compact(ordered[0]) + (f" .. {compact(ordered[-1])}" if len(ordered) > 1 else "")
        rows.append((f"    {shown(target)}", f"{shown(profile)}.{shown(period)}", counted(len(slots), "slot"), span))
    lines = [style(f"MISSED {len(missed):,}", "bold") + "   no snapshot was taken for these slots and none will be"]
    return lines + _cut(table(rows), full=full)


def _drift(document: Mapping[str, Any], style: Style, *, full: bool) -> list[str]:
    drift = document["drift"]
    if not drift:
        return []
    rows = [(f"  ? {shown(item['subject'])}", shown(item["text"])) for item in drift]
    heading = style(f"DRIFT {len(drift):,}", "bold") + "   changed outside snapplan"
    return [heading, *_cut(table(rows), full=full)]


def _cut(lines: list[str], *, full: bool) -> list[str]:
    if full or len(lines) <= FOLD_ALIKE:
        return lines
    return [*lines[: FOLD_ALIKE - 2], f"    ... {len(lines) - FOLD_ALIKE + 2:,} more"]


def _kept(document: Mapping[str, Any], style: Style) -> list[str]:
    summary = document["summary"]
    if not any(summary[key] for key in ("keep", "foreign", "orphan")):
        return []
    if not document["actions"] and not summary["orphan"]:
        return []
    pinned = f" ({summary['pinned']:,} pinned)" if summary["pinned"] else ""
    parts = [f"{summary['keep']:,} kept{pinned}"]
    parts += [f"{counted(summary[key], key) if key == 'orphan' else f'{summary[key]:,} {key}'}"
              for key in ("foreign", "orphan") if summary[key]]  # fmt: skip
    return [f"{style('LEFT ALONE', 'bold')}  {', '.join(parts)}"]


def _findings(document: Mapping[str, Any], style: Style) -> list[str]:
    return ["\n\n".join(diagnostic_text(item, style=style) for item in document["diagnostics"])] * bool(
        document["diagnostics"]
    )


def _closing(
    document: Mapping[str, Any], style: Style, command: str | None, *, schedule: bool, full: bool
) -> list[str]:
    stopped = is_blocked(document)
    if not document["actions"] and not stopped:
        return [nothing_to_do(document)]
    lines = [style(f"Plan: {summary_sentence(document['summary'])}.", "bold") + ("   BLOCKED" if stopped else "")]
    lines += _guards(document, style, command, full=full)
    lines += [_exactness(document)] * schedule
    if document["digest"]:
        lines.append(f"Digest {shown(document['digest'])[:12]}.")
    if command is not None and document["actions"]:
        lines.append(f"To carry it out:  {command}")
    return lines


def _exactness(document: Mapping[str, Any]) -> str:
    due = due_phrase(document)
    if document["exact_until"] is None:
        return f"{due[0].upper()}{due[1:]}."
    return f"Exact until {moment(document['exact_until'], document['as_of'])}; {due}."


def _guards(document: Mapping[str, Any], style: Style, command: str | None, *, full: bool) -> list[str]:
    fine = passed(document)
    lines = [f"Guards ok: {'; '.join(fine)}."] if fine else []
    for guard in told(document, command=command, full=full):
        lines.append(style(f"{guard.word}[{guard.code}]", "bold", "red") + f": {guard.text}")
        lines += [f"  {label:<9}  {text}" for label, text in guard.lines]
        if guard.command:
            lines.append(f"  if meant   {guard.command}")
    rest = goes_on(document, command)
    return lines + ([f"{rest[0]}  {rest[1]}"] if rest else [])
