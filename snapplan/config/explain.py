"""pydantic's errors in the words of the policy language: code, place, what is wrong, what was probably meant."""

from __future__ import annotations

import re
import types
import typing
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel

from snapplan.models.durations import TimeFormatError
from snapplan.models.values import NAME_PATTERN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from snapplan.config.source import Findings
    from snapplan.config.yaml import Path

NAME_RULE = "a name begins with a letter or digit and holds letters, digits, '_', '.' and '-', 63 at most"
MAX_COMPARED = 50_000
LONGEST_COMPARED = 200
MOST_LISTED = 12
_LONGEST_SHOWN = 60
_CHOICE = re.compile(r"'([^']*)'")

_NOUNS = {
    "ConfigFile": "snapplan.yaml",
    "PolicyFile": "a policy file",
    "Backend": "a backend",
    "Guards": "guards",
    "MaxExpire": "max_expire",
    "MaxPercent": "a guard",
    "Orphans": "orphans",
    "Naming": "naming",
    "Defaults": "defaults",
    "QuiesceCommands": "quiesce_commands",
    "Profile": "a profile",
    "Period": "a period",
    "Assignment": "an assignment",
    "Selector": "a selector",
    "ManualSnapshot": "a manual snapshot",
    "Restore": "a restore",
    "RestoreSource": '"from"',
    "Objective": "an objective",
    "Moved": "an entry of moved",
}
_EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "tuple": "a list",
    "list": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "dict": "a mapping of keys to values",
    "model": "a mapping of keys to values",
}
_FORMS = {
    "day_of_month": "must be a day from 1 to 31, or last",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}


class Fault(NamedTuple):
    """One error of pydantic, mapped to the place in the data. ``key`` is set for unknown and for missing keys."""

    kind: str
    path: Path
    key: str
    detail: ErrorDetails


class _Suggestions:
    """How many comparisons are left for one loading: each takes some microseconds, and a file may hold many mistakes."""

    left = 0


def begin_suggestions() -> None:
    """Let the loading that begins now compare as much as any other."""
    _Suggestions.left = MAX_COMPARED


def closest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice that ``word`` is probably a slip for; none once a loading has compared too much."""
    from difflib import get_close_matches

    known = list(choices)
    _Suggestions.left -= len(known)
    if _Suggestions.left < 0 or len(word) > LONGEST_COMPARED:
        return None
    found = get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.6)
    return found[0] if found else None


def suggest(word: str, choices: Iterable[str]) -> str:
    """Return a hint: the probable meaning, or the choices when they are few."""
    known = list(choices)
    if meant := closest(word, known):
        return f'did you mean "{meant}"?'
    return f"one of {', '.join(sorted(known))}" if 0 < len(known) <= MOST_LISTED else ""


def show(value: object) -> str:
    """Return a value as a message shows it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = "".join(c if c.isprintable() else "\ufffd" for c in value[: _LONGEST_SHOWN + 1])
        return f'"{text[:_LONGEST_SHOWN]}..."' if len(value) > _LONGEST_SHOWN else f'"{text}"'
    if isinstance(value, (list, tuple)):
        return "a list"
    return "a mapping" if isinstance(value, dict) else f"{value}"


def kind(value: object) -> str:
    """Return what a whole file is instead of a mapping, without a word of it: it may be anything."""
    if isinstance(value, (bool, int, float)):
        return "a single value"
    return "text" if isinstance(value, str) else show(value)


def report(
    error: ValidationError,
    raw: object,
    path: Path,
    findings: Findings,
    *,
    model: type[BaseModel],
    noun: str = "",
    also: Sequence[str] = (),
) -> list[Path]:
    """Add a finding for each error of ``model`` about ``raw``, which stands at ``path``; return where they are.

    ``also`` are keys that are known there besides the model's own.
    """
    faults = _group(_fault(detail, raw) for detail in error.errors(include_url=False))
    typos = {
        (fault.path[:-1], meant)
        for fault in faults
        if fault.kind == "extra_forbidden" and (meant := closest(fault.key, known_keys(model, fault.path[:-1])))
    }
    for fault in faults:
        if fault.kind == "missing" and (fault.path, fault.key) in typos:
            continue
        _say(fault, path, findings, model=model, noun=noun, also=also)
    return [fault.path for fault in faults]


def _fault(detail: ErrorDetails, raw: object) -> Fault:
    """Follow pydantic's path through the data; it also names union members, which the data does not have."""
    place: Path = ()
    node: Any = raw
    for part in detail["loc"]:
        in_mapping = isinstance(node, dict) and part in node
        in_list = isinstance(node, (list, tuple)) and isinstance(part, int) and part < len(node)
        if in_mapping or in_list:
            node = node[part]
            place = (*place, str(part))
    kind = detail["type"]
    key = str(detail["loc"][-1]) if detail["loc"] else ""
    if key == "[key]":
        kind = "key"
    return Fault(kind, place, key, detail)


def _group(faults: Iterable[Fault]) -> list[Fault]:
    """Keep one error per value: the members of a union each complain, and the deepest complaint is the best."""
    kept: dict[tuple[Path, str], Fault] = {}
    for fault in faults:
        kept.setdefault((fault.path, fault.key if fault.kind == "missing" else ""), fault)
    deep = {place[:end] for place, _ in kept for end in range(len(place))}
    return [fault for fault in kept.values() if fault.kind in ("missing", "key") or fault.path not in deep]


