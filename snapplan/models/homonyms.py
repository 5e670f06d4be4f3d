"""Targets that share a name: a backend's names may be changed by anybody, its permanent ids by nobody.

Where two targets of one scope have one name, each is called ``NAME~ID8``: its own name, then the first signs of its
permanent id. A selector matches a target by its own name and by that longer one.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from snapplan.models.request import Inventory
    from snapplan.models.target import Target

SIGN = "~"
ID_SIGNS = 8


def long_name(name: str, id_: str, signs: int = ID_SIGNS) -> str:
    """Return the name that tells a target from others of its name."""
    return f"{name}{SIGN}{id_[:signs]}"


def own_name(name: str, id_: str) -> str:
    """Return what the backend calls a target that is shown as ``name``."""
    if SIGN not in name:
        return name
    own, _, signs = name.rpartition(SIGN)
    return own if own and len(signs) >= min(ID_SIGNS, len(id_)) and id_.startswith(signs) else name


def distinct(targets: Sequence[Target]) -> tuple[Target, ...]:
    """Return the targets of one backend, those that share a scope and a name under longer names, all of them.

    Each scope's ids are unique; where eight signs do not tell two apart, more of them stand there.
    """
    found = tuple(targets)
    signs, longest = ID_SIGNS, max((len(target.id) for target in found), default=0)
    while True:
        counts = Counter((target.scope, target.name) for target in found)
        if len(counts) == len(found) or signs >= 2 * max(longest, ID_SIGNS):
            return found
        found = tuple(_longer(target, signs) if counts[target.scope, target.name] > 1 else target for target in found)
        signs *= 2


def _longer(target: Target, signs: int) -> Target:
    return target._replace(name=long_name(own_name(target.name, target.id), target.id, signs))


def with_distinct_names(inventory: Inventory) -> Inventory:
    """Return an inventory in which no two targets of one scope share a name, nor the addresses of their snapshots."""
    targets = distinct(inventory.targets)
    before: Iterable[tuple[Target, Target]] = zip(inventory.targets, targets, strict=True)
    renamed = {(new.scope, new.id): new.name for old, new in before if new is not old and new.name != old.name}
    if not renamed:
        return inventory
    snapshots = [
        snapshot
        if (name := renamed.get((snapshot.scope, snapshot.target_id))) is None
        else snapshot._replace(target_name=name)
        for snapshot in inventory.snapshots
    ]
    return inventory._replace(targets=targets, snapshots=snapshots)
