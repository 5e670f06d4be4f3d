"""What the checks look at, and what they know about backends."""

from __future__ import annotations

import fnmatch
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from snapplan.config.config_file import BROKEN_BACKEND
from snapplan.config.explain import MOST_LISTED, closest
from snapplan.errors import SnapplanError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from snapplan.config.source import Findings
    from snapplan.config.structure import Entries
    from snapplan.drivers.base import DriverType
    from snapplan.models.policy import Backend, ConfigFile
    from snapplan.models.target import Capabilities

GLOB_CHARACTERS = frozenset("*?[")


class Known(NamedTuple):
    """A backend whose driver is known."""

    name: str
    backend: Backend
    driver: DriverType

    @property
    def capabilities(self) -> Capabilities:
        """What its driver can do."""
        return self.driver.capabilities


class Checked:
    """Everything that was read. ``config`` is ``None`` where it is unknown; then nothing is said about backends.

    ``complete`` says that every policy file could be read whole, so that what is not defined is not defined anywhere.
    ``alone`` says that one policy file is looked at without the others of its repository.
    """

    def __init__(
        self, config: ConfigFile | None, entries: Entries, findings: Findings, complete: bool, alone: bool
    ) -> None:
        self.config = config
        self.entries = entries
        self.findings = findings
        self.complete = complete
        self.alone = alone
        self._matching: dict[str, tuple[Known, ...]] = {}

    @cached_property
    def backend_names(self) -> frozenset[str]:
        """The names of all backends, of those with errors too."""
        return frozenset(self.config.backends) if self.config is not None else frozenset()

    @cached_property
    def known(self) -> dict[str, Known]:
        """The backends whose driver is known."""
        backends = self.config.backends.items() if self.config is not None else ()
        drivers = {backend.driver: _driver(backend.driver) for _, backend in backends}
        return {
            name: Known(name, backend, driver)
            for name, backend in backends
            if backend is not BROKEN_BACKEND and (driver := drivers[backend.driver]) is not None
        }

    def matching(self, glob: str) -> tuple[Known, ...]:
        """Return the backends that ``glob`` matches and whose driver is known."""
        found = self._matching.get(glob)
        if found is None and is_literal(glob):
            found = (self.known[glob],) if glob in self.known else ()
        elif found is None:
            found = tuple(each for name, each in self.known.items() if matches(glob, name))
        return self._matching.setdefault(glob, found)


def matches(glob: str, text: str) -> bool:
    """Whether ``text`` matches ``glob``, as the planner matches."""
    return glob == text or fnmatch.fnmatchcase(text, glob)


def is_literal(glob: str) -> bool:
    """Whether ``glob`` matches one name only."""
    return GLOB_CHARACTERS.isdisjoint(glob)


def meant(word: str, choices: Iterable[str]) -> str:
    """Return a hint with the nearest of ``choices``, or with all when they are few."""
    known = list(choices)
    if near := closest(word, known):
        return f'did you mean "{near}"?'
    return f"known are {', '.join(sorted(known))}" if 0 < len(known) <= MOST_LISTED else ""


def _driver(name: str) -> DriverType | None:
    from snapplan.drivers import registry

    try:
        return registry.find(name) if name else None
    except SnapplanError:
        return None
