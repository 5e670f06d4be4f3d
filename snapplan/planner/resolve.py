"""Which profile applies to which target, and why."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from snapplan.diagnostics import Diagnostic, Severity
from snapplan.models.homonyms import SIGN, long_name
from snapplan.models.order import Focus
from snapplan.models.target import Scope, Target
from snapplan.models.world import CatalogState, Triple
from snapplan.planner.names_seen import Found, Selected, is_accepted, look_at_names
from snapplan.planner.native import runs_natively

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from snapplan.models.policy import Period, Policy, Profile, Selector
    from snapplan.models.world import BackendState

GLOB_CHARACTERS = frozenset("*?[")
NO_CATALOG = CatalogState()


class Resolved(NamedTuple):
    """A period of a profile on a target, and the assignment that put it there.

    ``native`` says that the platform's own scheduler takes its snapshots. ``known_as`` is what the target was called when
    the assignment selected it, where it is called otherwise now and only that name selects it still.
    """

    triple: Triple
    target: Target
    assignment: str
    profile: Profile
    period: Period
    atomic: bool = False
    native: bool = False
    may_be_empty: bool = False
    known_as: str = ""

    @property
    def timezone(self) -> str:
        """The IANA zone of the period's wall times."""
        return self.profile.timezone or "UTC"

    @property
    def minimum(self) -> int:
        """So many of the newest are held past their expiration."""
        return 1 if self.period.min_snapshots is None else self.period.min_snapshots


class Resolution(NamedTuple):
    """All triples, ordered by target address, profile and the profile's order of periods.

    ``looks`` are sentences, by (backend, target id), about targets whose name needs a look of a person. ``newcomers`` are
    the (backend, target id, profile) of targets that came under a name by which an assignment had selected another one.
    """

    triples: Mapping[Triple, Resolved]
    diagnostics: Sequence[Diagnostic] = ()
    looks: Mapping[tuple[str, str], str] = MappingProxyType({})
    newcomers: frozenset[tuple[str, str, str]] = frozenset()


@lru_cache(maxsize=4096)
def _compiled(glob: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(glob))


def matches(glob: str, text: str) -> bool:
    """Whether ``text`` matches ``glob`` (``*`` ``?`` ``[...]``, case-sensitive; ``*`` also matches ``/``)."""
    if glob == "*":
        return True
    if GLOB_CHARACTERS.isdisjoint(glob):
        return glob == text
    return _compiled(glob).match(text) is not None


EVERYTHING = Focus()


def in_focus(target: str, focus: Focus) -> bool:
    """Whether a target address is among those that a plan is limited to."""
    if focus == EVERYTHING:
        return True
    backend = target.partition("/")[0]
    return any(matches(glob, target) for glob in focus.targets) and any(
        matches(glob, backend) for glob in focus.backends
    )


Bound = Mapping[tuple[str, Scope], Sequence[tuple[Target, str]]]
"""Targets by backend and scope, each with the name by which an assignment selected it before it was called otherwise."""
NOTHING_BOUND: Bound = MappingProxyType({})


