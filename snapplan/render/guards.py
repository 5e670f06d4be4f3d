"""What the guards of a plan document say: the sentence, the cause, what it would do to restore points, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.render.phrases import age, between, counted, moment, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOST_CAUSES = 8
CLOCK = "SP306"


class Told(NamedTuple):
    """A guard that stops something, or would. ``lines`` are (label, text) pairs; ``command`` is what lifts it once."""

    code: str
    word: str
    text: str
    lines: tuple[tuple[str, str], ...] = ()
    command: str = ""


def passed(document: Mapping[str, Any]) -> list[str]:
    """Return the sentences of the guards that counted something and stop nothing."""
    return [shown(guard["text"]) for guard in document["guards"] if guard["state"] == "ok" and _counted(guard["value"])]


def told(document: Mapping[str, Any], *, command: str | None, full: bool = False) -> list[Told]:
    """Return what is to be said of the guards that stop something, or would if they were not allowed.

    ``command`` carries the plan out (``None``: nobody is told how to go on); ``full`` names every target.
    """
    return [_told(document, guard, command, full=full) for guard in document["guards"] if guard["state"] != "ok"]


def is_blocked(document: Mapping[str, Any]) -> bool:
    """Whether any guard stops something."""
    return any(guard["state"] not in ("ok", "allowed") for guard in document["guards"])


def goes_on(document: Mapping[str, Any], command: str | None) -> tuple[str, str] | None:
    """Return what is not blocked although something is, and the command that does only that, if there are snapshots."""
    if command is None or not is_blocked(document):
        return None
    free = sum(action["verb"] == "snapshot" and not action.get("blocked_by") for action in document["actions"])
    if not free:
        return None
    verb = "is" if free == 1 else "are"
    return f"{counted(free, 'snapshot')} {verb} not blocked:", f"{command} --only snapshot"


def _counted(value: Mapping[str, Any]) -> bool:
    return bool(value.get("count") or value.get("on_time"))


def _told(document: Mapping[str, Any], guard: Mapping[str, Any], command: str | None, *, full: bool) -> Told:
    allowed = guard["state"] == "allowed"
    lines = [*_causes(guard["value"])]
    if allowed:
        return Told(shown(guard["code"]), "allowed", shown(guard["text"]), tuple(lines))
    lines += _affected(document, guard, full=full)
    lift = "" if command is None else f'{command} --allow {shown(guard["code"])} --reason "..."'
    return Told(shown(guard["code"]), "blocked", shown(guard["text"]), tuple(lines), lift)


def _causes(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    causes = value.get("because", [])
    for cause in causes[:MOST_CAUSES]:
        count = f"  ({counted(cause['snapshots'], 'snapshot')})" if len(causes) > 1 and "snapshots" in cause else ""
        yield "because", f"{shown(cause['text'])}{_place(cause['where'])}{count}"
    if len(causes) > MOST_CAUSES:
        yield "", f"... {counted(len(causes) - MOST_CAUSES, 'more cause')}"


def _place(where: str | None) -> str:
    if not where:
        return ""
    head, _, column = where.rpartition(":")
    return f"   {shown(head if column.isdigit() and ':' in head else where)}"


def _affected(document: Mapping[str, Any], guard: Mapping[str, Any], *, full: bool) -> Iterator[tuple[str, str]]:
    """Say which restore points of which targets the guard keeps from moving."""
    stopped = [
        action
        for action in document["actions"]
        if guard["code"] in action.get("blocked_by", ()) and guard["backend"] in (None, action["backend"])
    ]
    if not stopped:
        return
    verbs = {
        verb: sum(action["verb"] == verb for action in stopped) for verb in dict.fromkeys(a["verb"] for a in stopped)
    }
    targets = {action["target"] for action in stopped if action["target"] is not None}
    parts = ", ".join(f"{count:,} to {verb}" for verb, count in verbs.items())
    yield "stops", f"{parts}" + (f", of {counted(len(targets), 'target')}" if targets else "")
    moved = [
        item
        for item in document["impact"]
        if item["target"] in targets and item["oldest"][0] is not None and item["oldest"][0] != item["oldest"][1]
    ]
    if moved and any(action["verb"] == "expire" for action in stopped):
        yield "otherwise", f"the oldest restore point of {counted(len(moved), 'target')} moves {_range(moved)}"
        if full:
            for item in moved:
                yield "", f"{shown(item['target'])}  {_move(*item['oldest'])}"


def _range(moved: list[Mapping[str, Any]]) -> str:
    if len(moved) == 1:
        return _move(*moved[0]["oldest"])
    before = sorted(item["oldest"][0] for item in moved)
    after = sorted(item["oldest"][1] for item in moved if item["oldest"][1] is not None)
    gone = len(moved) - len(after)
    shorter = [between(*item["oldest"]) for item in moved if item["oldest"][1] is not None]
    parts = [f"from {_span(before)}"]
    if after:
        parts.append(f"to {_span(after)} ({_ages(shorter)} shorter)")
    if gone:
        parts.append(f"to nothing for {gone:,} of them")
    return " ".join(parts)


def _move(before: str, after: str | None) -> str:
    if after is None:
        return f"from {moment(before)} to nothing"
    return f"from {moment(before)} to {moment(after)} ({age(between(before, after))} shorter)"


def _span(instants: list[str]) -> str:
    first, last = moment(instants[0]), moment(instants[-1])
    return first if first == last else f"{first} .. {last}"


def _ages(lengths: list[float]) -> str:
    first, last = age(min(lengths)), age(max(lengths))
    return first if first == last else f"{first} to {last}"
