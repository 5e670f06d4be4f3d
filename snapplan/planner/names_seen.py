"""Targets whose names need a look: two of one name, and one that is not called what an assignment knows it by.

Names belong to whoever may rename things on the backend; permanent ids do not. A name never takes a protection away: what
is odd about one is said, until a person accepts it or changes the policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from snapplan.models.policy import Assignment, Policy
    from snapplan.models.target import Scope, Target
    from snapplan.models.world import CatalogState

ACCEPTED_KIND = "name"
"""The kind under which the catalog keeps that somebody accepted a target's name; the value is the target's id."""
MOST_NAMES = 4


class Selected(NamedTuple):
    """A target that the assignment ``name`` selects; see ``resolve.Resolved`` for ``known_as``."""

    target: Target
    name: str
    assignment: Assignment
    known_as: str = ""


Found = dict[tuple[str, str, str], Selected]
"""What assignments select, by (backend, target id, profile)."""


class Names(NamedTuple):
    """What is odd about the names of selected targets; see ``resolve.Resolution``."""

    diagnostics: Sequence[Diagnostic]
    looks: Mapping[tuple[str, str], str]
    newcomers: frozenset[tuple[str, str, str]]


def is_accepted(target: Target, catalog: CatalogState) -> bool:
    """Whether a person accepted what a target is called now."""
    found = catalog.accepted.get((target.address, ACCEPTED_KIND))
    return found is not None and found.value == target.id


def look_at_names(policy: Policy, found: Found, catalog: CatalogState) -> Names:
    """Return what is odd about the names of the targets that were ``found``."""
    odd = [one for one in found.values() if one.known_as or one.target.name != one.target.own_name]
    if not odd:
        return Names((), {}, frozenset())
    diagnostics: list[Diagnostic] = []
    looks: dict[tuple[str, str], str] = {}
    renamed = {(one.target.backend, one.target.id): one for one in odd if one.known_as}
    for key, one in sorted(renamed.items(), key=lambda item: item[1].target.address):
        looks[key] = f"was {one.known_as} when assignment {one.name!r} selected it, and stays protected"
        diagnostics.append(_renamed(policy, one))
    for group in _homonyms(found.values(), odd):
        unaccepted = [one for one in group if not is_accepted(one.target, catalog)]
        if len(unaccepted) < 2:
            continue
        diagnostics.append(_two_of_a_name(policy, group, catalog))
        for one in unaccepted:
            others = [other.target.address for other in group if other.target.id != one.target.id]
            looks.setdefault((one.target.backend, one.target.id), f"has the name of {_listed(others)}")
    return Names(diagnostics, looks, _newcomers(found, catalog))


def _homonyms(found: Iterable[Selected], odd: Iterable[Selected]) -> list[list[Selected]]:
    """Return the groups of selected targets that share a name, each target once."""
    names = {_place(one) for one in odd}
    groups: dict[tuple[str, Scope, str], dict[str, Selected]] = {}
    for one in found:
        if _place(one) in names:
            groups.setdefault(_place(one), {}).setdefault(one.target.id, one)
    shared = (list(group.values()) for group in groups.values() if len(group) > 1)
    return sorted((sorted(group, key=_address) for group in shared), key=lambda group: _address(group[0]))


def _place(one: Selected) -> tuple[str, Scope, str]:
    return (one.target.backend, one.target.scope, one.known_as or one.target.own_name)


def _address(one: Selected) -> str:
    return one.target.address


def _newcomers(found: Found, catalog: CatalogState) -> frozenset[tuple[str, str, str]]:
    """Return those that are new under a name by which the same assignment had selected another one that is still there."""
    tracked = {triple[:3] for triple in catalog.tracked}
    holders: dict[tuple[str, str, Scope, str], set[str]] = {}
    for (backend, target_id, profile), one in found.items():
        if (backend, target_id, profile) in tracked:
            known = catalog.named.get((backend, target_id, one.name), one.known_as or one.target.own_name)
            holders.setdefault((one.name, backend, one.target.scope, known), set()).add(target_id)
    return frozenset(
        key
        for key, one in found.items()
        if key not in tracked
        and not is_accepted(one.target, catalog)
        and holders.get((one.name, key[0], one.target.scope, one.target.own_name))
    )


def _renamed(policy: Policy, one: Selected) -> Diagnostic:
    target = one.target
    return Diagnostic(
        "SP461",
        Severity.WARNING,
        f"{target.address} was called {one.known_as!r} when assignment {one.name!r} selected it",
        where=policy.location("assignments", one.name),
        detail="Somebody renamed it on its backend. It is the same target and stays protected.",
        hint=f"write its new name into the assignment, or end this with snapplan accept '{target.address}' --reason TEXT",
    )


def _two_of_a_name(policy: Policy, group: Sequence[Selected], catalog: CatalogState) -> Diagnostic:
    first = group[0]
    name = first.known_as or first.target.own_name
    backend, scope = first.target.backend, first.target.scope
    texts = [f"{one.target.address} ({_how_known(one, catalog)})" for one in group]
    new = [one.target.address for one in group if not _is_tracked(one, catalog)]
    return Diagnostic(
        "SP460",
        Severity.WARNING,
        f"{len(group)} {scope} targets of {backend} share the name {name!r}: {_listed(texts)}",
        where=policy.location("assignments", first.name),
        detail="All of them are protected by what selects them; none of them loses its protection to another.",
        hint=f"rename one on its backend, or say that it is meant: snapplan accept '{(new or [_address(group[-1])])[0]}'"
        " --reason TEXT",
    )


def _how_known(one: Selected, catalog: CatalogState) -> str:
    return f"known to assignment {one.name!r}" if _is_tracked(one, catalog) else f"new to assignment {one.name!r}"


def _is_tracked(one: Selected, catalog: CatalogState) -> bool:
    return (one.target.backend, one.target.id, one.assignment.profile) in catalog.assigned


def _listed(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - MOST_NAMES} more" if len(texts) > MOST_NAMES else ""
    return f"{', '.join(texts[:MOST_NAMES])}{more}"
