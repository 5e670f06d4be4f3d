"""A draft as the text of a policy file, with comments. Names of a platform are data: none of them can become syntax."""

from __future__ import annotations

import re
import shlex
import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from snapplan.imports.draft import Draft, DraftAssignment, DraftProfile

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*\Z", re.ASCII)
_DURATION = re.compile(r"(?:[0-9]+[smhdwy])+\Z", re.ASCII)
# Other readers of YAML take these for something else than text.
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_SHORT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}
_WIDTH = 118


def policy_text(draft: Draft) -> str:
    """Return a policy file; the same draft always gives the same text, so that two imports can be compared."""
    parts = [list(_head(draft))]
    if draft.profiles:
        parts.append(["profiles:", *(line for profile in draft.profiles for line in _profile(profile))])
    if draft.assignments:
        lines = [line for assignment in draft.assignments for line in _assignment(draft.backend, assignment)]
        parts.append(["assignments:", *lines])
    if draft.missing:
        lines = [line for text in draft.missing for line in _comment(text, "#  - ", "#    ")]
        parts.append(["# What this file does not say:", *lines])
    return "".join("\n".join(lines) + "\n" for lines in parts)


def _head(draft: Draft) -> Iterator[str]:
    yield f"# Written by {_inline(draft.source)}: what the platform's own scheduler is set to."
    if draft.unmarked:
        yield "# Profiles without this project's mark are compared with the policy. Before snapplan may change them:"
        yield from (f"#   snapplan adopt {_inline(shlex.quote(address))}" for address in draft.unmarked)


def _profile(profile: DraftProfile) -> Iterator[str]:
    yield from (line for text in profile.remarks for line in _comment(text, "  # ", "  # "))
    yield f"  {scalar(profile.key)}:"
    yield from (f"    {key}: {_value(value)}" for key, value in profile.fields.items())
    yield "    periods:"
    for name, fields in profile.periods.items():
        yield f"      {scalar(name)}: {_flow(fields)}"


def _assignment(backend: str, assignment: DraftAssignment) -> Iterator[str]:
    yield f"  {scalar(assignment.key)}:"
    yield f"    profile: {scalar(assignment.profile)}"
    yield from (f"    {key}: {_value(value)}" for key, value in assignment.fields.items())
    yield "    targets:"
    start = f"      - {{backend: {scalar(backend)}, scope: {assignment.scope}"
    if not assignment.globs:
        yield f"{start}}}"
        return
    line = f"{start}, names: {_value(list(assignment.globs))}}}"
    if len(line) <= _WIDTH:
        yield line
        return
    yield f"      - backend: {scalar(backend)}"
    yield f"        scope: {assignment.scope}"
    yield "        names:"
    yield from (f"          - {scalar(glob)}" for glob in assignment.globs)


def _flow(fields: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{key}: {_value(value)}" for key, value in fields.items()) + "}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return scalar(value)
    items: Sequence[Any] = value
    return "[" + ", ".join(_value(item) for item in items) + "]"


def scalar(text: str) -> str:
    """Return ``text`` as a YAML scalar that every reader takes for this text, plain where that is certain."""
    if _DURATION.match(text) or (_PLAIN.match(text) and text.lower() not in _WORDS):
        return text
    return '"' + "".join(_SHORT.get(c, c if c.isprintable() else _escaped(c)) for c in text) + '"'


def _comment(text: str, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        _inline(text),
        _WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _inline(text: str) -> str:
    """Return ``text`` on one line without control characters, as a comment holds it."""
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
