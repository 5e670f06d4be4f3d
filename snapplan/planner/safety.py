"""Restores that are under way: what they hold, and what the next apply does about those whose run died."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from snapplan.diagnostics import Diagnostic, Severity
from snapplan.models.plan import Pending
from snapplan.models.request import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from snapplan.models.request import StartedRestore
    from snapplan.models.world import BackendState
    from snapplan.planner.context import Context

SAFETY_RETENTION = timedelta(days=7)
SAFETY_PREFIX = "pre-restore."
"""The manual key of a safety snapshot begins so; the key of the restore follows."""
UNDO, COMPLETE, RECORD, SETTLE = "undo", "complete", "record", "settle"
_EFFECTS = {Progress.NOTHING: UNDO, Progress.SOME: COMPLETE, Progress.ALL: RECORD, None: SETTLE}
_TEXTS = {
    UNDO: "had not replaced anything yet; the next apply undoes it, and the target stays as it is",
    RECORD: "had replaced all of the target; the next apply records it as done",
    SETTLE: "was not finished; the next apply finds out how it ended, and completes or undoes it",
}


def open_sources(context: Context) -> frozenset[str]:
    """Return the native ids that restores which were begun, and are neither completed nor undone, need.

    While a part of a target is exchanged, that is every snapshot of it: the restore may be taken back or started over.
    """
    needed: set[str] = set()
    for state in context.backends.values():
        for restore in state.restores:
            if not restore.done:
                needed.update(_needed_by(restore, state))
    return frozenset(needed)


def _needed_by(restore: StartedRestore, state: BackendState) -> Iterator[str]:
    prefix = f"{SAFETY_PREFIX}{restore.key}"
    whole = restore.target_id == "cloud"
    for snapshot in state.snapshots:
        is_safety = snapshot.mark is not None and (snapshot.mark.key or "").startswith(prefix)
        if is_safety or (restore.exchanged is Progress.SOME and (whole or snapshot.target_id == restore.target_id)):
            yield snapshot.native_id


def pending(context: Context) -> tuple[Pending, ...]:
    """Return the restores of dead runs that are neither completed nor undone, in a fixed order."""
    found = (
        Pending(
            backend=name,
            key=restore.key,
            run=restore.run,
            target=_address(restore.target_id, state),
            started_at=restore.started_at,
            exchanged=None if restore.exchanged is None else restore.exchanged.value,
            effect=_EFFECTS[restore.exchanged],
        )
        for name, state in context.backends.items()
        for restore in state.restores
        if not restore.done and restore.run not in state.live_runs
    )
    return tuple(sorted((one for one in found if context.in_focus(one.target)), key=lambda one: (one.backend, one.key)))


def _address(target_id: str, state: BackendState) -> str:
    known = next((target.address for target in state.targets if target.id == target_id), None)
    return known or f"{state.name}/{target_id}"


def findings(restores: Iterable[Pending]) -> Iterator[Diagnostic]:
    """Say of each what the next apply does about it, and of a half-exchanged one how a person decides."""
    for one in restores:
        if one.effect != COMPLETE:
            summary = f"restore {one.key!r} of {one.target} {_TEXTS[one.effect]}"
            yield Diagnostic("SP436", Severity.NOTE, summary)
            continue
        # The whole id: another catalog has other runs, or another of that number.
        resume = f"snapplan apply --resume {one.run}"
        yield Diagnostic(
            "SP435",
            Severity.WARNING,
            f"restore {one.key!r} of {one.target} was interrupted when a part of the target was replaced",
            detail="Until you decide, no snapshot of the target expires. Either way, both contents are kept.",
            hint=f"{resume} completes it; {resume} --undo takes it back",
        )
