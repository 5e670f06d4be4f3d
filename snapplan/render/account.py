"""The account of an apply: what was done, what failed, what was not tried and why. Works from a document.

The document is ``{"format": "snapplan.account/1.0", "run", "state", "seconds", "counts", "notices", "attention",
"actions"}``, where ``state`` is done, partial, failed or interrupted, ``counts`` has a number per verb and for ``failed``,
``not_tried`` and ``skipped``, ``attention`` are sentences about what needs a person, and each of ``actions`` is
``{"number", "verb", "subject", "state", "text", "seconds", "notices", "exit_code"}``, the last that of the error (0: none).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snapplan.render.phrases import SYMBOLS, counted, shown
from snapplan.render.style import PLAIN, VERB_COLOURS, Style
from snapplan.render.text import table

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = "snapplan.account/1.0"

FOLD = 4
"""So many actions that ended in one way for one reason are listed; of more the first three, and how many more."""
_HEADS = {"done": "Applied", "partial": "Applied in part", "failed": "Not applied", "interrupted": "Interrupted"}
_UNFINISHED = ("failed", "not_tried")
_STATES = {"failed": "failed", "not_tried": "not tried", "skipped": "skipped"}


def account_text(account: Mapping[str, Any], *, style: Style = PLAIN, resume: str = "snapplan apply") -> str:
    """Return an account as text, ending with a newline. ``resume`` is the command that goes on after a failure."""
    lines = [style(_sentence(account), "bold"), *_left(account, style)]
    lines += [style(f"  attention: {shown(text)}", VERB_COLOURS["expire"]) for text in account["attention"]]
    lines += [f"  note: {shown(text)}" for text in account["notices"]]
    lines += _notes(account)
    if account["state"] != "done":
        # Where only something is left to look at, there is nothing to continue.
        unfinished = account["state"] != "partial" or any(a["state"] in _UNFINISHED for a in account["actions"])
        commands = [f"To continue:  {resume}"] * unfinished
        commands += [f"To see it:  snapplan show run {account['run']}"] * (account["run"] is not None)
        lines.append("        ".join(commands))
    return "\n".join(lines) + "\n"


def _sentence(account: Mapping[str, Any]) -> str:
    counts = account["counts"]
    run = f"   Run {account['run']}." if account["run"] is not None else ""
    if account["state"] == "done" and not any(action["state"] == "done" for action in account["actions"]):
        return f"There was nothing left to do.{run}"
    parts = [
        f"{counted(counts['snapshot'], 'snapshot')} taken",
        f"{counts['change']:,} changed",
        f"{counts['expire']:,} expired",
        f"{counts['restore']:,} restored",
    ]
    bad = [f"{counts[state]:,} {words}" for state, words in _STATES.items() if counts[state]]
    done = ", ".join(parts) + (f"; {', '.join(bad)}" if bad else "")
    return f"{_HEADS[account['state']]}: {done} in {account['seconds']:.1f} s.{run}"


def _left(account: Mapping[str, Any], style: Style) -> list[str]:
    """Return a line for each action that is not done; of many with one reason the first are shown, and a count."""
    alike: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for state in _STATES:
        for action in account["actions"]:
            if action["state"] == state:
                alike.setdefault((state, action["verb"], action["text"]), []).append(action)
    rows = []
    for (state, verb, text), actions in alike.items():
        listed = actions if len(actions) <= FOLD else actions[: FOLD - 1]
        subjects = [f"{SYMBOLS.get(verb, '*')} {shown(action['subject'])}" for action in listed]
        if len(actions) > len(listed):
            subjects.append(f"{SYMBOLS.get(verb, '*')} ... {len(actions) - len(listed):,} more")
        rows += [(f"  {_STATES[state]}", subject, shown(text)) for subject in subjects]
    return [
        style(line, VERB_COLOURS["expire"]) if row[0].strip() == "failed" else line
        for row, line in zip(rows, table(rows), strict=True)
    ]


def _notes(account: Mapping[str, Any]) -> list[str]:
    """Return what was noticed of actions, each sentence once."""
    told: dict[str, list[str]] = {}
    for action in account["actions"]:
        for text in action["notices"]:
            if text in account["attention"]:
                continue
            told.setdefault(text, []).append(shown(action["subject"]))
    return [
        f"  note: {subjects[0]}{f' and {len(subjects) - 1:,} more' if len(subjects) > 1 else ''}: {shown(text)}"
        for text, subjects in told.items()
    ]