def _say(
    fault: Fault, path: Path, findings: Findings, *, model: type[BaseModel], noun: str, also: Sequence[str]
) -> None:
    place = (*path, *fault.path)
    if fault.kind == "extra_forbidden":
        inside = noun_of(model, fault.path[:-1]) or noun or "this section"
        known = known_keys(model, fault.path[:-1])
        choices = [*known, *(also if len(fault.path) == 1 else ())]
        findings.error("SP104", place, f"unknown key {show(fault.key)} in {inside}", hint=suggest(fault.key, choices))
        return
    if fault.kind == "missing":
        inside = noun_of(model, fault.path) or noun or "this section"
        findings.error("SP105", place, f'key "{fault.key}" is missing in {inside}')
        return
    code, summary, hint = _describe(fault)
    value = fault.detail["input"]
    points_at_value = fault.kind != "key" and value is not None and not isinstance(value, (dict, list, tuple))
    findings.error(code, place, summary, value=points_at_value, hint=hint)


def _describe(fault: Fault) -> tuple[str, str, str]:
    """Return code, summary and hint of an error about a value."""
    detail, kind = fault.detail, fault.kind
    name = _field(fault.path)
    value = detail["input"]
    context: Mapping[str, Any] = detail.get("ctx", {})
    if kind == "secret":
        return "SP117", f"{name} {detail['msg']}", "write ${env:NAME} or ${file:PATH}"
    if kind == "value_error":
        message = detail["msg"].removeprefix("Value error, ")
        code = "SP108" if isinstance(context.get("error"), TimeFormatError) else "SP107"
        return code, f"{name}: {message}" if fault.path else message, ""
    if form := _FORMS.get(fault.path[-1] if fault.path else ""):
        return "SP107", f"{name} {form}, not {show(value)}", ""
    if value is None:
        return "SP106", f"{name} has no value", ""
    family = kind.rpartition("_type")[0] or kind.rpartition("_parsing")[0] or kind.partition("_from_")[0]
    if family in _EXPECTED or family == "model_attributes":
        expected = _EXPECTED.get(family, _EXPECTED["model"])
        return "SP106", f"{name} must be {expected}, not {show(value)}", _type_hint(expected, value)
    return _describe_value(kind, name, value, context, detail["msg"])


def _describe_value(
    kind: str, name: str, value: object, context: Mapping[str, Any], message: str
) -> tuple[str, str, str]:
    if kind in ("literal_error", "enum"):
        choices = _CHOICE.findall(str(context.get("expected", "")))
        expected = "" if choices else f"must be {context.get('expected')}"
        return "SP107", f"{name} cannot be {show(value)}", suggest(str(value), choices) or expected
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return "SP107", f"{name} must be {words} {context[key]:g}, not {show(value)}", ""
    if kind in ("string_pattern_mismatch", "key"):
        pattern = context.get("pattern")
        if pattern == NAME_PATTERN:
            return "SP111", f"{show(value)} is not allowed as a name", NAME_RULE
        return "SP107", f"{name} cannot be {show(value)}", f"it must match {pattern}" if pattern else message
    if kind in ("too_short", "string_too_short"):
        return "SP107", f"{name} is empty", ""
    if kind in ("too_long", "string_too_long"):
        return "SP107", f"{name} is longer than {context.get('max_length')}", ""
    return "SP107", f"{name}: {message}", ""


def _type_hint(expected: str, value: object) -> str:
    if expected == "text" and isinstance(value, (int, float)):
        return "put it in quotes"
    if expected == "a list" and isinstance(value, str):
        return f"write [{value[:_LONGEST_SHOWN]}]"
    if expected == "a whole number" and isinstance(value, str):
        return "write it in decimal, without quotes and leading zeros"
    if expected == "true or false" and isinstance(value, str):
        return "only true and false are truth values"
    return ""


def _field(path: Path) -> str:
    """Name the value that a message is about."""
    if not path:
        return "this"
    if path[-1].isdecimal() and len(path) > 1:
        return f'item {int(path[-1]) + 1} of "{path[-2]}"'
    return show(path[-1])


def known_keys(model: type[BaseModel], path: Path) -> list[str]:
    """Return the keys that are allowed at ``path`` below ``model``."""
    inner = model_at(model, path)
    if inner is None:
        return []
    return [field.alias or name for name, field in inner.model_fields.items()]


def noun_of(model: type[BaseModel], path: Path) -> str:
    """Return what stands at ``path`` below ``model``: ``a period``."""
    inner = model_at(model, path)
    return _NOUNS.get(inner.__name__, "") if inner is not None else ""


def model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """Return the model of the mapping at ``path`` below ``model``."""
    annotation: Any = model
    for key in path:
        annotation = _descend(annotation, key)
    return _as_model(annotation)


def _descend(annotation: Any, key: str) -> Any:
    owner = _as_model(annotation)
    if owner is not None:
        fields = owner.model_fields
        found = next((field for name, field in fields.items() if key in (name, field.alias)), None)
        return found.annotation if found is not None else None
    for member in _members(annotation):
        origin, arguments = typing.get_origin(member), typing.get_args(member)
        if origin is dict:
            return arguments[1]
        if origin in (tuple, list, frozenset, set):
            return arguments[0]
    return None


def _as_model(annotation: Any) -> type[BaseModel] | None:
    for member in _members(annotation):
        if isinstance(member, type) and issubclass(member, BaseModel):
            return member
    return None


def _members(annotation: Any) -> list[Any]:
    """Return the members of a union, without ``Annotated``."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _members(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [inner for member in typing.get_args(annotation) for inner in _members(member)]
    return [annotation]
