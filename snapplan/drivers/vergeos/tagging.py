"""Tags: the names that selectors use, who carries them, and the restores that snapplan recorded as tags."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from snapplan.drivers.vergeos.cells import key_of, name_of, text
from snapplan.drivers.vergeos.marks import line_of
from snapplan.models.request import Progress, StartedRestore
from snapplan.models.target import RestoreMode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from snapplan.drivers.vergeos.api import Row

DONE = "done"

BEGUN, ACTING, ACTED = "begun", "acting", "acted"
"""How far a recorded restore is: nothing was asked yet, it was asked for, it was seen to be done."""
_EXCHANGED = {BEGUN: Progress.NOTHING, ACTING: Progress.SOME, ACTED: Progress.ALL}


def restore_category(project: str) -> str:
    """Return the name of the category whose tags record the restores of a project."""
    return f"snapplan-{project}"


def tag_names(tags: Iterable[Row]) -> dict[int, str]:
    """Return the name of each tag by its key: ``NAME``, or ``CATEGORY/NAME`` where two categories have that name."""
    rows = list(tags)
    counts = Counter(map(name_of, rows))
    return {key_of(row): name_of(row) if counts[name_of(row)] == 1 else _long_name(row) for row in rows}


def tag_spellings(tags: Iterable[Row]) -> dict[str, tuple[str, ...]]:
    """Return, by what a policy may write, the names that ``tag_names`` gives the tags that are meant, the oldest first.

    ``CATEGORY/NAME`` is one tag. ``NAME`` is the tags of that name in all categories: nobody ends a protection by making a
    second one.
    """
    rows = sorted(tags, key=key_of)
    names = tag_names(rows)
    found: dict[str, tuple[str, ...]] = {_long_name(row): (names[key_of(row)],) for row in rows}
    for row in rows:
        found[name_of(row)] = (*found.get(name_of(row), ()), names[key_of(row)])
    return found


def tag_keys(tags: Iterable[Row]) -> dict[str, tuple[int, ...]]:
    """Return the keys of the tags that are meant, the oldest first, by what a policy may write."""
    rows = list(tags)
    keys = {name: key for key, name in tag_names(rows).items()}
    return {spelling: tuple(keys[name] for name in names) for spelling, names in tag_spellings(rows).items()}


def members(tag_members: Iterable[Row], tags: Iterable[Row]) -> dict[str, frozenset[str]]:
    """Return the names of the tags that each object carries, by its path such as ``vms/2``.

    Each tag counts under its name and under ``CATEGORY/NAME``, also where no other category has that name: what a policy
    says means the same whatever somebody adds.
    """
    named = {key_of(row): (name_of(row), _long_name(row)) for row in tags}
    found: dict[str, set[str]] = {}
    for row in tag_members:
        found.setdefault(str(row["member"]), set()).update(named.get(row["tag"], ()))
    shared: dict[frozenset[str], frozenset[str]] = {}
    return {member: shared.setdefault(frozen := frozenset(names), frozen) for member, names in found.items()}


def restores_of(tags: Iterable[Row], project: str) -> tuple[tuple[StartedRestore, ...], tuple[str, ...]]:
    """Return the restores that a project recorded, and the names of the tags of its category that cannot be read."""
    category = restore_category(project)
    restores: list[StartedRestore] = []
    unreadable: list[str] = []
    for row in tags:
        if row.get("category_name") != category:
            continue
        restore = _restore(line_of(row.get("description")))
        if restore is None:
            unreadable.append(name_of(row))
        else:
            restores.append(restore)
    return tuple(restores), tuple(unreadable)


def _restore(fields: Mapping[str, Any] | None) -> StartedRestore | None:
    if fields is None:
        return None
    step = str(fields.get("step", BEGUN))
    try:
        return StartedRestore(
            key=text(fields["key"]),
            run=text(fields["run"]),
            target_id=text(fields["target_id"]),
            started_at=datetime.fromisoformat(fields["at"]).astimezone(UTC),
            done=fields["state"] == DONE,
            exchanged=_EXCHANGED.get(step) if fields.get("mode") == RestoreMode.IN_PLACE else None,
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _long_name(row: Row) -> str:
    return f"{text(row.get('category_name') or row.get('category'))}/{name_of(row)}"
