"""Entries of the policy that mean nothing on any backend: names, exclusions and tags, each with the nearest there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.diagnostics import Diagnostic, Severity
from snapplan.planner.resolve import GLOB_CHARACTERS, is_named, matches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from snapplan.models.policy import Selector
    from snapplan.models.target import Scope, Target
    from snapplan.planner.context import Context

MOST_HINTS = 20
"""So many findings name what is nearest: looking for that takes a moment where there are thousands of names."""


class Idle(NamedTuple):
    """An entry that matches nothing; ``key`` is the one it stands under, ``known`` what it could have meant."""

    path: tuple[str, ...]
    owner: str
    key: str
    entry: str
    known: Sequence[str]
    severity: Severity


def idle_entries(context: Context) -> list[Diagnostic]:
    """Return a finding for each entry of ``names``, ``exclude``, ``tags`` and ``any_tags`` that matches nothing.

    A selector that selects nothing at all has a finding of its own (SP401). Nothing is said of backends that were not
    read. An exclusion or a glob may be there for later, so that is a note.
    """
    found = [*_of_selectors(context), *_of_periods(context)]
    return [_finding(context, idle, hint=number < MOST_HINTS) for number, idle in enumerate(found)]


class _Listing(NamedTuple):
    """The targets that a selector could select, and what they are called."""

    targets: Sequence[Target]
    names: frozenset[str]
    tags: frozenset[str]


def _of_selectors(context: Context) -> Iterator[Idle]:
    listings: dict[tuple[str, Scope], _Listing] = {}
    said = {str(each.where) for each in context.resolution.diagnostics if each.code == "SP401"}
    bound: dict[str, set[str]] = {}
    for (_, _, assignment), name in context.world.catalog.named.items():
        bound.setdefault(assignment, set()).add(name)
    for section, entries in (("assignments", context.policy.assignments), ("snapshots", context.policy.snapshots)):
        for owner in sorted(entries):
            for number, selector in enumerate(entries[owner].targets):
                path = (section, owner, "targets", str(number))
                if str(context.policy.location(*path)) in said or _is_unread(context, selector):
                    continue
                key = (selector.backend, selector.scope)
                if key not in listings:
                    listings[key] = _listing(context, selector)
                kind = "assignment" if section == "assignments" else "manual snapshot"
                known = bound.get(owner, set()) if section == "assignments" else set()
                for idle in _of_selector(selector, listings[key], known):
                    yield idle._replace(path=(*path, *idle.path), owner=f"{kind} {owner!r}")


def _of_selector(selector: Selector, listing: _Listing, known: set[str]) -> Iterator[Idle]:
    for key in ("names", "exclude"):
        for number, entry in enumerate(getattr(selector, key)):
            if entry in known or _means_something(entry, listing) or any(matches(entry, name) for name in known):
                continue
            literal = key == "names" and GLOB_CHARACTERS.isdisjoint(entry)
            severity = Severity.WARNING if literal else Severity.NOTE
            yield Idle((key, str(number)), "", key, entry, sorted(listing.names), severity)
    for key in ("tags", "any_tags"):
        for number, entry in enumerate(getattr(selector, key)):
            if entry not in listing.tags:
                severity = Severity.WARNING if key == "tags" else Severity.NOTE
                yield Idle((key, str(number)), "", key, entry, sorted(listing.tags), severity)


def _means_something(entry: str, listing: _Listing) -> bool:
    if entry == "*" or entry in listing.names:
        return True
    return any(is_named((entry,), target, target.own_name) for target in listing.targets)


def _listing(context: Context, selector: Selector) -> _Listing:
    targets = [
        target
        for name, state in sorted(context.backends.items())
        if matches(selector.backend, name)
        for target in state.targets
        if target.scope is selector.scope
    ]
    tags = frozenset(tag for target in targets for tag in target.tags)
    return _Listing(targets, frozenset(target.own_name for target in targets), tags)


def _is_unread(context: Context, selector: Selector) -> bool:
    return any(
        state.error is not None and matches(selector.backend, name) for name, state in context.world.backends.items()
    )


def _of_periods(context: Context) -> Iterator[Idle]:
    """Yield the tags of partial snapshots that no target of the backend carries: what they choose is empty."""
    asked: dict[tuple[str, str], dict[str, Sequence[str]]] = {}
    for triple, resolved in context.resolution.triples.items():
        period = resolved.period
        if period.partial_tags or period.quiesce_tags:
            known = asked.setdefault((triple.profile, triple.period), {})
            if triple.backend not in known:
                known[triple.backend] = _tags_of(context, triple.backend)
    for (profile, name), backends in sorted(asked.items()):
        period = context.policy.profiles[profile].periods[name]
        for key in ("partial_tags", "quiesce_tags"):
            for number, tag in enumerate(getattr(period, key) or ()):
                yield from _of_tag(("profiles", profile, "periods", name, key, str(number)), key, tag, backends)


def _of_tag(path: tuple[str, ...], key: str, tag: str, backends: Mapping[str, Sequence[str]]) -> Iterator[Idle]:
    for backend, tags in sorted(backends.items()):
        if tag not in tags:
            owner = f"period {path[1]}.{path[3]} on {backend}"
            yield Idle(path, owner, key, tag, tags, Severity.WARNING)


def _tags_of(context: Context, backend: str) -> Sequence[str]:
    return sorted({tag for target in context.world.backends[backend].targets for tag in target.tags})


def _finding(context: Context, idle: Idle, *, hint: bool) -> Diagnostic:
    near: list[str] = []
    if hint:
        from difflib import get_close_matches  # 2 ms, and only where something is wrong

        near = get_close_matches(idle.entry, idle.known, n=2, cutoff=0.5)
    what = "tag" if "tags" in idle.key else "name"
    return Diagnostic(
        "SP404",
        idle.severity,
        f"{idle.owner}: {idle.entry!r} in {idle.key} matches nothing",
        where=context.policy.location(*idle.path),
        detail=MEANS[idle.key],
        hint=f"the nearest are {', '.join(near)}" if near else f"{len(idle.known):,} {what}s are known there",
    )


MEANS = {
    "names": "What it was meant for is not protected by it.",
    "exclude": "What it was meant to leave out is not left out.",
    "tags": "No target carries it, so the selector selects nothing.",
    "any_tags": "No target carries it.",
    "partial_tags": "No target carries it, so nothing is chosen by it.",
    "quiesce_tags": "No target carries it, so nothing is frozen by it.",
}
