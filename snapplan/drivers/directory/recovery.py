"""After a run that died: restores are undone, recorded or left to a person, frozen targets thawed, the trash emptied."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

from snapplan.drivers.directory import linux, set_aside, swap
from snapplan.drivers.directory.durable import make_folder
from snapplan.drivers.directory.failure import describe, refusing
from snapplan.drivers.directory.journal import (
    Journal,
    State,
    check_places,
    journal_path,
    list_journals,
    read_journal,
    write_journal,
)
from snapplan.drivers.directory.locking import locked_folders
from snapplan.drivers.directory.mounts import nearest_existing
from snapplan.drivers.directory.ownership import check_store
from snapplan.drivers.directory.parts import NAMED
from snapplan.drivers.directory.restore import drop_old, exchanged, finish, take_back
from snapplan.drivers.directory.store import new_id
from snapplan.drivers.directory.swap import Kind, MovedAwayError, SwapPlan, Tree
from snapplan.errors import BackendError
from snapplan.models.request import Progress, Recovered, RestoreRequest
from snapplan.models.snapshot import Snapshot
from snapplan.models.target import RestoreMode, Scope

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from snapplan.drivers.directory.layout import Layout
    from snapplan.drivers.directory.restore import Restoring
    from snapplan.drivers.directory.store import Store
    from snapplan.models.request import Mandate


def needs_recovery(store: Store, live_runs: Collection[str]) -> bool:
    """Return whether ``recover`` would write anything but a thaw: only then it has to wait for the store's lock.

    Raises ``BackendError``, ``OSError``.
    """
    if check_store(store, put_right=False) or not store.is_swept():
        return True
    return any(journal.open or os.path.lexists(journal.aside) for journal in _dead(store, live_runs))


def recover(restoring: Restoring, live_runs: Collection[str], mandate: Mandate) -> list[Recovered]:
    """Put right what dead runs of our project left in a locked store; return what was done, one entry each.

    Raises ``BackendError`` when a restore can be neither completed nor undone, after all else was put right.
    """
    store = restoring.store
    recovered: list[Recovered] = []
    stuck: list[BackendError] = []
    with refusing(store.backend, "clean up after runs that died"):
        restoring.permit.check()
        for journal in _dead(store, live_runs):
            try:
                with refusing(store.backend, f"put restore {journal.key!r} right"):
                    recovered += _put_right(restoring, journal, mandate)
            except BackendError as error:
                stuck.append(error)
        restoring.permit.check()
        recovered += [Recovered(text) for text in store.sweep()]
    if stuck:
        raise stuck[0]
    return recovered


def _dead(store: Store, live_runs: Collection[str]) -> list[Journal]:
    return [each for each in list_journals(store) if each.project == store.project and each.run not in live_runs]


def places_of(layout: Layout, journal: Journal) -> list[Path]:
    """Return the folders that a restore may change, by the configuration of now. Raises ``BackendError``."""
    scope, _, name = journal.target_id.partition("/")
    if journal.mode == RestoreMode.CLONE:
        folder = layout.folder_of(Scope(scope))
        return [] if folder is None else [folder / journal.as_name]
    homes = [place.path for place in layout.places() if scope == Scope.CLOUD or place.key == journal.target_id]
    if scope == Scope.CLOUD:
        # Those that the restore brings back are not there yet.
        folders = [layout.folder_of(each) for each in (Scope.TENANT, Scope.VM, Scope.VOLUME)]
        return [*homes, *(folder for folder in folders if folder is not None), *_named_homes(layout)]
    home = layout.home(Scope(scope), name)
    return [*homes, *([] if home is None else [home])]


def _named_homes(layout: Layout) -> list[Path]:
    found = (layout.home(scope, name) for scope, name in layout.named)
    return [home for home in found if home is not None]


def _put_right(restoring: Restoring, journal: Journal, mandate: Mandate) -> list[Recovered]:
    with ExitStack() as stack:
        if journal.open or os.path.lexists(journal.aside):
            check_places(journal, places_of(restoring.layout, journal))
        if journal.open:
            parents = [nearest_existing(unit.live.parent) for unit in _whole(journal)]
            stack.enter_context(locked_folders(restoring.store.lockable, parents, restoring.permit))
        return _settled(restoring, journal, mandate)


def _whole(journal: Journal) -> list[swap.Unit]:
    """Return the renames of whole targets: the folders around these are locked."""
    return [unit for unit in journal.plan.units if len(unit.aside.relative_to(journal.aside).parts) == 2]


def _settled(restoring: Restoring, journal: Journal, mandate: Mandate) -> list[Recovered]:
    store = restoring.store
    if not journal.open:
        if not os.path.lexists(journal.aside):
            return []
        texts = drop_old(journal) or [f"removed what restore {journal.key!r} left behind"]
        return [Recovered(text, journal.key, completed=journal.state is State.DONE) for text in texts]
    if journal.state is State.PREPARING:
        # Removed first: the disk may be full of it.
        left = drop_old(journal)
        return [_undone(restoring, journal, *left)]
    if journal.state is State.UNDOING:
        return [_taken_back(restoring, _ours(restoring, journal), "it was being taken back")]
    if journal.state is State.EXCHANGED:
        return [_finished(restoring, _ours(restoring, journal))]
    progress = swap.progress(journal.plan.units)
    if progress is Progress.NOTHING:
        undone = _undone(restoring, journal)
        return [undone._replace(text="; ".join([undone.text, *drop_old(journal)]))]
    if progress is Progress.SOME and journal.mode == RestoreMode.IN_PLACE:
        if journal.key in mandate.undo:
            return [_taken_back(restoring, _ours(restoring, journal), "a person decided so")]
        if journal.key not in mandate.complete:
            return [_pending(journal)]
    journal = _ours(restoring, _with_set_aside(restoring.layout, store, journal))
    return [_completed(restoring, journal, mandate)]


def _pending(journal: Journal, *said: str) -> Recovered:
    done = 0
    for unit in journal.plan.units:
        done += swap.progress([unit]) is not Progress.NOTHING
    text = (
        f"restore {journal.key!r} of {journal.target_id}, which run {journal.run} had begun, is half done"
        f" ({done} of {len(journal.plan.units)} parts); a person has to say whether it is completed or undone"
    )
    return Recovered("; ".join([text, *said]), journal.key, pending=True)


def _ours(restoring: Restoring, journal: Journal) -> Journal:
    """Take a restore over, so that who had begun it does nothing more should it still be there."""
    ours = journal._replace(token=new_id())
    check = restoring.permit.check
    write_journal(restoring.store, ours, check=check)
    return ours


def _undone(restoring: Restoring, journal: Journal, *said: str) -> Recovered:
    undone = journal._replace(state=State.UNDONE, plan=SwapPlan(), set_aside=None, trees=())
    write_journal(restoring.store, undone, check=restoring.check(journal))
    text = (
        f"undid restore {journal.key!r} of {journal.target_id}, which run {journal.run} had begun: nothing was changed"
    )
    return Recovered("; ".join([text, *said]), journal.key, completed=False)


def _completed(restoring: Restoring, journal: Journal, mandate: Mandate) -> Recovered:
    try:
        swap.carry_out(journal.plan.units, restoring.check(journal))
        swap.set_metadata(journal.plan.folders)
    except (OSError, MovedAwayError) as error:
        reason = describe(error) if isinstance(error, OSError) else str(error)
        if journal.mode == RestoreMode.IN_PLACE and journal.key not in mandate.complete:
            return _pending(journal, f"it could not be completed: {reason}")
        return _taken_back(restoring, journal, f"it could not be completed: {reason}")
    return _finished(restoring, exchanged(restoring, journal))


def _finished(restoring: Restoring, journal: Journal) -> Recovered:
    text = f"completed restore {journal.key!r} of {journal.target_id}, which run {journal.run} had begun"
    return Recovered("; ".join([text, *finish(restoring, journal)]), journal.key, completed=True)


def _taken_back(restoring: Restoring, journal: Journal, reason: str) -> Recovered:
    try:
        undoing = take_back(restoring, journal)
    except (OSError, MovedAwayError) as error:
        said = describe(error) if isinstance(error, OSError) else str(error)
        path = linux.shown_path(str(journal_path(restoring.store, journal.key)))
        raise BackendError(
            restoring.store.backend,
            f"restore {journal.key!r} of {journal.target_id} can be neither completed nor undone: {reason}; {said}",
            hint=f"look at the target and at {linux.shown_path(str(journal.aside))!r}, put it right by hand, then remove"
            f" {path!r}",
        ) from error
    # Recorded first: until then the next start takes it back, which must not put half-removed content in place.
    found = read_journal(restoring.store, journal.key)
    undone = undoing._replace(state=State.UNDONE, plan=SwapPlan(), set_aside=None, trees=())
    write_journal(restoring.store, undone, check=restoring.check(found or undoing))
    text = f"undid restore {journal.key!r} of {journal.target_id}, which run {journal.run} had begun"
    kept = []
    if undoing.state is State.UNDOING and undoing.set_aside is not None:
        address = undoing.set_aside.snapshot(restoring.store.backend, complete=False).address
        kept.append(f"what stood there meanwhile is kept as {address}")
    return Recovered("; ".join([text, reason, *kept, *drop_old(undoing)]), journal.key, completed=False)


def _with_set_aside(layout: Layout, store: Store, journal: Journal) -> Journal:
    """Return a journal of an earlier snapplan with what will stand beside its safety snapshot."""
    if journal.set_aside is not None or journal.mode != RestoreMode.IN_PLACE:
        return journal
    if all(unit.kind is Kind.ADD for unit in journal.plan.units):
        return journal
    scope, _, name = journal.target_id.partition("/")
    whole = scope == Scope.CLOUD
    places = {place.path: place for place in layout.places()}
    units: list[swap.Unit] = []
    trees: dict[str, Tree] = {}
    contains: dict[str, None] = {}
    folder = name
    for unit in journal.plan.units:
        number = unit.aside.relative_to(journal.aside).parts[1]
        root = next((path for path in (unit.live, *unit.live.parents) if path in places), unit.live)
        place = places.get(root)
        folder = folder if place is None else place.folder
        prefix = f"{NAMED}/{place.scope}/{place.folder}" if place is not None else f"{NAMED}/{number}"
        trees[number] = Tree(f"new/{number}", prefix if whole else "")
        contains.update({} if place is None else {place.key: None})
        units.append(_gathered(unit, journal.aside / "new" / number / unit.live.relative_to(root)))
    source = Snapshot(
        store.backend, journal.source, "", Scope(scope), journal.target_id, name, journal.started_at, None
    )
    request = RestoreRequest(
        journal.key, journal.run, store.backend, Scope(scope), name, journal.target_id, source, RestoreMode.IN_PLACE
    )
    facts = set_aside.facts_of(store, request, "" if whole else folder, tuple(contains) if whole else (), ())
    plan = journal.plan._replace(units=tuple(units))
    return journal._replace(plan=plan, set_aside=facts, trees=tuple(trees.values()))


def _gathered(unit: swap.Unit, place: Path) -> swap.Unit:
    """Bring what an earlier snapplan had put beside the tree into it; return the rename as it would be today."""
    if unit.aside == place:
        return unit
    if os.path.lexists(unit.aside):
        make_folder(place.parent)
        linux.rename_exclusive(unit.aside, place)
    return unit._replace(aside=place)
