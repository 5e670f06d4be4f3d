"""Whether a backend is the one that the catalog knows: by its own permanent id, and by the snapshots that it has. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.models.world import Failure

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from snapplan.catalog.base import KnownSnapshot
    from snapplan.models.request import Inventory
    from snapplan.models.world import CatalogState

CODE, EXIT_CODE = "SP445", 3
STORE = "store"
"""The kind under which a person accepts another store."""


def stranger(
    backend: str,
    inventory: Inventory,
    state: CatalogState,
    known: Mapping[str, KnownSnapshot],
    project: str,
    *,
    is_name: bool = False,
) -> Failure | None:
    """Return why a backend is left out although it answers: what answers is not what the catalog knows.

    ``known`` are the snapshots that the catalog knows of it. Where it knows no id of the backend, as after an upgrade, one
    is taken over only from a backend that has a snapshot which the catalog knows. With ``is_name`` it answers with a name,
    which somebody may have changed: then its snapshots tell.
    """
    found, accepted = inventory.identity, state.accepted.get((backend, STORE))
    if accepted is not None and accepted.value == found:
        return None
    if not found and inventory.snapshots and not state.identities.get(backend):
        return None  # its driver has no ids; a store that is not there lists nothing
    expected = expected_identity(backend, state, known, project)
    hint = f"bring the right one back, such as by mounting its disk; snapplan accept {backend} --reason TEXT takes this one"
    if expected:
        if found == expected:
            return None
        if not (is_name and found):
            other = f"it is another one: its id is {found}, and it was {expected}"
            return Failure(other if found else f"its store {expected} is not there", hint, EXIT_CODE, CODE)
    ours = {native_id for native_id, record in known.items() if _is_ours(record, project)} if found else set()
    if ours and ours.isdisjoint(one.native_id for one in inventory.snapshots):
        text = f"it has none of the {len(ours)} snapshots that the catalog knows of it"
        return Failure(text, hint, EXIT_CODE, CODE)
    return None


def double(identity: str, others: Sequence[str]) -> Failure:
    """Return why a backend is left out that has the permanent id of others."""
    named = ", ".join(repr(other) for other in others)
    return Failure(
        f"it has the id {identity}, and so has {named}: one of them is a copy",
        "give each backend a store of its own, and remove the copy from the configuration",
        EXIT_CODE,
        CODE,
    )


def expected_identity(backend: str, state: CatalogState, known: Mapping[str, KnownSnapshot], project: str) -> str:
    """Return the id that the catalog knows of a backend, or that the marks of its snapshots name; else nothing."""
    recorded = state.identities.get(backend, "")
    if recorded:
        return recorded
    marks = (record.snapshot.mark for record in known.values())
    return next((mark.store for mark in marks if mark is not None and mark.project == project and mark.store), "")


def may_create(backend: str, state: CatalogState, known: Collection[str], *, in_memory: bool) -> bool:
    """Whether an apply may make the store of a backend: nothing is known of one, or a person accepted that it is gone."""
    accepted = state.accepted.get((backend, STORE))
    if accepted is not None and accepted.value == "":
        return True
    return not in_memory and not known and not state.identities.get(backend)


def _is_ours(record: KnownSnapshot, project: str) -> bool:
    mark = record.snapshot.mark
    return mark is not None and mark.project == project
