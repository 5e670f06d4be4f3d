"""After a run that died: restores are completed or undone, frozen targets thawed, the trash emptied."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from snapplan.drivers.directory import swap
from snapplan.drivers.directory.failure import describe, refusing
from snapplan.drivers.directory.freeze import thaw_leftovers
from snapplan.drivers.directory.journal import Journal, State, journal_path, list_journals, write_journal
from snapplan.drivers.directory.restore import drop_old
from snapplan.drivers.directory.swap import MovedAwayError, SwapPlan
from snapplan.errors import BackendError
from snapplan.models.request import Recovered

if TYPE_CHECKING:
    from collections.abc import Collection

    from snapplan.drivers.directory.store import Store


def recover(store: Store, live_runs: Collection[str]) -> list[Recovered]:
    """Put right what dead runs of our project left; return what was done, one entry each.

    Raises ``BackendError`` when a restore can be neither completed nor undone, after all else was put right.
    """
    with refusing(store.backend, "clean up after runs that died"):
        if not store.exists():
            return []
        recovered = thaw_leftovers(store.frozen)
        stuck: list[BackendError] = []
        for journal in list_journals(store):
            if journal.project == store.project and journal.run not in live_runs:
                try:
                    recovered += _put_right(store, journal)
                except BackendError as error:
                    stuck.append(error)
        recovered += [Recovered(text) for text in store.sweep()]
    if stuck:
        raise stuck[0]
    return recovered


def _put_right(store: Store, journal: Journal) -> list[Recovered]:
    if journal.state is State.PREPARING:
        # Removed first: the disk may be full of it.
        left = drop_old(journal)
        return [_undone(store, journal, *left)]
    if journal.state is State.SWAPPING:
        return [_complete(store, journal)]
    if not os.path.lexists(journal.aside):
        return []
    texts = drop_old(journal) or [f"removed what restore {journal.key!r} left behind"]
    return [Recovered(text, journal.key, completed=journal.state is State.DONE) for text in texts]


def _undone(store: Store, journal: Journal, *said: str) -> Recovered:
    write_journal(store, journal._replace(state=State.UNDONE, plan=SwapPlan()))
    text = (
        f"undid restore {journal.key!r} of {journal.target_id}, which run {journal.run} had begun: nothing was changed"
    )
    return Recovered("; ".join([text, *said]), journal.key, completed=False)


def _complete(store: Store, journal: Journal) -> Recovered:
    try:
        swap.carry_out(journal.plan.units)
        swap.set_metadata(journal.plan.folders)
    except (OSError, MovedAwayError) as error:
        return _take_back(store, journal, error)
    write_journal(store, journal._replace(state=State.DONE))
    text = f"completed restore {journal.key!r} of {journal.target_id}, which run {journal.run} had begun"
    return Recovered("; ".join([text, *drop_old(journal)]), journal.key, completed=True)


def _take_back(store: Store, journal: Journal, cause: OSError | MovedAwayError) -> Recovered:
    reason = describe(cause) if isinstance(cause, OSError) else str(cause)
    try:
        swap.undo(journal.plan.units)
    except (OSError, MovedAwayError) as error:
        raise BackendError(
            store.backend,
            f"restore {journal.key!r} of {journal.target_id} can be neither completed nor undone: {reason}",
            hint=f"look at the target and at {str(journal.aside)!r}, put it right by hand, then remove "
            f"{str(journal_path(store, journal.key))!r}",
        ) from error
    # Recorded first: until then the next start completes it, which must not put half-removed content in place.
    undone = _undone(store, journal, f"it could not be completed: {reason}")
    return undone._replace(text="; ".join([undone.text, *drop_old(journal)]))
