"""Puts right what runs that died left behind, before anything else is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.drivers.base import NO_MANDATE
from snapplan.errors import BackendError
from snapplan.models.world import RestoreRecord
from snapplan.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from snapplan.catalog.base import Catalog, Lease
    from snapplan.drivers.base import Driver
    from snapplan.models.request import Mandate, StartedRestore


class Recovery(NamedTuple):
    """What was put right, in sentences, and which backends could not be: those must be left out of the run.

    ``pending`` are the keys of restores that wait for a person, ``attention`` the sentences of ``texts`` about what could
    not be put right, those among them: the run has not done all then.
    """

    texts: list[str]
    failed: dict[str, BackendError]
    pending: set[str]
    attention: list[str]


def recover(
    drivers: Mapping[str, Driver],
    catalog: Catalog,
    live_runs: Collection[str],
    *,
    leases: Mapping[str, Lease],
    mandate: Mandate = NO_MANDATE,
) -> Recovery:
    """Put right on each backend what runs outside ``live_runs`` had begun, and record how their restores ended.

    ``mandate`` says which half-exchanged restores are completed or taken back; the others are ``pending``.

    Called under the leases of all ``drivers``; raises ``FencedError`` when one of them is no longer ours.
    """
    recovery = Recovery([], {}, set(), [])
    records = catalog.state().restores
    settled: set[str] = set()
    for backend in sorted(drivers):
        catalog.check(leases[backend])
        try:
            found = drivers[backend].recover(live_runs, mandate)
        except BackendError as error:
            recovery.failed[backend] = error
            continue
        for each in found:
            recovery.texts.append(redact(f"{backend}: {each.text}"))
            if each.pending or each.attention is not None:
                recovery.attention.append(recovery.texts[-1])
            if each.pending:
                recovery.pending.add(each.restore_key)
            elif each.restore_key:
                _record(catalog, records, each.restore_key, "done" if each.completed else "undone")
                settled.add(each.restore_key)
    open_keys = {key for key, record in records.items() if record.state == "started" and record.run not in live_runs}
    unsettled = open_keys - settled - recovery.pending
    if unsettled:
        _settle_rest(drivers, catalog, records, unsettled, recovery)
    return recovery


def _settle_rest(
    drivers: Mapping[str, Driver],
    catalog: Catalog,
    records: Mapping[str, RestoreRecord],
    keys: Collection[str],
    recovery: Recovery,
) -> None:
    """Settle what the catalog has as started and no driver had to touch: done already, or not even begun.

    A driver writes "started KEY" to its backend before the effect, so a key that no backend knows had no effect; that can
    be said only when all of them answer.
    """
    known: dict[str, StartedRestore] = {}
    for backend in sorted(drivers):
        try:
            known.update((restore.key, restore) for restore in drivers[backend].inventory().restores)
        except BackendError as error:
            recovery.failed.setdefault(backend, error)
    for key in sorted(keys):
        restore = known.get(key)
        if restore is not None and restore.done:
            _record(catalog, records, key, "done")
            recovery.texts.append(f"restore {key} had been completed")
        elif restore is None and not recovery.failed:
            _record(catalog, records, key, "refused")
            recovery.texts.append(f"restore {key} had not been begun")


def _record(catalog: Catalog, records: Mapping[str, RestoreRecord], key: str, state: str) -> None:
    """Record how a restore ended; of one that this catalog does not know the declaration is unknown, so it is empty."""
    known = records.get(key, RestoreRecord("", state, ""))
    catalog.record_restore(key, known._replace(state=state))
