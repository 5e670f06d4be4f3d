"""One restore: look at all that can refuse it, record it, do it, read back that it was done, record that.

The record stands on the platform before the effect, so that a key is begun once whatever happens to this process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.crash import point
from snapplan.drivers.vergeos import restore_ledger as ledger
from snapplan.drivers.vergeos.cloning import CloudClone, VmClone, prepare_clone
from snapplan.drivers.vergeos.in_place import AT_POWER_ON, InPlace, prepare_in_place
from snapplan.drivers.vergeos.power import switch_off, switch_on
from snapplan.drivers.vergeos.tagging import ACTED, ACTING, DONE
from snapplan.drivers.vergeos.wanted import Wanted, wanted_of
from snapplan.errors import (
    BackendError,
    NotSupportedError,
    OutcomeUnknownError,
    RefusedError,
    RequestBudgetError,
    UnreachableError,
)
from snapplan.models.request import Outcome
from snapplan.models.target import POWERED_ON, RestoreMode, Scope

if TYPE_CHECKING:
    from snapplan.drivers.vergeos.connection import Connection
    from snapplan.drivers.vergeos.restore_ledger import Entry
    from snapplan.models.request import RestoreRequest

NOTHING_DONE = (RefusedError, UnreachableError)


def restore(connection: Connection, request: RestoreRequest) -> Outcome:
    """Restore one target; a key that is known as done is a success. Raises the ``BackendError`` family."""
    known = ledger.find(connection, request.key)
    if known is not None:
        _refuse_known(connection, request, known)
        return Outcome(existed=True)
    wanted = wanted_of(connection, request)
    way = prepare(connection, wanted)
    if isinstance(way, InPlace) and way.running and not request.power_off:
        raise connection.refuse(f"{request.target_address} cannot be restored in place: {POWERED_ON}")
    point("vergeos.restore.before")
    entry = ledger.begin(connection, request)
    point("vergeos.restore.started")
    if isinstance(way, InPlace):
        return Outcome(notices=_in_place(connection, way, entry, request.power_on))
    return Outcome(notices=_cloned(connection, way, entry, request.power_on))


def prepare(connection: Connection, wanted: Wanted) -> VmClone | CloudClone | InPlace:
    """Return how to do a restore, after a look at all that can refuse it."""
    if wanted.path not in connection.capabilities.restores:
        reason = connection.capabilities.unavailable.get(wanted.path, "the driver does not do that")
        text = f"a {wanted.scope} {wanted.mode} out of a {wanted.source_scope} snapshot: {reason}"
        raise NotSupportedError(connection.backend, f"{connection.backend}: {text}")
    if wanted.mode is RestoreMode.CLONE:
        return prepare_clone(connection, wanted)
    return prepare_in_place(connection, wanted)


def finish(connection: Connection, entry: Entry, scope: Scope, id_: str, power_on: bool) -> tuple[str, ...]:
    """Switch on what was restored, if that is asked for, and record that the restore is done."""
    told = _powered_on(connection, scope, id_) if power_on and scope is not Scope.VOLUME else ""
    point("vergeos.restore.powered")
    ledger.advance(connection, entry, state=DONE)
    point("vergeos.restore.done")
    return (told,) if told else ()


def _refuse_known(connection: Connection, request: RestoreRequest, known: Entry) -> None:
    if not known.done:
        raise connection.refuse(
            f"restore {request.key!r} was begun by run {known.run} and interrupted",
            hint="resume that run, which completes or undoes it",
        )
    recorded = tuple(known.fields.get(name) for name in ("target_id", "mode", "as", "content"))
    if recorded != (request.target_id, str(request.mode), request.as_name, request.content):
        raise connection.refuse(
            f"restore {request.key!r} was done before, with other content",
            hint="a restore is done once; declare another one under a new key",
        )


def _cloned(connection: Connection, way: VmClone | CloudClone, entry: Entry, power_on: bool) -> tuple[str, ...]:
    try:
        made = way.act(connection)
    except NOTHING_DONE as error:
        _forget(connection, entry, error)
        raise
    point("vergeos.restore.acted")
    scope = way.scope if isinstance(way, CloudClone) else Scope.VM
    return (*made.notices, *finish(connection, entry, scope, made.id, power_on))


def _in_place(connection: Connection, way: InPlace, entry: Entry, power_on: bool) -> tuple[str, ...]:
    try:
        if way.running:
            switch_off(connection, way.scope, way.id)
            point("vergeos.restore.off")
        entry = ledger.advance(connection, entry, step=ACTING)
        point("vergeos.restore.acting")
        way.act(connection)
    except NOTHING_DONE as error:
        text = f"{error}; {_on_again(connection, way)}" if way.running else str(error)
        refused = type(error)(connection.backend, text, hint=error.hint)
        _forget(connection, entry, refused)
        raise refused from error
    point("vergeos.restore.acted")
    entry = ledger.advance(connection, entry, step=ACTED)
    point("vergeos.restore.recorded")
    told = finish(connection, entry, way.scope, way.id, power_on)
    if way.scope is Scope.VOLUME or (power_on and not told):
        return told
    left_off = ("it was switched off and left off",) if way.running and not power_on else ()
    return (*told, *left_off, *((AT_POWER_ON,) if way.scope is Scope.TENANT else ()))


def _powered_on(connection: Connection, scope: Scope, id_: str) -> str:
    """Switch on what was restored; return in a sentence why that was refused, as the restore itself was not.

    Raises ``OutcomeUnknownError`` for what passes: the record stays then, and the next run switches it on.
    """
    try:
        return switch_on(connection, scope, id_)
    except (RequestBudgetError, UnreachableError) as error:
        text = f"it was restored, and could not be switched on yet: {error}"
        raise OutcomeUnknownError(connection.backend, text, hint=error.hint) from error
    except BackendError as error:
        return f"it was restored, but could not be switched on: {error}"


def _on_again(connection: Connection, way: InPlace) -> str:
    """Switch on what was switched off for a restore that was refused; return in a sentence how it stands."""
    try:
        told = switch_on(connection, way.scope, way.id)
    except BackendError as error:
        told = str(error)
    return (
        f"it was switched off for that and is off: {told}" if told else "it was switched off for that and is on again"
    )


def _forget(connection: Connection, entry: Entry, refused: BackendError) -> None:
    """Remove the record of what had no effect.

    Raises ``OutcomeUnknownError`` where it stays: the key is begun then, and only the next run can take that back.
    """
    try:
        ledger.forget(connection, entry)
    except BackendError as error:
        text = f"{refused}; restore {entry.key!r} stays recorded as begun: {error}"
        raise OutcomeUnknownError(connection.backend, text, hint=refused.hint) from error