class TargetIndex:
    """The targets of all backends that could be read, found by scope and name without a scan."""

    def __init__(self, backends: Mapping[str, BackendState], left_out: Container[tuple[str, str]] = ()) -> None:
        self._backends = sorted(backends)
        self._by_scope: dict[tuple[str, Scope], dict[str, list[Target]]] = {}
        for name, state in backends.items():
            for target in state.targets:
                if (name, target.id) not in left_out:
                    by_name = self._by_scope.setdefault((name, target.scope), {})
                    by_name.setdefault(target.own_name, []).append(target)

    def select(self, selector: Selector, bound: Bound = NOTHING_BOUND) -> Iterator[tuple[Target, str]]:
        """Yield the targets that a selector selects, each once, ordered by backend and name.

        Beside each stands the name that it was known by, where that alone selects it, of those in ``bound``.
        """
        for backend in self._backends:
            if matches(selector.backend, backend):
                by_name = self._by_scope.get((backend, selector.scope), {})
                found = [(target, "") for target in self._select_names(selector, by_name)]
                if bound:
                    known = bound.get((backend, selector.scope), ())
                    now = {target.id for target, _ in found}
                    found += [(t, n) for t, n in known if t.id not in now and _selected(selector, t, n)]
                yield from sorted(found, key=lambda each: each[0].name)

    def _select_names(self, selector: Selector, by_name: Mapping[str, Sequence[Target]]) -> Iterator[Target]:
        names: Iterable[str] = by_name
        if all(GLOB_CHARACTERS.isdisjoint(glob) for glob in selector.names):
            plain = {name.rpartition(SIGN)[0] for name in selector.names if SIGN in name}
            names = {name for name in (*selector.names, *plain) if name in by_name}
        for name in names:
            for target in by_name[name]:
                if _selected(selector, target, name):
                    yield target

    def names(self, selector: Selector) -> list[str]:
        """Return the names that a selector could have selected, for suggestions."""
        return [
            name
            for backend in self._backends
            if matches(selector.backend, backend)
            for name in self._by_scope.get((backend, selector.scope), {})
        ]


def _selected(selector: Selector, target: Target, name: str) -> bool:
    """Whether a selector selects a target that is, or was, called ``name``; what it is called now may exclude it."""
    if not is_named(selector.names, target, name):
        return False
    if selector.exclude and (
        is_named(selector.exclude, target, name) or is_named(selector.exclude, target, target.own_name)
    ):
        return False
    if not target.tags.issuperset(selector.tags):
        return False
    return not selector.any_tags or not target.tags.isdisjoint(selector.any_tags)


def is_named(globs: Sequence[str], target: Target, name: str) -> bool:
    """Whether one of ``globs`` means a target by a name, or by the longer one that tells it from others."""
    if any(matches(glob, name) for glob in globs):
        return True
    longer = [glob for glob in globs if SIGN in glob]
    return any(matches(glob, target.name) or matches(glob, long_name(name, target.id)) for glob in longer)


def resolve(policy: Policy, backends: Mapping[str, BackendState], catalog: CatalogState = NO_CATALOG) -> Resolution:
    """Return every (target, profile, period) that the assignments make, and what is odd about them.

    A target that ``catalog`` knows is meant by its permanent id: an assignment that selected it by its name keeps selecting
    it, whatever somebody calls it, or another one, on its backend. Backends that could not be read have no targets here;
    the caller leaves their triples alone.
    """
    index = TargetIndex(
        {name: state for name, state in backends.items() if state.error is None}, catalog.successions.keys()
    )
    unread = [name for name, state in backends.items() if state.error is not None]
    bound = _bound(backends, catalog)
    found: Found = {}
    diagnostics: list[Diagnostic] = []
    for name in sorted(policy.assignments):
        assignment = policy.assignments[name]
        if assignment.profile not in policy.profiles:
            continue
        for number, selector in enumerate(assignment.targets):
            targets = list(index.select(selector, bound.get(name, NOTHING_BOUND)))
            if not targets and not any(matches(selector.backend, backend) for backend in unread):
                diagnostics.append(_selects_nothing(policy, name, number, selector, index))
            for target, known_as in targets:
                key = (target.backend, target.id, assignment.profile)
                earlier = found.setdefault(key, Selected(target, name, assignment, known_as))
                if earlier.name != name:
                    diagnostics.append(_assigned_twice(policy, target, assignment.profile, earlier.name, name))
    diagnostics += _idle_commands(policy, backends)
    named = look_at_names(policy, found, catalog)
    return Resolution(
        _triples(policy, found, backends), [*diagnostics, *named.diagnostics], named.looks, named.newcomers
    )


