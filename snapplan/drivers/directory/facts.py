"""``mark.json``: the mark of a snapshot and what else is known of it, to and from data.

Format ``snapplan.snapshot/1``. Instants are text in UTC (``2026-11-22T02:00:00Z``), sizes bytes. A snapshot is as its
``mark.json`` says; its folder only has to be where that name belongs.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.models.snapshot import Mark, Pin, Snapshot
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = "snapplan.snapshot/1"
SET_ASIDE = "set-aside"
"""The ``source`` of what a restore in place replaced. Its manifest is a record, not a condition: programs that still have
its files open go on writing to them."""
_FAMILY = "snapplan.snapshot/"


class NewerFormatError(Exception):
    """The file was written by a later snapplan; ``str()`` is its format."""


class Facts(NamedTuple):
    """What ``mark.json`` holds.

    ``id`` is unique for ever (random). ``folder`` is the target's own folder name, which is not always its name (odd
    bytes). ``source`` is empty, or ``set-aside``: then no capture made it. ``changed`` and ``vanished`` count what moved
    under the copy. ``reflinked`` says whether the data is shared with the target's (``None``: there was none).
    """

    id: str
    name: str
    scope: Scope
    target_name: str
    folder: str
    mark: Mark
    completed_at: datetime | None = None
    quiesced: bool | None = None
    consistent: bool | None = None
    contains: tuple[str, ...] = ()
    size: int | None = None
    files: int = 0
    entries: int = 0
    changed: int = 0
    vanished: int = 0
    reflinked: bool | None = None
    hashes: bool = False
    description: str = ""
    source: str = ""

    def snapshot(self, backend: str, *, complete: bool, in_use: str = "") -> Snapshot:
        """Return the snapshot as it is listed."""
        return Snapshot(
            backend=backend,
            native_id=self.id,
            name=self.name,
            scope=self.scope,
            target_id=self.mark.target_id,
            target_name=self.target_name,
            taken_at=self.mark.taken_at,
            completed_at=self.completed_at if complete else None,
            mark=self.mark,
            quiesced=self.quiesced,
            consistent=self.consistent,
            in_use=in_use,
            size=self.size,
            contains=self.contains,
            set_aside=self.source == SET_ASIDE,
        )


def to_document(facts: Facts) -> dict[str, Any]:
    """Return ``facts`` as JSON data."""
    document: dict[str, Any] = {"format": FORMAT, **facts._asdict()}
    document["scope"] = facts.scope.value
    document["completed_at"] = _text(facts.completed_at)
    document["mark"] = mark_document(facts.mark)
    return document


def from_text(text: bytes) -> Facts:
    """Return what a ``mark.json`` says. Raises ``ValueError`` when it says nothing useful, ``NewerFormatError``."""
    try:
        facts = _facts(json.loads(text))
        # Quick where nothing is escaped, as in nearly all: this is asked of each snapshot of each listing.
        if b"\\u" in text:
            _check_text(facts)
        return facts
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no {FORMAT}: {error!r}") from error


def _check_text(facts: Facts) -> None:
    """Raise ``ValueError`` where a text is not valid Unicode: no such mark is ours, and nobody could record it.

    All but the folder's own name, which is any bytes.
    """
    document = to_document(facts._replace(folder=""))
    json.dumps(document, ensure_ascii=False).encode()


def _facts(document: Mapping[str, Any]) -> Facts:
    form = document["format"]
    if form != FORMAT:
        if str(form).startswith(_FAMILY):
            raise NewerFormatError(str(form))
        raise ValueError(f"format {form!r}")
    get = document.get
    return Facts(
        id=str(document["id"]),
        name=str(document["name"]),
        scope=Scope(document["scope"]),
        target_name=str(document["target_name"]),
        folder=str(document["folder"]),
        mark=mark_from(document["mark"]),
        completed_at=_instant(get("completed_at")),
        quiesced=get("quiesced"),
        consistent=get("consistent"),
        contains=tuple(get("contains", ())),
        size=get("size"),
        files=get("files", 0),
        entries=get("entries", 0),
        changed=get("changed", 0),
        vanished=get("vanished", 0),
        reflinked=get("reflinked"),
        hashes=get("hashes", False),
        description=get("description", ""),
        source=str(get("source", "")),
    )


def mark_document(mark: Mark) -> dict[str, Any]:
    """Return a mark as JSON data: every field, in order."""
    document: dict[str, Any] = mark._asdict()
    for field in ("taken_at", "expires_at", "slot"):
        document[field] = _text(document[field])
    if mark.pin is not None:
        document["pin"] = {**mark.pin._asdict(), "until": _text(mark.pin.until)}
    return document


def mark_from(document: Mapping[str, Any]) -> Mark:
    """Return the mark that ``document`` holds. Raises ``KeyError``, ``TypeError`` or ``ValueError``."""
    get = document.get
    pin = get("pin")
    taken_at = _instant(document["taken_at"])
    if taken_at is None:
        raise ValueError("taken_at is missing")
    return Mark(
        project=str(document["project"]),
        target_id=str(document["target_id"]),
        run=str(document["run"]),
        taken_at=taken_at,
        expires_at=_instant(document["expires_at"]),
        profile=get("profile"),
        period=get("period"),
        slot=_instant(get("slot")),
        key=get("key"),
        minimum=int(get("minimum", 0)),
        pin=None if pin is None else Pin(pin["owner"], pin["reason"], _instant(pin.get("until"))),
        set=get("set"),
    )


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is not UTC:
        if instant.tzinfo is None:
            raise ValueError(f"{text!r} has no UTC offset")
        instant = instant.astimezone(UTC)
    return instant
