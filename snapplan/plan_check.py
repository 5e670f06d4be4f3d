"""Whether a document is a plan as snapplan sealed it: its format, its checksum, its form, and what no schema can say.

The checksum of a plan is the SHA-256 of its canonical form, which is JSON in UTF-8 with sorted keys and without blanks,
of everything but the checksum. It finds what was changed by accident or by hand; it does not prove who made the plan.
Whatever a document says, apply carries out only what the planner derives again.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from snapplan.errors import PlanStaleError
from snapplan.ids import parse_instant
from snapplan.planner.digest import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jsonschema import Draft202012Validator

FORMAT = re.compile(r"snapplan\.plan/([0-9]{1,9})\.([0-9]{1,9})")
MAJOR, MINOR = 1, 1
AGAIN = "make a new plan with snapplan plan --out"


def check(document: Any, what: str) -> dict[str, Any]:
    """Return ``document``; raise ``PlanStaleError`` unless it is a plan as it was sealed. ``what`` names it in messages."""
    if not isinstance(document, dict):
        refuse(f"{what} is not a plan")
    _check_format(document.get("format"), what)
    try:
        whole = document.get("checksum") == checksum(document)
    except (ValueError, RecursionError):
        whole = False
    if not whole:
        refuse(f"{what} was changed after it was made: its checksum is wrong")
    _check_schema(document, what)
    flaw = next(flaws(document), None)
    if flaw is not None:
        refuse(f"{what} was changed after it was made: {flaw}")
    return document


def checksum(document: Mapping[str, Any]) -> str:
    """Return the SHA-256, in hexadecimal, of the canonical form of all but the checksum itself."""
    rest = {key: value for key, value in document.items() if key != "checksum"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _check_format(form: Any, what: str) -> None:
    found = FORMAT.fullmatch(form) if isinstance(form, str) else None
    if found is None:
        refuse(f"{what} is not a plan: it does not say which format it has")
    if (int(found[1]), int(found[2])) > (MAJOR, MINOR) or int(found[1]) != MAJOR:
        hint = "apply it with the snapplan that made it, or make a new one"
        raise stale("SP502", f"{what} has the format {form}, which this snapplan does not know", hint)
    if (int(found[1]), int(found[2])) < (MAJOR, MINOR):
        summary = f"{what} was made by an older snapplan, in the format {form}: it does not say where its targets lie"
        raise stale("SP516", summary, AGAIN)


def _check_schema(document: dict[str, Any], what: str) -> None:
    from jsonschema.exceptions import best_match

    try:
        error = best_match(_validator().iter_errors(document))
    except RecursionError:
        refuse(f"{what} is not a plan: it is nested too deeply")
    if error is not None:
        place = "/".join(str(part) for part in error.absolute_path) or "the document"
        refuse(f"{what} is not a plan: {place}: {error.message[:200]}")


@cache
def _validator() -> Draft202012Validator:
    from jsonschema import Draft202012Validator

    from snapplan.config.schema import schema

    return Draft202012Validator(schema("plan"))


def flaws(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield what no planner would have written, of a document that is valid by the schema."""
    actions = document["actions"]
    numbers = [action["number"] for action in actions]
    if any(type(number) is not int for number in numbers) or numbers != sorted(set(numbers)):
        yield "its actions are not in order"
        return
    known = set(numbers)
    for action in actions:
        if not set(action["after"]) <= known - {action["number"]}:
            yield f"action {action['number']} waits for one that is not there"
        if not _shaped(action["precondition"], PRECONDITION) or not _shaped(action["change"], CHANGE):
            yield f"action {action['number']} has a value of the wrong kind"
            return
    counts = {verb: sum(action["verb"] == verb for action in actions) for verb in VERBS}
    if any(document["summary"][verb] != count for verb, count in counts.items()):
        yield "its summary does not count its actions"
    if not _is_instant(document["as_of"]):
        yield "it does not say for which instant it was made"
    if document["digest"] != digest_of(document):
        yield "its digest is not that of its actions"
    yield from _twice(document)


def _twice(document: Mapping[str, Any]) -> Iterator[str]:
    from snapplan.applier.approve import identity, read_actions

    identities = [identity(action) for action in read_actions(document)]
    if len(set(identities)) < len(identities):
        yield "it has an action twice"


VERBS = ("profile", "assign", "snapshot", "change", "expire", "restore")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_witness(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"native_id", "taken_at"} and all(map(_is_text, value.values()))


def _is_instant(value: Any) -> bool:
    try:
        parse_instant(value)
    except (ValueError, TypeError, OverflowError):
        return False
    return True


PRECONDITION = {
    "native_id": _is_text,
    "target_id": _is_text,
    "path": _is_text,
    "taken_at": _is_instant,
    "expires_at": lambda value: value is None or _is_instant(value),
    "witnesses": lambda value: isinstance(value, list) and all(map(_is_witness, value)),
}
CHANGE = {
    "begins": lambda value: isinstance(value, list) and all(map(_is_text, value)),
    "ends": lambda value: isinstance(value, list) and all(map(_is_text, value)),
    "key": _is_text,
    "keeps": _is_text,
    "mode": _is_text,
    "expires_at": lambda value: isinstance(value, list) and len(value) == 2,
}


def _shaped(values: Mapping[str, Any], shape: Mapping[str, Any]) -> bool:
    return all(name not in shape or shape[name](value) for name, value in values.items())


def stale(code: str, summary: str, hint: str) -> PlanStaleError:
    """Return the error for a plan that is not what it should be."""
    from snapplan.applier.stale import refusal

    return PlanStaleError(findings=(refusal(code, summary, hint=hint),))


def refuse(summary: str) -> NoReturn:
    """Raise the error for what is no plan, or was changed."""
    raise stale("SP501", summary, AGAIN)
