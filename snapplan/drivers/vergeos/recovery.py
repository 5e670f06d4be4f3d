"""Restores of runs that died: completed where the effect shows or can be had again, else undone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from snapplan.drivers.base import NO_MANDATE
from snapplan.drivers.vergeos import restore_ledger as ledger
from snapplan.drivers.vergeos.contents import is_importing
from snapplan.drivers.vergeos.costs import cost_of
from snapplan.drivers.vergeos.in_place import is_pending, prepare_in_place
from snapplan.drivers.vergeos.lookup import find_object, objects_named
from snapplan.drivers.vergeos.power import is_off
from snapplan.drivers.vergeos.restoring import finish
from snapplan.drivers.vergeos.tagging import ACTED, BEGUN
from snapplan.drivers.vergeos.wanted import Wanted, wanted_again
from snapplan.errors import OutcomeUnknownError, RefusedError
from snapplan.models.request import Recovered
from snapplan.models.target import RestoreMode, Scope

if TYPE_CHECKING:
    from collections.abc import Collection

    from snapplan.drivers.vergeos.api import Row
    from snapplan.drivers.vergeos.connection import Connection
    from snapplan.drivers.vergeos.restore_ledger import Entry
    from snapplan.models.request import Mandate

CLOCKS_DIFFER = timedelta(minutes=5)
IMPORT_PATIENCE = 60.0
"""Seconds that a recovery that is under way is waited for; it is looked for again by the next run."""


def recover(connection: Connection, live_runs: Collection[str], mandate: Mandate = NO_MANDATE) -> list[Recovered]:
    """Complete or undo the restores that dead runs had begun; raises the ``BackendError`` family.

    What can be neither completed nor undone stays recorded as begun, and each run says so.
    """
    dead = [entry for entry in ledger.unsettled(connection) if entry.run not in live_runs]
    return [_settled(connection, entry, mandate) for entry in dead]


def _settled(connection: Connection, entry: Entry, mandate: Mandate) -> Recovered:
    try:
        wanted = wanted_again(entry)
        with connection.budget.reserve(cost_of("restore", wanted.scope), urgent=True):
            if wanted.mode is RestoreMode.CLONE:
                return _settle_clone(connection, entry, wanted)
            return _settle_in_place(connection, entry, wanted, mandate)
    except (OutcomeUnknownError, RefusedError, ValueError) as error:
        return _left(entry, str(error))


def _settle_clone(connection: Connection, entry: Entry, wanted: Wanted) -> Recovered:
    made = _made(connection, entry, wanted)
    if made is None and wanted.source_scope is Scope.CLOUD and is_importing(connection, wanted):
        for _ in connection.looks(IMPORT_PATIENCE):
            made = _made(connection, entry, wanted)
            if made is not None or not is_importing(connection, wanted):
                break
        else:
            return _left(entry, f"{wanted.as_name} is still being imported")
        made = made or _made(connection, entry, wanted)
    if made is None:
        return _undone(connection, entry)
    return _completed(connection, entry, wanted.scope, str(made["uuid"]))


def _made(connection: Connection, entry: Entry, wanted: Wanted) -> Row | None:
    """Return the clone: what has its name, which was free when the restore was begun, and was made since."""
    begun = _begun(entry) - CLOCKS_DIFFER
    rows = objects_named(connection, wanted.scope, wanted.as_name)
    since = [row for row in rows if int(row.get("created") or 0) >= begun.timestamp()]
    return since[0] if since else None


def _begun(entry: Entry) -> datetime:
    return datetime.fromisoformat(str(entry.fields["at"])).astimezone(UTC)


def _settle_in_place(connection: Connection, entry: Entry, wanted: Wanted, mandate: Mandate) -> Recovered:
    if entry.step == BEGUN:
        return _undone(connection, entry, "; it may have been switched off")
    target = find_object(connection, wanted.scope, wanted.target_id)
    if target is None:
        return _undone(connection, entry, ": its target is gone")
    if entry.step != ACTED and not (wanted.scope is Scope.TENANT and is_pending(target)):
        if wanted.scope is not Scope.VOLUME and not is_off(wanted.scope, target):
            text = f"{wanted.scope} {wanted.name} is on, so that it can be neither completed nor checked"
            return _left(entry, text)
        if int(target.get("started") or 0) > _begun(entry).timestamp():
            # What was written since would be lost, and the restore may well have been done before.
            text = f"{wanted.scope} {wanted.name} was switched on since; whether it was restored nobody can tell"
            return _left(entry, text)
        if entry.key in mandate.undo:
            return _undone(connection, entry, "; the system may have carried it out all the same")
        if entry.key not in mandate.complete:
            text = f"whether {wanted.scope} {wanted.name} was restored nobody can tell, and nobody said to do it again"
            return _left(entry, text)._replace(restore_key=entry.key, pending=True)
        prepare_in_place(connection, wanted).act(connection)
        entry = ledger.advance(connection, entry, step=ACTED)
    return _completed(connection, entry, wanted.scope, wanted.target_id)


def _completed(connection: Connection, entry: Entry, scope: Scope, id_: str) -> Recovered:
    told = finish(connection, entry, scope, id_, bool(entry.fields.get("power_on")))
    return Recovered("; ".join((f"restore {entry.key} was completed", *told)), entry.key, completed=True)


def _undone(connection: Connection, entry: Entry, reason: str = "") -> Recovered:
    ledger.forget(connection, entry)
    return Recovered(f"restore {entry.key} had changed nothing and was undone{reason}", entry.key)


def _left(entry: Entry, reason: str) -> Recovered:
    return Recovered(f"restore {entry.key} stays begun: {reason}")
