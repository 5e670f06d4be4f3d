"""Which profile applies to which target, and why."""

from __future__ import annotations

import fnmatch
import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from snapplan.diagnostics import Diagnostic, Severity
from snapplan.models.order import Focus
from snapplan.models.world import Triple
from snapplan.planner.native import runs_natively

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from snapplan.models.policy import Assignment, Period, Policy, Profile, Selector
    from snapplan.models.target import Scope, Target
    from snapplan.models.world import BackendState

GLOB_CHARACTERS = frozenset("*?[")


class Resolved(NamedTuple):
    """A period of a profile on a target, and the assignment that put it there.

    ``native`` says that the platform's own scheduler takes its snapshots.
    """

    triple: Triple
    target: Target
    assignment: str
    profile: Profile
    period: Period
    atomic: bool = False
    native: bool = False
    may_be_empty: bool = False

    @property
    def timezone(self) -> str:
        """The IANA zone of the period's wall times."""
        return self.profile.timezone or "UTC"

    @property
    def minimum(self) -> int:
        """So many of the newest are held past their expiration."""
        return 1 if self.period.min_snapshots is None else self.period.min_snapshots


class Resolution(NamedTuple):
    """All triples, ordered by target address, profile and the profile's order of periods."""

    triples: Mapping[Triple, Resolved]
    diagnostics: Sequence[Diagnostic] = ()


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


class TargetIndex:
    """The targets of all backends that could be read, found by scope and name without a scan."""

    def __init__(self, backends: Mapping[str, BackendState]) -> None:
        self._backends = sorted(backends)
        self._by_scope: dict[tuple[str, Scope], dict[str, Target]] = {}
        for name, state in backends.items():
            for target in state.targets:
                self._by_scope.setdefault((name, target.scope), {})[target.name] = target

    def select(self, selector: Selector) -> Iterator[Target]:
        """Yield the targets that a selector selects, each once, ordered by backend and name."""
        for backend in self._backends:
            if matches(selector.backend, backend):
                by_name = self._by_scope.get((backend, selector.scope), {})
                yield from sorted(self._select_names(selector, by_name), key=lambda target: target.name)

    def _select_names(self, selector: Selector, by_name: Mapping[str, Target]) -> Iterator[Target]:
        names: Iterable[str] = by_name
        if all(GLOB_CHARACTERS.isdisjoint(glob) for glob in selector.names):
            names = {name for name in selector.names if name in by_name}
        for name in names:
            target = by_name[name]
            if _selected(selector, target):
                yield target

    def names(self, selector: Selector) -> list[str]:
        """Return the names that a selector could have selected, for suggestions."""
        return [
            name
            for backend in self._backends
            if matches(selector.backend, backend)
            for name in self._by_scope.get((backend, selector.scope), {})
        ]


def _selected(selector: Selector, target: Target) -> bool:
    name = target.name
    if not any(matches(glob, name) for glob in selector.names):
        return False
    if any(matches(glob, name) for glob in selector.exclude):
        return False
    if not target.tags.issuperset(selector.tags):
        return False
    return not selector.any_tags or not target.tags.isdisjoint(selector.any_tags)


def resolve(policy: Policy, backends: Mapping[str, BackendState]) -> Resolution:
    """Return every (target, profile, period) that the assignments make, and what is odd about them.

    Backends that could not be read have no targets here; the caller leaves their triples alone.
    """
    index = TargetIndex({name: state for name, state in backends.items() if state.error is None})
    unread = [name for name, state in backends.items() if state.error is not None]
    found: dict[tuple[str, str, str], tuple[Target, str, Assignment]] = {}
    diagnostics: list[Diagnostic] = []
    for name in sorted(policy.assignments):
        assignment = policy.assignments[name]
        if assignment.profile not in policy.profiles:
            continue
        for number, selector in enumerate(assignment.targets):
            targets = list(index.select(selector))
            if not targets and not any(matches(selector.backend, backend) for backend in unread):
                diagnostics.append(_selects_nothing(policy, name, number, selector, index))
            for target in targets:
                key = (target.backend, target.id, assignment.profile)
                earlier = found.setdefault(key, (target, name, assignment))
                if earlier[1] != name:
                    diagnostics.append(_assigned_twice(policy, target, assignment.profile, earlier[1], name))
    diagnostics += _idle_commands(policy, backends)
    return Resolution(_triples(policy, found, backends), diagnostics)


def _idle_commands(policy: Policy, backends: Mapping[str, BackendState]) -> Iterator[Diagnostic]:
    """Yield a warning for each glob of ``quiesce_commands`` that matches no target of its backend."""
    for name in sorted(backends):
        state, config = backends[name], policy.config.backends.get(name)
        if state.error is not None or config is None or not config.quiesce_commands:
            continue
        keys = [f"{target.scope}/{target.name}" if target.name else str(target.scope) for target in state.targets]
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
    found: Mapping[tuple[str, str, str], tuple[Target, str, Assignment]],
    backends: Mapping[str, BackendState],
) -> dict[Triple, Resolved]:
    triples: dict[Triple, Resolved] = {}
    ordered = sorted(found.items(), key=lambda item: (item[1][0].backend, item[1][0].address, item[0][2]))
    for (backend, target_id, profile_name), (target, name, assignment) in ordered:
        profile = policy.profiles[profile_name]
        config, capabilities = policy.config.backends.get(backend), backends[backend].capabilities
        native = runs_natively(assignment, config, capabilities, target.scope)
        for period_name, period in profile.periods.items():
            triple = Triple(backend, target_id, profile_name, period_name)
            triples[triple] = Resolved(triple, target, name, profile, period, assignment.atomic, native)._replace(
                may_be_empty=assignment.may_be_empty
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
