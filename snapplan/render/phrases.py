"""Words that all renderings share: ages, instants, counts and the summary sentence, all made from plan documents."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from snapplan.ids import parse_instant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

VERBS = ("restore", "expire", "change", "snapshot", "assign", "profile")
"""Irreversible first: what a reviewer looks for."""

SYMBOLS = {"snapshot": "+", "change": "~", "expire": "-", "restore": "<", "assign": "=", "profile": "="}

_CI_COMMAND = r"##(?=\w*\[)"
_AGE_STEPS = ((86_400 * 2, 86_400, "d"), (3_600 * 2, 3_600, "h"), (60, 60, "m"), (0, 1, "s"))


def shown(value: object) -> str:
    """Return ``value`` on one line that steers neither a terminal nor a CI, whatever a hostile name holds.

    Some CI systems take ``##vso[...]`` or ``##[...]`` anywhere in what a job prints for a command: set this variable.
    """
    text = without_ci_commands(str(value))
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def without_ci_commands(text: str) -> str:
    """Return ``text`` with what a CI would carry out written apart, as ``# #vso[...]``."""
    return re.sub(_CI_COMMAND, "# #", text) if "##" in text else text


def cells(text: str) -> int:
    """Return how many terminal columns ``text`` takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def padded(text: str, width: int) -> str:
    """Return ``text`` filled with spaces up to ``width`` terminal columns."""
    return text + " " * (width - cells(text))


def age(seconds: float) -> str:
    """Return a rough length of time, such as ``58 m``, ``26 h`` or ``41 d``; negative ones start with ``-``."""
    if seconds < 0:
        return "-" + age(-seconds)
    for least, unit, word in _AGE_STEPS:
        if seconds >= least:
            return f"{int(seconds // unit)} {word}"
    raise AssertionError("the last step takes every length")


def between(earlier: str, later: str) -> float:
    """Return the seconds from one instant of a document to another."""
    return (parse_instant(later) - parse_instant(earlier)).total_seconds()


def moment(instant: str | None, as_of: str | None = None) -> str:
    """Return an instant of a document for people: ``2026-11-22 02:00Z``.

    Seconds are shown where there are any. On the day of ``as_of`` only the time is shown, with seconds; ``None`` is
    ``never``.
    """
    if instant is None:
        return "never"
    value: datetime = parse_instant(instant)
    if as_of is not None and value.date() == parse_instant(as_of).date():
        return value.strftime("%H:%M:%SZ")
    return value.strftime("%Y-%m-%d %H:%M:%SZ" if value.second else "%Y-%m-%d %H:%MZ")


def compact(instant: str) -> str:
    """Return ``20261122T0200Z``, as names carry it."""
    return parse_instant(instant).strftime("%Y%m%dT%H%MZ")


def counted(number: int, noun: str) -> str:
    """Return ``1 target`` or ``2 targets``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def summary_sentence(summary: Mapping[str, int]) -> str:
    """Return ``5 to snapshot, 4 to change, 19 to expire, 0 to restore``, with profiles and assignments if any."""
    parts = [f"{summary.get(verb, 0)} to {verb}" for verb in ("snapshot", "change", "expire", "restore")]
    recorded = [
        counted(summary[verb], noun)
        for verb, noun in (("profile", "profile"), ("assign", "assignment"))
        if summary.get(verb)
    ]
    return ", ".join(parts) + (f"; {' and '.join(recorded)} to set" if recorded else "")


def policy_name(document: Mapping[str, Any]) -> str:
    """Return ``policy 4f2c1e9 (clean)``, or ``policy (not in git)``."""
    commit, dirty = document["policy"]["commit"], document["policy"]["dirty"]
    if commit is None:
        return "policy (not in git)"
    return f"policy {shown(commit)[:7]} ({'not compared' if dirty is None else 'dirty' if dirty else 'clean'})"


def due_phrase(document: Mapping[str, Any]) -> str:
    """Return ``next due 03:00:00Z (lab/volume/a gold.hourly)``, or that no slot is."""
    due = document["next_due"]
    if due is None:
        silent = [shown(backend["name"]) for backend in document["backends"] if backend["error"] is not None]
        return f"what {', '.join(silent)} needs next is unknown" if silent else "nothing is scheduled"
    at = moment(due["at"], document["as_of"])
    return f"next due {at} ({shown(due['target'])} {shown(due['profile'])}.{shown(due['period'])})"
