"""What somebody names by its address: a target, or a snapshot of ours. An address that is two things is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.diagnostics import Diagnostic, Location, Severity
from snapplan.models.homonyms import SIGN, long_name, own_name
from snapplan.planner.resolve import GLOB_CHARACTERS, matches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from snapplan.models.order import Focus
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.target import Target
    from snapplan.models.world import BackendState
    from snapplan.planner.context import Context


def is_meant(glob: str, target: Target) -> bool:
    """Whether a glob over addresses means a target; ``NAME~ID8`` means it also where no other has its name."""
    if matches(glob, target.address):
        return True
    return SIGN in glob and bool(target.name) and matches(glob, _long_address(target))


def targets_called(backends: Mapping[str, BackendState], address: str) -> list[Target]:
    """Return the targets that ``address`` may mean, ordered by address: one, unless several have the name in it."""
    backend = backends.get(address.partition("/")[0])
    if backend is None or backend.error is not None:
        return []
    exact = [target for target in backend.targets if target.address == address]
    found = exact or [
        t for t in backend.targets if address == t.own_address or (t.name and address == _long_address(t))
    ]
    return sorted(found, key=lambda target: target.address)


def two_things(address: str, found: Sequence[Target], where: Location | None = None) -> Diagnostic:
    """Return the error of an address that several targets have."""
    return Diagnostic(
        "SP462",
        Severity.ERROR,
        f"{address} is {len(found)} targets: {', '.join(target.address for target in found)}",
        where,
        hint="write the one that you mean",
    )


def ambiguous(backends: Mapping[str, BackendState], focus: Focus) -> list[Diagnostic]:
    """Return the errors of what a plan is limited to: an address without wildcards that several targets have."""
    plain = [glob for glob in focus.targets if GLOB_CHARACTERS.isdisjoint(glob)]
    return [two_things(glob, found) for glob in plain if len(found := targets_called(backends, glob)) > 1]


def the_snapshot(context: Context, address: str) -> Snapshot | Diagnostic:
    """Return the one snapshot at ``address``, whoever owns it, or what is wrong with the address."""
    found = snapshots_called(context.backends, address)
    if not found:
        hint = "snapplan list snapshots shows what there is"
        return Diagnostic("SP430", Severity.ERROR, f"there is no snapshot {address}", hint=hint)
    if len({snapshot.target_id for snapshot in found}) > 1:
        names = ", ".join(sorted(_long_snapshot(snapshot) for snapshot in found))
        text = f"{address} is {len(found)} snapshots: {names}"
        return Diagnostic("SP462", Severity.ERROR, text, hint="write the one that you mean")
    return found[0]


def owned_at(context: Context, address: str) -> Snapshot | Diagnostic:
    """Return the snapshot of this project at ``address``, or what is wrong with it."""
    found = the_snapshot(context, address)
    if isinstance(found, Diagnostic):
        return found
    mark = found.mark
    if mark is None or mark.project != context.policy.config.project:
        return Diagnostic(
            "SP431",
            Severity.ERROR,
            f"{address} is foreign: this project did not take it",
            detail="snapplan never changes foreign snapshots, and never expires them either.",
        )
    return found


def snapshots_called(backends: Mapping[str, BackendState], address: str) -> list[Snapshot]:
    """Return the snapshots that ``address`` may mean: one, unless targets of one name have snapshots of one name."""
    state = backends.get(address.partition("/")[0])
    listed = [] if state is None else state.snapshots
    found = [snapshot for snapshot in listed if snapshot.address == address]
    if found:
        return found
    target, _, name = address.rpartition("@")
    of = {called.id for called in targets_called(backends, target)}
    return [s for s in listed if s.name == name and (s.target_id in of or _long_snapshot(s) == address)]


def _long_address(target: Target) -> str:
    return f"{target.backend}/{target.scope}/{long_name(target.own_name, target.id)}"


def _long_snapshot(snapshot: Snapshot) -> str:
    if not snapshot.target_name:
        return snapshot.address
    name = long_name(own_name(snapshot.target_name, snapshot.target_id), snapshot.target_id)
    return f"{snapshot.backend}/{snapshot.scope}/{name}@{snapshot.name}"
