"""Taking a snapshot: mark first, freeze, copy aside, thaw, manifest, sync, one rename."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from snapplan import clock, crash
from snapplan.drivers.directory.collect import Collecting, collect
from snapplan.drivers.directory.copy import CopyStoppedError
from snapplan.drivers.directory.durable import move_exclusive
from snapplan.drivers.directory.facts import Facts
from snapplan.drivers.directory.failure import describe, refusing
from snapplan.drivers.directory.journal import list_journals
from snapplan.drivers.directory.listing import damage_of, is_stray, out_of_the_way, target_id
from snapplan.drivers.directory.marker import marker_id
from snapplan.drivers.directory.mounts import origin_of
from snapplan.drivers.directory.names import name_fault
from snapplan.drivers.directory.omissions import GAPS_CODE, LeftOut, Reason, Rules, gaps_of, gaps_text, recorded
from snapplan.drivers.directory.parts import Part, apart_prefix, found_in, parts_of
from snapplan.drivers.directory.quiescing import Freezing, freezing_for
from snapplan.drivers.directory.store import DATA, MANIFEST, new_id
from snapplan.drivers.directory.suspicion import SUSPICIOUS_CODE, earlier_facts, suspicion
from snapplan.errors import BackendError, NameTakenError, NotFoundError, OutcomeUnknownError, RefusedError
from snapplan.models.request import Attention, Outcome, SnapshotRequest
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from snapplan.drivers.base import Permit
    from snapplan.drivers.directory.collect import Collected
    from snapplan.drivers.directory.copy import CopyReport
    from snapplan.drivers.directory.facts import Origin
    from snapplan.drivers.directory.layout import Layout, Place
    from snapplan.drivers.directory.options import DirectoryOptions, Traits
    from snapplan.drivers.directory.store import Store
    from snapplan.models.policy import QuiesceCommands

_NAMED_IN_NOTICES = 3
# Room for `.damaged-` and eight digits, in characters of up to four bytes.
_LONGEST_KEPT = 59


@dataclass(frozen=True, slots=True)
class Capturing:
    """What taking snapshots on one backend needs.

    ``once`` says yes to the first who asks, and no from then on. ``stores`` are those of the other backends.
    """

    layout: Layout
    store: Store
    quiesce_commands: Mapping[str, QuiesceCommands]
    options: DirectoryOptions
    once: Callable[[], bool]
    permit: Permit
    stores: Collection[Path] = ()


class _Subject(NamedTuple):
    """What is captured: its own folder name, the folders to copy, and the targets inside that are restored one by one.

    ``origin`` is what the target's folder is; ``None`` for a system without a root. ``barred`` are targets of a system that
    are left out, as nobody may say by a link of theirs what is copied.
    """

    folder: str
    parts: Sequence[Part]
    places: Sequence[Place]
    keys: Sequence[str]
    traits: Traits
    origin: Origin | None
    barred: tuple[LeftOut, ...] = ()


def take(capturing: Capturing, request: SnapshotRequest) -> Outcome:
    """Take one snapshot; durable when it returns.

    Raises ``NameTakenError``, ``NotFoundError``, ``QuiesceError``, another ``RefusedError``, or ``BackendError``; then
    nothing is listed that was not there before. ``OutcomeUnknownError`` when it is listed but not known to be durable.
    Where a target may still be frozen besides, the error is in the outcome, so that both are reported.
    """
    frozen: list[Attention] = []
    try:
        return _take(capturing, request, frozen)
    except BackendError as error:
        if not frozen:
            raise
        return Outcome(error=error, attention=tuple(frozen))


def _take(capturing: Capturing, request: SnapshotRequest, frozen: list[Attention]) -> Outcome:
    """Take it, and add to ``frozen`` what may still be frozen, however it ends."""
    store = capturing.store
    address = f"{request.target.address}@{request.name}"
    with refusing(store.backend, f"take {address}"):
        subject = _subject(capturing, request)
        store.prepare()
        facts = _first_facts(request, subject, marker_id(store.base))
        existing = store.target_folder(facts.scope, facts.folder) / facts.name
        if os.path.lexists(existing) and (found := _already(store, existing, facts)) is not None:
            return found
        cleared = store.clear(facts, capturing.permit)
        if cleared and os.path.lexists(existing) and (found := _already(store, existing, facts)) is not None:
            return found
        freezing = freezing_for(
            store.backend, request.quiesce, subject.keys, capturing.quiesce_commands, store.frozen / facts.id
        )
        freezing.attention = frozen
        left: list[Attention] = []
        with store.begin(facts, capturing.permit) as aside:
            try:
                facts, notices = _fill(capturing, request, aside, facts, subject, freezing, left)
                return _completed(capturing, aside, facts, notices)._replace(attention=(*frozen, *left))
            except BaseException as error:
                if isinstance(error, OSError) and not aside.exists():
                    raise OutcomeUnknownError(
                        store.backend, f"{address} was taken, but may not survive a power failure: {describe(error)}"
                    ) from error
                _discard_quietly(store, aside)
                raise


def check_request(store: Store, request: SnapshotRequest) -> None:
    """Raise ``RefusedError`` for a name or a mark that no snapshot of this backend can have."""
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


def _subject(capturing: Capturing, request: SnapshotRequest) -> _Subject:
    capturing.layout.check_links(request.target.scope, request.target.name)
    return _whole(capturing) if request.target.scope is Scope.CLOUD else _one(capturing, request)


def _whole(capturing: Capturing) -> _Subject:
    layout, traits = capturing.layout, capturing.options.traits(str(Scope.CLOUD))
    found = layout.places()
    barred = [place for place in found if layout.link_of_another(place.scope, place.name) is not None]
    places = [place for place in found if place not in barred]
    keys = [str(Scope.CLOUD), *(place.key for place in places)]
    origin = None if layout.root is None else origin_of(layout.root.resolve())
    left_out = tuple(_barred(place, traits) for place in barred)
    return _Subject("", parts_of(layout, places), places, keys, traits, origin, left_out)


def _barred(place: Place, traits: Traits) -> LeftOut:
    gap = traits.unreadable == "report"
    return LeftOut(apart_prefix(place), Reason.UNREADABLE, gap, "it is reached through a link that another user owns")


def _one(capturing: Capturing, request: SnapshotRequest) -> _Subject:
    layout, options = capturing.layout, capturing.options
    scope, name = request.target.scope, request.target.name
    place = layout.place(scope, name)
    if place is None:
        raise NotFoundError(layout.backend, f"{request.target.address} is not there any more")
    origin = origin_of(place.path)
    _check_place(layout, request, origin)
    return _Subject(place.folder, (Part("", place.path),), (), [place.key], options.traits(place.key), origin)


def _check_place(layout: Layout, request: SnapshotRequest, origin: Origin) -> None:
    """Raise ``RefusedError`` where the target is another place than the one that was planned for."""
    planned = request.target.fingerprint
    if planned is not None and planned.path != origin.fingerprint.path:
        raise RefusedError(
            layout.backend,
            f"{request.target.address} changed since the plan: it was {planned.path!r} and is {origin.path!r} now",
            hint="look who moved it or put a link in its place; a new plan says what to do",
        )


def _first_facts(request: SnapshotRequest, subject: _Subject, store_id: str) -> Facts:
    target = request.target
    return Facts(
        id=new_id(),
        name=request.name,
        scope=target.scope,
        target_name=target.name,
        folder=subject.folder,
        mark=request.mark._replace(store=store_id or None),
        description=request.description,
        origin=subject.origin,
    )


def _already(store: Store, existing: Path, facts: Facts) -> Outcome | None:
    """Say what has the name already; ``None`` where it was a damaged one, which is now out of the way."""
    found = store.look(existing)
    if isinstance(found, Facts):
        if found.mark.identity == facts.mark.identity and not is_stray(found.mark, facts.mark.store):
            damage = damage_of(str(existing), found)
            if not damage:
                return Outcome(snapshot=found.snapshot(store.backend, complete=True), existed=True)
            _put_aside(existing, existing.with_name(out_of_the_way(found)))
            return None
        owner = f"is of project {found.mark.project!r}"
    elif found and store.is_only_ours():
        _put_aside(existing, existing.with_name(f"{existing.name[:_LONGEST_KEPT]}.damaged-{facts.id[:8]}"))
        return None
    else:
        owner = found or "has no mark"
    raise NameTakenError(
        store.backend,
        f"{facts.snapshot(store.backend, complete=False).address} exists and {owner}, or is another one",
    )


def _put_aside(damaged: Path, other: Path) -> None:
    """Give a damaged snapshot another name, under which it stays listed and kept."""
    move_exclusive(damaged, other)


def _fill(
    capturing: Capturing,
    request: SnapshotRequest,
    aside: Path,
    facts: Facts,
    subject: _Subject,
    freezing: Freezing,
    attention: list[Attention],
) -> tuple[Facts, tuple[str, ...]]:
    """Fill ``aside`` with data and manifest; return the final facts and what the operator is told."""
    stop = freezing.expired if freezing.required else None
    how = Collecting(capturing.store.backend, _rules(capturing, subject.traits), capturing.options.content_hashes, stop)
    try:
        with freezing:
            crash.point("create.frozen")
            copied = collect(how, subject.parts, aside / DATA, aside / MANIFEST)
            crash.point("create.copied")
            copied = copied._replace(left_out=(*copied.left_out, *subject.barred))
    except CopyStoppedError:
        freezing.check()
        raise
    freezing.check()
    facts = _with_results(facts, copied, freezing.quiesced)
    facts = facts._replace(data_mtime_ns=(aside / DATA).lstat().st_mtime_ns)
    if facts.scope is Scope.CLOUD:
        facts = facts._replace(contains=tuple(found_in(aside / DATA, subject.places)))
    notices = (*freezing.notices, *_notices(copied, capturing.once))
    earlier = list(earlier_facts(capturing.store, facts))
    if facts.gap_count:
        notices = (*notices, gaps_text(facts.left_out, facts.gap_count))
        if not earlier or gaps_of(facts) != gaps_of(earlier[0]):
            attention.append(_gaps_to_look_at(request, facts))
    if not (subject.traits.may_be_empty or request.options.get("may_be_empty")):
        facts = facts._replace(suspicion=suspicion(facts, earlier))
    if facts.suspicion:
        notices = (*notices, facts.suspicion)
        if not earlier[0].suspicion:
            attention.append(_suspicion_to_look_at(request, facts))
    return facts, notices


def _gaps_to_look_at(request: SnapshotRequest, facts: Facts) -> Attention:
    return Attention(
        f"{request.target.address}@{facts.name}",
        GAPS_CODE,
        f"{request.target.address} was captured with gaps: {gaps_text(facts.left_out, facts.gap_count)}",
        "let this user read it, or write unreadable: skip for this target where it may be left out",
    )


def _suspicion_to_look_at(request: SnapshotRequest, facts: Facts) -> Attention:
    target = request.target.address
    return Attention(
        f"{target}@{facts.name}",
        SUSPICIOUS_CODE,
        f"the content of {target} may have vanished: {facts.suspicion}",
        f"look whether its disk is mounted; if it is right: snapplan accept {target} --reason TEXT",
    )


def _rules(capturing: Capturing, traits: Traits) -> Rules:
    """Return what is left out: the stores that this run knows, and what its restores build beside the targets."""
    store = capturing.store
    asides = [journal.aside for journal in list_journals(store)] if store.restores.is_dir() else []
    return Rules(
        (store.path, *asides, *capturing.stores),
        tolerant=True,
        unreadable=traits.unreadable == "report",
        mounts=traits.mounts == "error",
    )


def _completed(capturing: Capturing, aside: Path, facts: Facts, notices: tuple[str, ...]) -> Outcome:
    store = capturing.store
    try:
        store.complete(aside, facts, capturing.permit.check)
    except FileExistsError:
        # Only its last step says so. Somebody else took the name meanwhile.
        place = store.target_folder(facts.scope, facts.folder) / facts.name
        outcome = _already(store, place, facts)
        if outcome is None:
            return _completed(capturing, aside, facts, notices)
        _discard_quietly(store, aside)
        return outcome
    return Outcome(snapshot=facts.snapshot(store.backend, complete=True), notices=notices)


def _with_results(facts: Facts, copied: Collected, quiesced: bool) -> Facts:
    reports = copied.reports
    return facts._replace(
        completed_at=clock.now(),
        quiesced=quiesced,
        consistent=not copied.notices and all(report.consistent for report in reports),
        size=sum(report.bytes for report in reports),
        files=sum(report.files for report in reports),
        entries=copied.entries,
        changed=sum(len(report.changed) for report in reports),
        vanished=sum(len(report.vanished) for report in reports),
        reflinked=_all_shared(reports),
        hashes=all(report.hashed for report in reports),
        left_out=recorded(copied.left_out),
        left_out_count=len(copied.left_out),
        gap_count=sum(each.gap for each in copied.left_out),
        manifest_size=copied.manifest_size,
        manifest_sha256=copied.manifest_sha256,
    )


def _all_shared(reports: Sequence[CopyReport]) -> bool | None:
    known = [report.reflinked for report in reports if report.reflinked is not None]
    return all(known) if known else None


def _notices(copied: Collected, once: Callable[[], bool]) -> Iterator[str]:
    yield from copied.notices
    yield from _listed("changed", [path for report in copied.reports for path in report.changed])
    yield from _listed("vanished", [path for report in copied.reports for path in report.vanished])
    for report in copied.reports:
        yield from report.notices
    # Of the filesystems, not of this snapshot.
    if _all_shared(copied.reports) is False and once():
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
