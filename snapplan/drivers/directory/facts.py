"""``mark.json``: the mark of a snapshot and what else is known of it, to and from data.

Format ``snapplan.snapshot/1``. Instants are text in UTC (``2026-11-22T02:00:00Z``), sizes bytes. A snapshot is as its
``mark.json`` says; its folder only has to be where that name belongs. Fields are added as needed, and unknown ones are
ignored. All of it is read as strictly as input, as anybody may have written it.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.drivers.directory.names import shown_name
from snapplan.drivers.directory.omissions import LeftOut, Reason, gaps_text
from snapplan.drivers.directory.reading import Document, parse
from snapplan.models.snapshot import Mark, Pin, Snapshot
from snapplan.models.target import Fingerprint, Scope

if TYPE_CHECKING:
    from datetime import datetime

FORMAT = "snapplan.snapshot/1"
SET_ASIDE = "set-aside"
"""The ``source`` of what a restore in place replaced. Its manifest is a record, not a condition: programs that still have
its files open go on writing to them."""
_FAMILY = "snapplan.snapshot/"
_LONGEST_FORMAT = 40
_LONGEST_ID = 64


class NewerFormatError(Exception):
    """The file was written by a later snapplan; ``str()`` is its format."""


class Origin(NamedTuple):
    """What the target was when the snapshot was taken, so that another disk in its place is noticed.

    ``path`` is its real path. ``uuid`` is that of its filesystem, empty where there is none or it cannot be learned.
    """

    path: str
    inode: int | None = None
    mounted: bool = False
    filesystem: str = ""
    uuid: str = ""

    @property
    def fingerprint(self) -> Fingerprint:
        """What writing through its name would have led to."""
        return Fingerprint(shown_name(self.path), "folder", self.inode, self.mounted, self.filesystem)


class Facts(NamedTuple):
    """What ``mark.json`` holds.

    ``id`` is unique for ever (random). ``folder`` is the target's own folder name, which is not always its name (odd
    bytes). ``source`` is empty, or ``set-aside``: then no capture made it. ``changed`` and ``vanished`` count what moved
    under the copy. ``reflinked`` says whether the data is shared with the target's (``None``: there was none).

    ``left_out`` are the first ``RECORDED`` of the ``left_out_count`` entries that are not in the data, ``gap_count``
    how many of all of them are gaps. ``suspicion`` says why the target's content had perhaps vanished. ``origin`` is
    what the target was (none for the whole system). ``manifest_size`` is what the file of the manifest has, once it is
    whole; ``None`` in marks that are older.
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
    left_out: tuple[LeftOut, ...] = ()
    left_out_count: int = 0
    gap_count: int = 0
    suspicion: str = ""
    origin: Origin | None = None
    manifest_size: int | None = None
    manifest_sha256: str = ""
    data_mtime_ns: int | None = None

    def snapshot(self, backend: str, *, complete: bool, in_use: str = "", damage: str = "") -> Snapshot:
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
            damage=damage,
            suspicion=self.suspicion,
            gaps=gaps_text(self.left_out, self.gap_count),
        )


def to_document(facts: Facts) -> dict[str, Any]:
    """Return ``facts`` as JSON data."""
    document: dict[str, Any] = {"format": FORMAT, **facts._asdict()}
    document["scope"] = facts.scope.value
    document["completed_at"] = _text(facts.completed_at)
    document["mark"] = mark_document(facts.mark)
    document["left_out"] = [left_out._asdict() for left_out in facts.left_out]
    document["origin"] = None if facts.origin is None else facts.origin._asdict()
    return document


def from_text(text: bytes) -> Facts:
    """Return what a ``mark.json`` says. Raises ``ValueError`` when it says nothing that can be, ``NewerFormatError``."""
    fields = parse(text)
    form = fields.get("format")
    if form != FORMAT:
        if isinstance(form, str) and form.startswith(_FAMILY) and len(form) < _LONGEST_FORMAT:
            raise NewerFormatError(form)
        raise ValueError(f"its format is not {FORMAT}")
    return _facts(Document(fields))


def _facts(document: Document) -> Facts:
    number = document.number
    return Facts(
        id=_id(document.text("id")),
        name=document.text("name"),
        scope=Scope(document.text("scope")),
        target_name=document.text("target_name"),
        # The folder's own name is any bytes.
        folder=document.text("folder", odd=True),
        mark=mark_from(document.object("mark")),
        completed_at=document.instant("completed_at"),
        quiesced=document.flag("quiesced"),
        consistent=document.flag("consistent"),
        contains=document.texts("contains"),
        size=number("size"),
        files=number("files") or 0,
        entries=number("entries") or 0,
        changed=number("changed") or 0,
        vanished=number("vanished") or 0,
        reflinked=document.flag("reflinked"),
        hashes=document.flag("hashes") or False,
        description=document.text_or("description", "") or "",
        left_out=tuple(map(_left_out, document.objects("left_out"))),
        left_out_count=number("left_out_count") or 0,
        gap_count=number("gap_count") or 0,
        suspicion=document.text_or("suspicion", "") or "",
        origin=_origin(document.object("origin")) if document.has("origin") else None,
        manifest_size=number("manifest_size"),
        manifest_sha256=document.text_or("manifest_sha256", "") or "",
        data_mtime_ns=document.signed("data_mtime_ns"),
        source=document.text_or("source", "") or "",
    )


def _id(text: str) -> str:
    # It names folders: in the place of half-made snapshots, and in the trash.
    if not (text.isascii() and text.replace("-", "").isalnum() and len(text) <= _LONGEST_ID):
        raise ValueError("'id' is no id")
    return text


def _left_out(document: Document) -> LeftOut:
    return LeftOut(
        path=document.text("path", odd=True),
        reason=Reason(document.text("reason")),
        gap=document.flag("gap") or False,
        text=document.text_or("text", "") or "",
    )


def _origin(document: Document) -> Origin:
    return Origin(
        path=document.text("path", odd=True),
        inode=document.number("inode"),
        mounted=document.flag("mounted") or False,
        filesystem=document.text_or("filesystem", "") or "",
        uuid=document.text_or("uuid", "") or "",
    )


def mark_document(mark: Mark) -> dict[str, Any]:
    """Return a mark as JSON data: every field, in order."""
    document: dict[str, Any] = mark._asdict()
    for field in ("taken_at", "expires_at", "slot"):
        document[field] = _text(document[field])
    if mark.pin is not None:
        document["pin"] = {**mark.pin._asdict(), "until": _text(mark.pin.until)}
    return document


def mark_from(document: Document) -> Mark:
    """Return the mark that ``document`` holds. Raises ``ValueError``."""
    taken_at = document.instant("taken_at")
    if taken_at is None:
        raise ValueError("'taken_at' is missing")
    slot, key = document.instant("slot"), document.text_or("key")
    profile, period = document.text_or("profile"), document.text_or("period")
    if (slot is None) != (profile is None) or (slot is None) != (period is None) or (slot is None) == (key is None):
        raise ValueError("it is neither of a period's slot nor of a key")
    return Mark(
        project=document.text("project"),
        target_id=document.text("target_id"),
        run=document.text("run"),
        taken_at=taken_at,
        expires_at=document.instant("expires_at"),
        profile=profile,
        period=period,
        slot=slot,
        key=key,
        minimum=document.number("minimum") or 0,
        pin=_pin(document.object("pin")) if document.has("pin") else None,
        set=document.text_or("set"),
        store=document.text_or("store"),
    )


def _pin(document: Document) -> Pin:
    return Pin(document.text("owner"), document.text("reason"), document.instant("until"))


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