def _bound(
    backends: Mapping[str, BackendState], catalog: CatalogState
) -> dict[str, dict[tuple[str, Scope], list[tuple[Target, str]]]]:
    """Return by assignment the targets that are called otherwise than when it selected them, unless that was accepted."""
    if not catalog.named:
        return {}
    targets = {
        (name, target.id): target for name, state in backends.items() if state.error is None for target in state.targets
    }
    found: dict[str, dict[tuple[str, Scope], list[tuple[Target, str]]]] = {}
    for (backend, target_id, assignment), name in catalog.named.items():
        target = targets.get((backend, target_id))
        if target is None or target.own_name == name or is_accepted(target, catalog):
            continue
        found.setdefault(assignment, {}).setdefault((backend, target.scope), []).append((target, name))
    return found


def _idle_commands(policy: Policy, backends: Mapping[str, BackendState]) -> Iterator[Diagnostic]:
    """Yield a warning for each glob of ``quiesce_commands`` that matches no target of its backend."""
    for name in sorted(backends):
        state, config = backends[name], policy.config.backends.get(name)
        if state.error is not None or config is None or not config.quiesce_commands:
            continue
        keys = [f"{t.scope}/{t.own_name}" if t.name else str(t.scope) for t in state.targets]
        for glob in config.quiesce_commands:
            if not any(matches(glob, key) for key in keys):
                yield _matches_nothing(policy, name, glob, keys)


def _matches_nothing(policy: Policy, backend: str, glob: str, keys: Sequence[str]) -> Diagnostic:
    from difflib import get_close_matches

    near = get_close_matches(glob, keys, n=2, cutoff=0.5)
    return Diagnostic(
        "SP403",
        Severity.WARNING,
        f"the quiesce commands of {backend!r} for {glob!r} match no target",
        where=policy.location("config", "backends", backend, "quiesce_commands", glob),
        detail="Nothing is frozen by them, so what they were meant for is taken unquiesced or not at all.",
        hint=f"the nearest are {', '.join(near)}" if near else "it is a glob over scope/name, such as vm/db-*",
    )


def _triples(
    policy: Policy,
    found: Found,
    backends: Mapping[str, BackendState],
) -> dict[Triple, Resolved]:
    triples: dict[Triple, Resolved] = {}
    ordered = sorted(found.items(), key=lambda item: (item[1].target.backend, item[1].target.address, item[0][2]))
    for (backend, target_id, profile_name), (target, name, assignment, known_as) in ordered:
        profile = policy.profiles[profile_name]
        config, capabilities = policy.config.backends.get(backend), backends[backend].capabilities
        native = runs_natively(assignment, config, capabilities, target.scope)
        for period_name, period in profile.periods.items():
            triple = Triple(backend, target_id, profile_name, period_name)
            triples[triple] = Resolved(triple, target, name, profile, period, assignment.atomic, native)._replace(
                may_be_empty=assignment.may_be_empty, known_as=known_as
            )
    return triples


def _selects_nothing(policy: Policy, name: str, number: int, selector: Selector, index: TargetIndex) -> Diagnostic:
    known = index.names(selector)
    from difflib import get_close_matches

    near = sorted({close for glob in selector.names for close in get_close_matches(glob, known, n=2, cutoff=0.5)})
    return Diagnostic(
        "SP401",
        Severity.WARNING,
        f"assignment {name!r} selects no {selector.scope} target",
        where=policy.location("assignments", name, "targets", str(number)),
        detail="Nothing is protected by it now.",
        hint=f"the nearest names are {', '.join(near)}" if near else f"{len(known)} targets have this scope",
    )


def _assigned_twice(policy: Policy, target: Target, profile: str, first: str, second: str) -> Diagnostic:
    return Diagnostic(
        "SP402",
        Severity.WARNING,
        f"{target.address} gets profile {profile!r} from two assignments, {first!r} and {second!r}",
        where=policy.location("assignments", second),
        detail="It counts once; its snapshots are not taken twice.",
        hint=f"exclude it from one of them, or remove {second!r}",
    )
