"""Restoring: build the new content aside, check it, sync it, then put it in place by one rename per unit.

The journal is durable before each effect. What was exchanged stays aside and becomes the safety snapshot, so that nothing
that was written is lost: a crash before the first exchange is undone, one after the last is recorded, and one in between
waits for a person (``recovery``). Right before each step that cannot be taken back the run's lease and the journal are
looked at again: a process may have been paused for hours, and others have put right what it had begun.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, NamedTuple

from snapplan import clock, crash
from snapplan.drivers.directory import linux, set_aside, swap
from snapplan.drivers.directory.copy import copy_tree
from snapplan.drivers.directory.destination import replacements_of
from snapplan.drivers.directory.durable import make_folder
from snapplan.drivers.directory.facts import SET_ASIDE
from snapplan.drivers.directory.failure import describe, refusal, refusing
from snapplan.drivers.directory.journal import Journal, State, journal_path, read_journal, write_journal
from snapplan.drivers.directory.locking import locked_folders
from snapplan.drivers.directory.manifest import ManifestError, read_manifest
from snapplan.drivers.directory.mounts import nearest_existing
from snapplan.drivers.directory.ownership import own_folder
from snapplan.drivers.directory.parts import manifest_of_part
from snapplan.drivers.directory.staging import choose_aside, drop_aside, make_aside
from snapplan.drivers.directory.store import DATA, MANIFEST, new_id
from snapplan.drivers.directory.swap import KeptInTheWayError, Kind, MovedAwayError, SwapPlan, Tree, plan_swap
from snapplan.drivers.directory.verify import verify_tree
from snapplan.errors import BackendError, NameTakenError, NotFoundError, OutcomeUnknownError, RefusedError
from snapplan.models.request import Outcome, Progress
from snapplan.models.target import RestoreMode, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from snapplan.drivers.base import Permit
    from snapplan.drivers.directory.destination import Replacement
    from snapplan.drivers.directory.facts import Facts
    from snapplan.drivers.directory.layout import Layout
    from snapplan.drivers.directory.manifest import Manifest
    from snapplan.drivers.directory.omissions import LeftOut
    from snapplan.drivers.directory.store import Store
    from snapplan.models.request import RestoreRequest
    from snapplan.models.snapshot import Snapshot

_NAMED_IN_ERRORS = 3


class TakenOverError(RefusedError):
    """Somebody else has put right what this call had begun; nothing more may be done."""


class _Source(NamedTuple):
    """A complete snapshot that is what the request says; of what was set aside the manifest may be missing."""

    data: Path
    manifest: Manifest | None
    facts: Facts


class Restoring(NamedTuple):
    """What a restore works with, in an open and locked store."""

    layout: Layout
    store: Store
    permit: Permit

    def check(self, journal: Journal) -> Callable[[], None]:
        """Return what is asked right before each step: that the run still may, and nobody took ``journal`` over."""
        path = journal_path(self.store, journal.key)
        seen: list[tuple[int, ...]] = []

        def still_ours() -> None:
            self.permit.check()
            status = path.stat() if path.exists() else None
            identity = () if status is None else (status.st_ino, status.st_ctime_ns, status.st_size)
            if identity in seen:
                # It is replaced as a whole: the same file says the same. There may be thousands of renames.
                return
            now = read_journal(self.store, journal.key)
            if now is None or (now.token, now.state) != (journal.token, journal.state):
                raise TakenOverError(
                    self.store.backend,
                    f"restore {journal.key!r} was put right by another run meanwhile; this one does nothing more",
                    hint="look at the target, and restore it under a new key if need be",
                )
            seen[:] = [identity]

        return still_ours


def restore(restoring: Restoring, request: RestoreRequest) -> Outcome:
    """Restore one target, or the whole system; durable when it returns.

    Raises ``RefusedError`` and its kinds or ``BackendError`` when nothing was changed, ``OutcomeUnknownError`` when only
    ``recover`` can tell, ``FencedError``.
    """
    layout, store, _ = restoring
    doing = f"restore {request.target_address} from {request.source.address}"
    with refusing(store.backend, doing), ExitStack() as stack:
        known = read_journal(store, request.key)
        if known is not None and _is_done(store, request, known):
            return Outcome(existed=True)
        source = _open_source(store, request.source)
        replacements = replacements_of(layout, request, source.data)
        parents = [nearest_existing(item.live.parent) for item in replacements]
        stack.enter_context(locked_folders(store.lockable, parents, restoring.permit))
        keep = _kept(layout, request, source, replacements)
        token = new_id()
        aside = choose_aside(store, request.key, token, [item.live for item in replacements])
        if known is not None:
            # What an attempt that was undone could not remove; the new journal would no longer say where it lies.
            drop_aside(known.aside)
        journal = _begin(restoring, request, aside, token)
        try:
            notices = _build(restoring, journal, source, replacements, doing)
            journal = _swap(restoring, journal, request, source, replacements, keep, doing)
            notices += finish(restoring, journal)
        except TakenOverError as error:
            return _taken_over(store, journal, error)
        return Outcome(notices=(*notices, *_left_alone(layout, request, replacements)))


def _taken_over(store: Store, journal: Journal, error: TakenOverError) -> Outcome:
    """Say what became of a restore that another run has put right: who asks here has to know."""
    found = read_journal(store, journal.key)
    if found is None or found.aside != journal.aside or found.state in (State.UNDONE, State.PREPARING):
        raise error
    if found.state is State.DONE:
        return Outcome(notices=("another run recorded that it is done",))
    raise OutcomeUnknownError(store.backend, str(error), hint="the next apply tells") from error


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
    facts = store.read(path) if own_folder(store, path) else None
    if facts is None or facts.id != snapshot.native_id:
        gone = "is not there any more" if not path.exists() else "is not the snapshot that was planned"
        raise NotFoundError(store.backend, f"{snapshot.address} {gone}")
    if not os.path.lexists(path / DATA):
        raise RefusedError(store.backend, f"{snapshot.address} is damaged: its {DATA} is missing")
    try:
        return _Source(path / DATA, read_manifest(path / MANIFEST), facts)
    except (ManifestError, FileNotFoundError) as error:
        if facts.source == SET_ASIDE:
            return _Source(path / DATA, None, facts)
        reason = describe(error) if isinstance(error, OSError) else error
        raise RefusedError(store.backend, f"{snapshot.address} is damaged: {reason}") from error


def _kept(
    layout: Layout, request: RestoreRequest, source: _Source, replacements: Sequence[Replacement]
) -> list[list[Path]]:
    """Return for each replacement what stays in the target: what the snapshot left out, other targets, our store.

    Raises ``RefusedError`` where the snapshot does not say all that it left out.
    """
    if request.mode is not RestoreMode.IN_PLACE:
        return [[] for _ in replacements]
    facts = source.facts
    if facts.left_out_count > len(facts.left_out):
        raise RefusedError(
            layout.backend,
            f"{request.source.address} left {facts.left_out_count} entries out, and its mark lists {len(facts.left_out)}"
            " of them: in place they would be gone",
            hint="restore it as a clone, and copy what you need",
        )
    others = [place.path for place in layout.places()] if replacements else []
    return [
        [
            *(each for each in (layout.store, *layout.stores, *others) if item.live in each.parents),
            *(item.live / path for path in _left_out_of(source, item) if path),
        ]
        for item in replacements
    ]


def _left_out_of(source: _Source, item: Replacement) -> Iterator[str]:
    prefix = str(item.source.relative_to(source.data))
    for left_out in source.facts.left_out:
        if not left_out.absent:
            continue
        if prefix == ".":
            yield left_out.path
        elif left_out.path.startswith(f"{prefix}/"):
            yield left_out.path[len(prefix) + 1 :]


def _begin(restoring: Restoring, request: RestoreRequest, aside: Path, token: str) -> Journal:
    store = restoring.store
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
        token=token,
    )
    write_journal(store, journal, check=restoring.permit.check)
    return journal


def _build(
    restoring: Restoring, journal: Journal, source: _Source, replacements: Sequence[Replacement], doing: str
) -> list[str]:
    """Copy and check the new content; on failure all is as before."""
    store = restoring.store
    notices: list[str] = []
    try:
        make_aside(store, journal.aside)
        for number, item in enumerate(replacements):
            new = journal.aside / "new" / str(number)
            notices += copy_tree(item.source, new, record=_kept_nowhere).notices
            crash.point("restore.copied")
            notices += _check(store, new, source, item)
        linux.sync_filesystem(journal.aside)
        crash.point("restore.built")
    except OSError as error:
        _give_up(restoring, journal)
        raise refusal(store.backend, doing, error) from error
    except BackendError:
        _give_up(restoring, journal)
        raise
    return notices


def _kept_nowhere(entry: object) -> None:
    """The manifest of the snapshot says what there is."""


def _check(store: Store, new: Path, source: _Source, item: Replacement) -> list[str]:
    """Compare the new content with what was captured; return what the operator is told of it."""
    if source.manifest is None:
        return []
    manifest = manifest_of_part(source.manifest, str(item.source.relative_to(source.data)))
    found = verify_tree(new, manifest, owners=os.geteuid() == 0)
    lost = [each for each in found if each.what == "owner" and _same_owner(item.source / each.path, new / each.path)]
    differences = [each for each in found if each not in lost]
    some = "; ".join(str(difference) for difference in differences[:_NAMED_IN_ERRORS])
    if differences and source.facts.source == SET_ASIDE:
        return [f"{item.key}: {len(differences)} entries changed after they were set aside: {some}"]
    if differences:
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


def _swap(
    restoring: Restoring,
    journal: Journal,
    request: RestoreRequest,
    source: _Source,
    replacements: Sequence[Replacement],
    keep: Sequence[Sequence[Path]],
    doing: str,
) -> Journal:
    """Decide the renames and do them; on failure they are taken back."""
    store = restoring.store
    before = restoring.check(journal)
    try:
        # Somebody else may have removed what was built, and a tree that is not there is never an empty one.
        before()
        journal = _decided(store, journal, request, source, replacements, keep)
        write_journal(store, journal, check=before)
    except KeptInTheWayError as error:
        _give_up(restoring, journal._replace(state=State.PREPARING))
        raise RefusedError(
            store.backend,
            f"cannot {doing}: it would remove what no snapshot has, for which the snapshot has no folder at {str(error)!r}",
            hint="move that out of the way, or restore as a clone",
        ) from error
    except OSError as error:
        _abandon(restoring, journal, doing, error)
        raise refusal(store.backend, doing, error) from error
    check = restoring.check(journal)
    try:
        swap.carry_out(journal.plan.units, check)
        swap.set_metadata(journal.plan.folders)
    except (OSError, MovedAwayError) as error:
        _take_back(restoring, journal, doing, error)
    return exchanged(restoring, journal)


def exchanged(restoring: Restoring, journal: Journal) -> Journal:
    """Record that all renames are done. Raises ``OutcomeUnknownError`` where that cannot be written."""
    ready = journal._replace(state=State.EXCHANGED)
    try:
        write_journal(restoring.store, ready, check=restoring.check(journal))
    except OSError as error:
        raise _not_recorded(restoring.store, journal, error) from error
    return ready


def _not_recorded(store: Store, journal: Journal, error: OSError) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        store.backend,
        f"{journal.target_id} is restored, but that could not be recorded: {describe(error)}",
        hint="the next apply records it; what was replaced is still there",
    )


def _decided(
    store: Store,
    journal: Journal,
    request: RestoreRequest,
    source: _Source,
    replacements: Sequence[Replacement],
    keep: Sequence[Sequence[Path]],
) -> Journal:
    """Return the journal with all renames, and with what will stand beside what they replace."""
    plans, trees, contains = [], [], []
    left_out: list[LeftOut] = []
    for number, item in enumerate(replacements):
        make_folder(item.live.parent, mode=0o777)
        plan = plan_swap(journal.aside / "new" / str(number), item.live, keep[number])
        plans.append(plan)
        if any(unit.kind is not Kind.ADD for unit in plan.units) or plan.around:
            prefix = set_aside.prefix_of(request.scope, item.source, source.data)
            trees.append(Tree(f"new/{number}", prefix))
            contains.append(item.key)
            left_out += _still_left_out(source, item, prefix)
    whole = SwapPlan(
        tuple(unit for plan in plans for unit in plan.units),
        tuple(folder for plan in plans for folder in plan.folders),
        tuple(folder for plan in plans for folder in plan.around),
    )
    facts = None
    if trees and request.mode is RestoreMode.IN_PLACE:
        inner = contains if request.scope is Scope.CLOUD else ()
        folder = "" if request.scope is Scope.CLOUD else replacements[0].folder
        facts = set_aside.facts_of(store, request, folder, inner, left_out)
    return journal._replace(state=State.SWAPPING, plan=whole, set_aside=facts, trees=tuple(trees))


def _still_left_out(source: _Source, item: Replacement, prefix: str) -> Iterator[LeftOut]:
    """Yield what the snapshot left out and the target still has: what is set aside does not have it either."""
    kept = frozenset(_left_out_of(source, item))
    start = str(item.source.relative_to(source.data))
    for each in source.facts.left_out:
        path = each.path if start == "." else each.path[len(start) + 1 :]
        if path in kept and os.path.lexists(item.live / path):
            yield each._replace(path=f"{prefix}/{path}" if prefix else path, gap=False)


def _take_back(restoring: Restoring, journal: Journal, doing: str, cause: OSError | MovedAwayError) -> None:
    store = restoring.store
    try:
        undoing = take_back(restoring, journal)
    except (OSError, MovedAwayError) as error:
        raise OutcomeUnknownError(
            store.backend,
            f"cannot {doing}, and not all of it could be taken back: {_words(cause)}; {_words(error)}",
            hint="the next apply tries to complete or undo it",
        ) from cause
    _abandon(restoring, undoing, doing, cause)
    taken = [unit for unit in journal.plan.units if unit.kind is Kind.ADD and os.path.lexists(unit.live)]
    if taken:
        raise NameTakenError(store.backend, f"cannot {doing}: {str(taken[0].live)!r} exists") from cause
    if isinstance(cause, OSError):
        raise refusal(store.backend, doing, cause) from cause
    raise RefusedError(store.backend, f"cannot {doing}: {cause}") from cause


def take_back(restoring: Restoring, journal: Journal) -> Journal:
    """Take back all renames that are done, and keep what stood in the target meanwhile: somebody may have written to it.

    Returns the journal as it is then, its state ``undoing`` or, where nothing had been done, as it was. Raises
    ``MovedAwayError``, ``OSError``, and what the check raises.
    """
    store = restoring.store
    if journal.state is not State.UNDOING:
        shown = tuple(tree for tree in journal.trees if _was_shown(journal, tree))
        if not shown:
            swap.undo(journal.plan.units, restoring.check(journal))
            return journal
        facts = None if journal.set_aside is None else set_aside.undone(store, journal.set_aside, journal.key)
        undoing = journal._replace(state=State.UNDOING, set_aside=facts, trees=shown)
        write_journal(store, undoing, check=restoring.check(journal))
        journal = undoing
    check = restoring.check(journal)
    swap.undo(journal.plan.units, check)
    if journal.set_aside is not None:
        set_aside.place(store, journal.set_aside, journal.trees, journal.aside, check)
    return journal


def _was_shown(journal: Journal, tree: Tree) -> bool:
    top = journal.aside / tree.path
    units = [unit for unit in journal.plan.units if unit.aside == top or top in unit.aside.parents]
    return swap.progress(units) is not Progress.NOTHING


def _words(error: OSError | MovedAwayError) -> str:
    return describe(error) if isinstance(error, OSError) else str(error)


def _give_up(restoring: Restoring, journal: Journal) -> None:
    """Remove what was built before any rename was decided."""
    # Removed first: the disk may be full of it. What fails here is left to recover, which undoes what was not decided.
    with suppress(OSError, TakenOverError):
        restoring.check(journal)()
        drop_aside(journal.aside)
        write_journal(
            restoring.store, journal._replace(state=State.UNDONE, plan=SwapPlan()), check=restoring.check(journal)
        )


def _abandon(restoring: Restoring, journal: Journal, doing: str, cause: OSError | MovedAwayError) -> None:
    """Record that renames which were decided are not done, or were taken back, and only then remove what was built.

    Until that is recorded a recovery completes them, which must not put half-removed content in place.
    """
    store = restoring.store
    found = read_journal(store, journal.key)
    now = journal if found is None else journal._replace(state=found.state)
    try:
        write_journal(store, journal._replace(state=State.UNDONE, plan=SwapPlan()), check=restoring.check(now))
    except OSError as error:
        raise OutcomeUnknownError(
            store.backend,
            f"cannot {doing}: {_words(cause)}; it was not done, but that could not be recorded: {describe(error)}",
            hint="the next apply tries to complete or undo it",
        ) from cause
    drop_old(journal)


def finish(restoring: Restoring, journal: Journal) -> list[str]:
    """Keep what was replaced as the safety snapshot, record that the restore is done, and remove what is left aside."""
    store = restoring.store
    notices: list[str] = []
    try:
        check = restoring.check(journal)
        if journal.set_aside is not None:
            notices += set_aside.place(store, journal.set_aside, journal.trees, journal.aside, check)
            kept = journal.set_aside.snapshot(store.backend, complete=False).address
            notices.append(f"what it replaced is kept as {kept}")
        write_journal(store, journal._replace(state=State.DONE), check=check)
    except OSError as error:
        raise _not_recorded(store, journal, error) from error
    return [*notices, *drop_old(journal)]


def drop_old(journal: Journal) -> list[str]:
    """Remove what a restore needs no more; return a notice where it has to stay for now."""
    try:
        drop_aside(journal.aside)
    except OSError as error:
        return [f"something is left in {linux.shown_path(str(journal.aside))!r}: {describe(error)}"]
    return []


def _left_alone(layout: Layout, request: RestoreRequest, replacements: Sequence[Replacement]) -> list[str]:
    if request.scope is not Scope.CLOUD or request.mode is not RestoreMode.IN_PLACE:
        return []
    restored = {item.key for item in replacements}
    others = [place.key for place in layout.places() if place.key not in restored]
    if not others:
        return []
    return [f"left as they are, because the snapshot does not know them: {', '.join(others)}"]
