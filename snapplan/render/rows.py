"""The actions of a plan document as rows for people, grouped by verb and folded. Text and Markdown both show these."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.render.effects import details, effect, period, short_name, subject, taken_at
from snapplan.render.phrases import SYMBOLS, VERBS, age, between, compact, counted, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOLD_RUN = 3
"""So many equal actions on one target become one row."""

FOLD_ALIKE = 12
"""So many rows that differ only in their target are shown; the others are counted."""

FOLD_ATTENTION = 50
"""The same for rows that deserve a look."""

NEVER_FOLDED = frozenset({"restore", "profile"})
"""Verbs whose every action is told."""

ATTENTION = frozenset({"shortened", "retroactive", "released", "orphan", "unassigned", "removed", "incomplete"})
"""Reasons that deserve a look: the row is marked with ``!``."""


class Row(NamedTuple):
    """One line of a group, and the lines below it.

    ``what`` are the cells of ``effect``; ``actions`` is how many actions the row stands for.
    """

    symbol: str
    attention: bool
    subject: str
    what: tuple[str, ...]
    why: str
    where: str
    below: tuple[str, ...] = ()
    actions: int = 1


class Group(NamedTuple):
    """All rows of one verb. ``lasting`` of its actions cannot be undone, ``blocked`` are stopped by guards.

    ``more`` tells of rows that were folded away.
    """

    verb: str
    actions: int
    lasting: int
    rows: tuple[Row, ...]
    more: tuple[str, ...] = ()
    blocked: int = 0

    @property
    def attention(self) -> bool:
        """Whether any of its rows deserves a look."""
        return any(row.attention for row in self.rows)

    @property
    def lasting_note(self) -> str:
        """``cannot be undone``, or how many of its actions cannot, or nothing."""
        if not self.lasting:
            return ""
        return "cannot be undone" if self.lasting == self.actions else f"{self.lasting:,} cannot be undone"

    @property
    def blocked_note(self) -> str:
        """``BLOCKED``, or how many of its actions are, or nothing."""
        if not self.blocked:
            return ""
        return "BLOCKED" if self.blocked == self.actions else f"{self.blocked:,} BLOCKED"


def groups(document: Mapping[str, Any], *, full: bool = False) -> list[Group]:
    """Return the groups of a plan document, irreversible verbs first; ``full`` folds nothing."""
    by_verb: dict[str, list[Mapping[str, Any]]] = {}
    for action in document["actions"]:
        by_verb.setdefault(action["verb"], []).append(action)
    order = [*VERBS, *sorted(set(by_verb) - set(VERBS))]
    return [_group(verb, by_verb[verb], document["as_of"], full=full) for verb in order if verb in by_verb]


def _group(verb: str, actions: Sequence[Mapping[str, Any]], as_of: str, *, full: bool) -> Group:
    lasting = sum(not action["reversible"] for action in actions)
    blocked = sum(bool(action.get("blocked_by")) for action in actions)
    if full or verb in NEVER_FOLDED:
        return Group(verb, len(actions), lasting, tuple(_row(action, as_of) for action in actions), blocked=blocked)
    runs: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for action in actions:
        runs.setdefault(_run_key(action), []).append(action)
    entries: list[tuple[tuple[Any, ...], Row]] = []
    for run in runs.values():
        rows = [_folded(run, as_of)] if len(run) >= FOLD_RUN else [_row(a, as_of) for a in run]
        entries.extend((_alike_key(run[0]), row) for row in rows)
    rows_shown, more = _shorten(entries)
    return Group(verb, len(actions), lasting, tuple(rows_shown), tuple(more), blocked)


def _run_key(action: Mapping[str, Any]) -> tuple[Any, ...]:
    return (action["target"], *_alike_key(action))


def _alike_key(action: Mapping[str, Any]) -> tuple[Any, ...]:
    reasons = tuple((reason["code"], reason["where"]) for reason in action["reasons"])
    return (action["verb"], action["profile"], action["period"], reasons, tuple(action.get("blocked_by", ())))


def _shorten(entries: Sequence[tuple[tuple[Any, ...], Row]]) -> tuple[list[Row], list[str]]:
    """Keep the first rows of each kind in place and count the others; of rows that deserve a look more are kept."""
    totals = Counter(key for key, _ in entries)
    seen: Counter[tuple[Any, ...]] = Counter()
    left_out: Counter[tuple[Any, ...]] = Counter()
    rows = []
    for key, row in entries:
        limit = FOLD_ATTENTION if row.attention else FOLD_ALIKE
        seen[key] += 1
        if totals[key] > limit and seen[key] > limit - 2:
            left_out[key] += row.actions
        else:
            rows.append(row)
    return rows, [f"... {count:,} more {_kind(key)}" for key, count in left_out.items()]


def _kind(key: tuple[Any, ...]) -> str:
    verb, profile, name, _, _ = key
    return f"to {verb}" + (f" ({shown(profile)}.{shown(name)})" if name else "")


def _row(action: Mapping[str, Any], as_of: str) -> Row:
    codes = {reason["code"] for reason in action["reasons"]}
    blocked = action.get("blocked_by", ())
    attention = bool(codes & ATTENTION or blocked) or action["change"].get("mode") == "in_place"
    stopped = [f"BLOCKED by {', '.join(shown(code) for code in blocked)}"] if blocked else []
    return Row(
        symbol=SYMBOLS.get(action["verb"], "*"),
        attention=attention,
        subject=subject(action),
        what=effect(action, as_of),
        why="; ".join([*(shown(reason["text"]) for reason in action["reasons"]), *stopped]),
        where=_where(action),
        below=details(action),
    )


def _where(action: Mapping[str, Any]) -> str:
    """Return ``file:line`` of the first reason that has a place; the column is left to the JSON form."""
    place = next((reason["where"] for reason in action["reasons"] if reason["where"]), "")
    head, _, column = place.rpartition(":")
    return shown(head if column.isdigit() and ":" in head else place)


def _folded(run: Sequence[Mapping[str, Any]], as_of: str) -> Row:
    """Return one row for equal actions on one target, with their range."""
    rows = [_row(action, as_of) for action in run]
    noun = "snapshot" if run[0]["verb"] in ("snapshot", "expire", "change") else "action"
    one_reason = len({row.why for row in rows}) == 1
    return rows[0]._replace(
        subject=f"{shown(run[0]['target'] or '')}  {counted(len(run), noun)}",
        what=_range_of_whats(run, [row.what for row in rows], as_of),
        why=rows[0].why if one_reason else f"first: {rows[0].why}",
        below=_range(run),
        actions=len(run),
        attention=any(row.attention for row in rows),
    )


def _range_of_whats(run: Sequence[Mapping[str, Any]], whats: Sequence[tuple[str, ...]], as_of: str) -> tuple[str, ...]:
    if len(set(whats)) == 1:
        return whats[0]
    taken = sorted(at for at in map(taken_at, run) if at)
    if run[0]["verb"] == "expire" and taken:
        return (f"{age(between(taken[-1], as_of))} to {age(between(taken[0], as_of))} old",)
    newest = max(range(len(run)), key=lambda i: run[i]["slot"] or "")
    return (f"last: {whats[newest][0]}", *whats[newest][1:])


def _range(run: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    slots = sorted(action["slot"] for action in run if action["slot"])
    if slots:
        return (f"{period(run[0])}  {compact(slots[0])} .. {compact(slots[-1])}",)
    names = sorted(short_name(action["snapshot"]) for action in run if action["snapshot"])
    return (f"{names[0]} .. {names[-1]}",) if names else ()
