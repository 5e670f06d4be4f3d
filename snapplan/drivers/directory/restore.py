"""Restoring: build the new content aside, check it, sync it, then put it in place by one rename per unit.

The journal is durable before each effect, so that a crash at any point is undone (nothing was swapped yet) or completed
(``recovery``), and never leaves a mixture.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from snapplan import clock, crash
from snapplan.drivers.directory import linux, swap
from snapplan.drivers.directory.copy import copy_tree
from snapplan.drivers.directory.destination import replacements_of
from snapplan.drivers.directory.durable import make_folder
from snapplan.drivers.directory.failure import describe, refusal, refusing
from snapplan.drivers.directory.journal import Journal, State, read_journal, write_journal
from snapplan.drivers.directory.manifest import ManifestError, read_manifest
from snapplan.drivers.directory.parts import manifest_of_part
from snapplan.drivers.directory.staging import choose_aside, drop_aside, make_aside
from snapplan.drivers.directory.store import DATA, MANIFEST
from snapplan.drivers.directory.swap import Kind, MovedAwayError, SwapPlan, plan_swap
from snapplan.drivers.directory.verify import verify_tree
from snapplan.errors import BackendError, NameTakenError, NotFoundError, OutcomeUnknownError, RefusedError
from snapplan.models.request import Outcome
from snapplan.models.target import RestoreMode, Scope

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from snapplan.drivers.directory.destination import Replacement
    from snapplan.drivers.directory.layout import Layout
    from snapplan.drivers.directory.manifest import Manifest
    from snapplan.drivers.directory.store import Store
    from snapplan.models.request import RestoreRequest
    from snapplan.models.snapshot import Snapshot

_NAMED_IN_ERRORS = 3


class _Source(NamedTuple):
    """A complete snapshot that is what the request says."""

    data: Path
    manifest: Manifest


def restore(layout: Layout, store: Store, request: RestoreRequest) -> Outcome:
    """Restore one target, or the whole system; durable when it returns.

    Raises ``RefusedError`` and its kinds or ``BackendError`` when nothing was changed, ``OutcomeUnknownError`` when only
    ``recover`` can tell.
    """
    doing = f"restore {request.target_address} from {request.source.address}"
    with refusing(store.backend, doing):
        known = read_journal(store, request.key) if store.exists() else None
        if known is not None and _is_done(store, request, known):
            return Outcome(existed=True)
        source = _open_source(store, request.source)
        replacements = replacements_of(layout, request, source.data)
        aside = choose_aside(store, request.key, [item.live for item in replacements])
        store.prepare()
        if known is not None:
            # What an attempt that was undone could not remove; the new journal would no longer say where it lies.
            drop_aside(known.aside)
        journal = _begin(store, request, aside)
    notices = _build(store, journal, source, replacements, doing)
    journal = _swap(store, journal, replacements, doing)
    return Outcome(notices=(*notices, *_finish(store, journal), *_left_alone(layout, request, replacements)))


def _is_done(store: Store, request: RestoreRequest, known: Journal) -> bool:
    if known.state is State.UNDONE:
        return False
    if known.open:
        raise RefusedError(
            store.backend,
            f"restore {request.key!r} was begun by run {known.run} and interrupted",
            hint="resume that run, which completes or undoes it",
        )
    same = (known.target_id, known.mode, known.as_name) == (request.target_id, request.mode.value, request.as_name)
    if not same or known.content != request.content:
        raise RefusedError(
            store.backend,
            f"restore {request.key!r} was done on {known.started_at:%Y-%m-%d}, with other content",
            hint="a restore is done once; declare another one under a new key",
        )
    return True


def _open_source(store: Store, snapshot: Snapshot) -> _Source:
    path = store.find(snapshot.scope, snapshot.target_name, snapshot.name)
    facts = store.read(path)
    if facts is None or facts.id != snapshot.native_id:
        gone = "is not there any more" if not path.exists() else "is not the snapshot that was planned"
        raise NotFoundError(store.backend, f"{snapshot.address} {gone}")
    try:
        return _Source(path / DATA, read_manifest(path / MANIFEST))
    except ManifestError as error:
        raise RefusedError(store.backend, f"{snapshot.address} is damaged: {error}") from error


def _begin(store: Store, request: RestoreRequest, aside: Path) -> Journal:
    journal = Journal(
        key=request.key,
        run=request.run,
        project=store.project,
        target_id=request.target_id,
        content=request.content,
        mode=request.mode.value,
        as_name=request.as_name,
        source=request.source.native_id,
        source_address=request.source.address,
        started_at=clock.now(),
        aside=aside,
    )
    write_journal(store, journal)
    return journal


def _build(
    store: Store, journal: Journal, source: _Source, replacements: Sequence[Replacement], doing: str
) -> list[str]:
    """Copy and check the new content; on failure all is as before."""
    notices: list[str] = []
    try:
        make_aside(store, journal.aside)
        for number, item in enumerate(replacements):
            new = journal.aside / "new" / str(number)
            notices += copy_tree(item.source, new, record=_kept_nowhere).notices
            crash.point("restore.copied")
            part = manifest_of_part(source.manifest, str(item.source.relative_to(source.data)))
            notices += _check(store, new, part, item)
        linux.sync_filesystem(journal.aside)
        crash.point("restore.built")
    except OSError as error:
        _give_up(store, journal)
        raise refusal(store.backend, doing, error) from error
    except BackendError:
        _give_up(store, journal)
        raise
    return notices


def _kept_nowhere(entry: object) -> None:
    """The manifest of the snapshot says what there is."""


def _check(store: Store, new: Path, manifest: Manifest, item: Replacement) -> list[str]:
    """Compare the new content with what was captured; return what the operator is told of it."""
    found = verify_tree(new, manifest, owners=os.geteuid() == 0)
    lost = [each for each in found if each.what == "owner" and _same_owner(item.source / each.path, new / each.path)]
    differences = [each for each in found if each not in lost]
    if differences:
        some = "; ".join(str(difference) for difference in differences[:_NAMED_IN_ERRORS])
        raise RefusedError(
            store.backend,
            f"the snapshot of {item.key} is not what its manifest says ({len(differences)} differences): {some}",
            hint="restore from another snapshot",
        )
    if not lost:
        return []
    return [f"{item.key}: {len(lost)} have another owner than when they were captured, which the snapshot did not keep"]


def _same_owner(one: Path, other: Path) -> bool:
    # A capture by another user than root cannot give the copies away: then the snapshot itself has another owner.
    first, second = one.lstat(), other.lstat()
    return (first.st_uid, first.st_gid) == (second.st_uid, second.st_gid)


def _swap(store: Store, journal: Journal, replacements: Sequence[Replacement], doing: str) -> Journal:
    """Decide the renames and do them; on failure they are taken back."""
    try:
        journal = journal._replace(state=State.SWAPPING, plan=_plan(journal.aside, replacements))
        write_journal(store, journal)
    except OSError as error:
        _abandon(store, journal, doing, error)
        raise refusal(store.backend, doing, error) from error
    try:
        swap.carry_out(journal.plan.units)
        swap.set_metadata(journal.plan.folders)
    except (OSError, MovedAwayError) as error:
        _take_back(store, journal, doing, error)
    return journal


def _plan(aside: Path, replacements: Sequence[Replacement]) -> SwapPlan:
    plans = []
    for number, item in enumerate(replacements):
        make_folder(item.live.parent, mode=0o777)
        spare = aside / "old" / str(number)
        spare.mkdir(parents=True)
        plans.append(plan_swap(aside / "new" / str(number), item.live, spare))
    return SwapPlan(
        tuple(unit for plan in plans for unit in plan.units), tuple(folder for plan in plans for folder in plan.folders)
    )


def _take_back(store: Store, journal: Journal, doing: str, cause: OSError | MovedAwayError) -> None:
    try:
        swap.undo(journal.plan.units)
    except (OSError, MovedAwayError) as error:
        raise OutcomeUnknownError(
            store.backend,
            f"cannot {doing}, and not all of it could be taken back: {_words(cause)}; {_words(error)}",
            hint="the next apply tries to complete or undo it",
        ) from cause
    _abandon(store, journal, doing, cause)
    taken = [unit for unit in journal.plan.units if unit.kind is Kind.ADD and os.path.lexists(unit.live)]
    if taken:
        raise NameTakenError(store.backend, f"cannot {doing}: {str(taken[0].live)!r} exists") from cause
    if isinstance(cause, OSError):
        raise refusal(store.backend, doing, cause) from cause
    raise RefusedError(store.backend, f"cannot {doing}: {cause}") from cause


def _words(error: OSError | MovedAwayError) -> str:
    return describe(error) if isinstance(error, OSError) else str(error)


def _give_up(store: Store, journal: Journal) -> None:
    """Remove what was built before any rename was decided."""
    # Removed first: the disk may be full of it. What fails here is left to recover, which undoes what was not decided.
    with suppress(OSError):
        drop_aside(journal.aside)
        write_journal(store, journal._replace(state=State.UNDONE, plan=SwapPlan()))


def _abandon(store: Store, journal: Journal, doing: str, cause: OSError | MovedAwayError) -> None:
    """Record that renames which were decided are not done, or were taken back, and only then remove what was built.

    Until that is recorded a recovery completes them, which must not put half-removed content in place.
    """
    try:
        write_journal(store, journal._replace(state=State.UNDONE, plan=SwapPlan()))
    except OSError as error:
        raise OutcomeUnknownError(
            store.backend,
            f"cannot {doing}: {_words(cause)}; it was not done, but that could not be recorded: {describe(error)}",
            hint="the next apply tries to complete or undo it",
        ) from cause
    drop_old(journal)


def _finish(store: Store, journal: Journal) -> list[str]:
    """Record that it is done, then remove the old content."""
    try:
        write_journal(store, journal._replace(state=State.DONE))
    except OSError as error:
        raise OutcomeUnknownError(
            store.backend,
            f"{journal.target_id} is restored, but that could not be recorded: {describe(error)}",
            hint="the next apply records it",
        ) from error
    return drop_old(journal)


def drop_old(journal: Journal) -> list[str]:
    """Remove what a restore replaced; return a notice where it has to stay for now."""
    try:
        drop_aside(journal.aside)
    except OSError as error:
        return [f"the old content is still in {str(journal.aside)!r}: {describe(error)}"]
    return []


def _left_alone(layout: Layout, request: RestoreRequest, replacements: Sequence[Replacement]) -> list[str]:
    if request.scope is not Scope.CLOUD or request.mode is not RestoreMode.IN_PLACE:
        return []
    restored = {item.key for item in replacements}
    others = [place.key for place in layout.places() if place.key not in restored]
    if not others:
        return []
    return [f"left as they are, because the snapshot does not know them: {', '.join(others)}"]
