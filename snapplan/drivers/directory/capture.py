"""Taking a snapshot: mark first, freeze, copy aside, thaw, manifest, sync, one rename."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from snapplan import clock, crash
from snapplan.drivers.directory.copy import CopyStoppedError, copy_tree
from snapplan.drivers.directory.facts import Facts
from snapplan.drivers.directory.failure import describe, refusing
from snapplan.drivers.directory.listing import target_id
from snapplan.drivers.directory.manifest import entry_of, write_manifest
from snapplan.drivers.directory.names import name_fault
from snapplan.drivers.directory.parts import Part, found_in, moved_under, parts_of
from snapplan.drivers.directory.quiescing import Freezing, freezing_for
from snapplan.drivers.directory.removal import remove_tree
from snapplan.drivers.directory.store import DATA, MANIFEST, new_id
from snapplan.drivers.directory.swap import nested_stores
from snapplan.errors import NameTakenError, NotFoundError, OutcomeUnknownError, RefusedError
from snapplan.models.request import Outcome, SnapshotRequest
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from snapplan.drivers.directory.copy import CopyReport
    from snapplan.drivers.directory.layout import Layout, Place
    from snapplan.drivers.directory.manifest import Entry
    from snapplan.drivers.directory.store import Store
    from snapplan.models.policy import QuiesceCommands

_NAMED_IN_NOTICES = 3


@dataclass(frozen=True, slots=True)
class Capturing:
    """What taking snapshots on one backend needs."""

    layout: Layout
    store: Store
    quiesce_commands: Mapping[str, QuiesceCommands]
    content_hashes: bool


class _Subject(NamedTuple):
    """What is captured: its own folder name, the folders to copy, and the targets inside that are restored one by one."""

    folder: str
    parts: Sequence[Part]
    places: Sequence[Place]
    keys: Sequence[str]


class _Copied(NamedTuple):
    """All parts of a capture, copied."""

    entries: tuple[Entry, ...]
    reports: tuple[CopyReport, ...]
    notices: tuple[str, ...]


def take(capturing: Capturing, request: SnapshotRequest) -> Outcome:
    """Take one snapshot; durable when it returns.

    Raises ``NameTakenError``, ``NotFoundError``, ``QuiesceError``, another ``RefusedError``, or ``BackendError``; then
    nothing is listed that was not there before. ``OutcomeUnknownError`` when it is listed but not known to be durable.
    """
    store = capturing.store
    address = f"{request.target.address}@{request.name}"
    _check(request, store)
    with refusing(store.backend, f"take {address}"):
        subject = _subject(capturing.layout, request)
        facts = _first_facts(request, subject.folder)
        existing = store.target_folder(facts.scope, facts.folder) / facts.name
        if os.path.lexists(existing):
            return _already(store, existing, facts)
        for left in store.begun(facts):
            store.discard(left)
        freezing = freezing_for(
            store.backend, request.quiesce, subject.keys, capturing.quiesce_commands, store.frozen / facts.id
        )
        aside = store.begin(facts)
        try:
            return _fill(capturing, aside, facts, subject, freezing)
        except FileExistsError:
            store.discard(aside)
            return _already(store, existing, facts)
        except BaseException as error:
            if isinstance(error, OSError) and not aside.exists():
                raise OutcomeUnknownError(
                    store.backend, f"{address} was taken, but may not survive a power failure: {describe(error)}"
                ) from error
            _discard_quietly(store, aside)
            raise


def _check(request: SnapshotRequest, store: Store) -> None:
    fault = name_fault(request.name)
    if "@" in request.name:
        fault = f"{request.name!r} holds an @, after which an address has the snapshot's name"
    if fault:
        raise RefusedError(store.backend, f"a snapshot cannot have this name: {fault}")
    if request.mark.project != store.project:
        raise RefusedError(store.backend, f"the mark is of project {request.mark.project!r}, not {store.project!r}")
    expected = target_id(request.target.scope, request.target.name)
    if {request.target.id, request.mark.target_id} != {expected}:
        raise RefusedError(store.backend, f"{request.target.address} has the id {expected!r}, the mark says otherwise")


def _subject(layout: Layout, request: SnapshotRequest) -> _Subject:
    scope, name = request.target.scope, request.target.name
    if scope is Scope.CLOUD:
        places = layout.places()
        keys = [str(Scope.CLOUD), *(place.key for place in places)]
        return _Subject("", parts_of(layout, places), places, keys)
    place = layout.place(scope, name)
    if place is None:
        raise NotFoundError(layout.backend, f"{request.target.address} is not there any more")
    return _Subject(place.folder, (Part("", place.path),), (), [place.key])


def _first_facts(request: SnapshotRequest, folder: str) -> Facts:
    target = request.target
    return Facts(
        id=new_id(),
        name=request.name,
        scope=target.scope,
        target_name=target.name,
        folder=folder,
        mark=request.mark,
        description=request.description,
    )


def _already(store: Store, existing: Path, facts: Facts) -> Outcome:
    found = store.read(existing)
    if found is None or found.mark.identity != facts.mark.identity:
        owner = "has no mark" if found is None else f"is of project {found.mark.project!r}"
        raise NameTakenError(
            store.backend,
            f"{facts.snapshot(store.backend, complete=False).address} exists and {owner}, or is another one",
        )
    return Outcome(snapshot=found.snapshot(store.backend, complete=True), existed=True)


def _fill(capturing: Capturing, aside: Path, facts: Facts, subject: _Subject, freezing: Freezing) -> Outcome:
    store = capturing.store
    stop = freezing.expired if freezing.required else None
    try:
        with freezing:
            crash.point("create.frozen")
            copied = _copy(capturing, aside / DATA, subject.parts, stop)
            crash.point("create.copied")
    except CopyStoppedError:
        freezing.check()
        raise
    freezing.check()
    write_manifest(aside / MANIFEST, copied.entries, hashes=capturing.content_hashes, sync=False)
    crash.point("create.manifest")
    facts = _with_results(facts, copied, freezing.quiesced, capturing.content_hashes)
    if facts.scope is Scope.CLOUD:
        facts = facts._replace(contains=tuple(found_in(aside / DATA, subject.places)))
    store.complete(aside, facts)
    notices = (*freezing.notices, *_notices(copied))
    return Outcome(snapshot=facts.snapshot(store.backend, complete=True), notices=notices)


def _copy(capturing: Capturing, data: Path, parts: Sequence[Part], stop: Callable[[], bool] | None) -> _Copied:
    if len(parts) == 1 and not parts[0].prefix:
        report = _copy_part(capturing, parts[0].source, data, stop)
        return _Copied(report.entries, (report,), ())
    reports: list[CopyReport] = []
    entries: list[Entry] = []
    notices: list[str] = []
    links = 0
    data.mkdir(mode=0o700)
    for part in parts:
        (data / part.prefix).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            report = _copy_part(capturing, part.source, data / part.prefix, stop)
        except NotFoundError:
            notices.append(f"{str(part.source)!r} vanished while the system was copied, and is left out")
            _drop(data / part.prefix)
            continue
        reports.append(report)
        entries += [moved_under(part.prefix, entry, links) for entry in report.entries]
        links += 1 + max((entry.link for entry in report.entries if entry.link is not None), default=0)
    return _Copied((*_folders_around(data, parts), *entries), tuple(reports), tuple(notices))


def _copy_part(capturing: Capturing, source: Path, destination: Path, stop: Callable[[], bool] | None) -> CopyReport:
    try:
        before = source.stat()
        exclude = [capturing.store.path, *nested_stores(source)]
        report = copy_tree(source, destination, exclude=exclude, hashes=capturing.content_hashes, stop=stop)
        after = source.stat()
    except FileNotFoundError as error:
        if source.exists():
            raise
        raise NotFoundError(capturing.store.backend, f"nothing to copy: {describe(error)}") from error
    if before.st_ino != after.st_ino:
        raise NotFoundError(capturing.store.backend, f"{str(source)!r} was replaced while it was copied")
    return report


def _drop(path: Path) -> None:
    if path.exists():
        remove_tree(path)


def _folders_around(data: Path, parts: Sequence[Part]) -> list[Entry]:
    """Return entries for the folders of the data that are no copies themselves."""
    around = {parent for part in parts for parent in PurePosixPath(part.prefix).parents}
    return [entry_of(str(path), (data / path).lstat()) for path in sorted(around)]


def _with_results(facts: Facts, copied: _Copied, quiesced: bool, hashes: bool) -> Facts:
    reports = copied.reports
    return facts._replace(
        completed_at=clock.now(),
        quiesced=quiesced,
        consistent=not copied.notices and all(report.consistent for report in reports),
        size=sum(report.bytes for report in reports),
        files=sum(report.files for report in reports),
        entries=len(copied.entries),
        changed=sum(len(report.changed) for report in reports),
        vanished=sum(len(report.vanished) for report in reports),
        reflinked=_all_shared(reports),
        hashes=hashes,
    )


def _all_shared(reports: Sequence[CopyReport]) -> bool | None:
    known = [report.reflinked for report in reports if report.reflinked is not None]
    return all(known) if known else None


def _notices(copied: _Copied) -> Iterator[str]:
    yield from copied.notices
    yield from _listed("changed", [path for report in copied.reports for path in report.changed])
    yield from _listed("vanished", [path for report in copied.reports for path in report.vanished])
    for report in copied.reports:
        yield from report.notices
    if _all_shared(copied.reports) is False:
        yield "all data was copied: these filesystems cannot share it (no reflink)"


def _listed(happened: str, paths: Sequence[str]) -> Iterator[str]:
    if paths:
        some = ", ".join(repr(path) for path in paths[:_NAMED_IN_NOTICES])
        more = " ..." if len(paths) > _NAMED_IN_NOTICES else ""
        yield f"{len(paths)} {happened} while they were copied: {some}{more}"


def _discard_quietly(store: Store, aside: Path) -> None:
    # What cannot be removed now is listed as incomplete, and removed by a later run.
    with suppress(OSError):
        store.discard(aside)
