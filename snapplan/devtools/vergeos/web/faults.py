"""Faults on demand: which requests go wrong, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal, get_args

from snapplan.devtools.vergeos.refusal import SimulatorError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Kind = Literal["latency", "status_before", "status_after", "drop_before", "drop_after", "truncate", "cut", "expired"]
KINDS = get_args(Kind)


@dataclass
class Fault:
    """One fault.

    ``latency`` waits ``seconds`` and then answers as always. ``status_before`` answers ``status`` instead of doing
    anything, ``status_after`` does it and answers ``status`` all the same. ``drop_before`` and ``drop_after`` close the
    connection without an answer. ``truncate`` sends half of the JSON as if it were all, ``cut`` half of it and then
    closes the connection. ``expired`` refuses the credentials (401).

    It strikes the ``nth`` request (from 1) of ``method`` ("*" for any) whose path below ``/api/v4/`` matches the
    pattern ``path``, and ``times`` in a row, 0 for ever.
    """

    kind: Kind
    method: str = "*"
    path: str = "*"
    nth: int = 1
    times: int = 1
    status: int = 500
    seconds: float = 0
    text: str = "simulated fault"
    seen: int = field(default=0, init=False)

    def strikes(self, method: str, path: str) -> bool:
        """Count a request that matches, and say whether the fault strikes it."""
        if self.method not in ("*", method) or not fnmatchcase(path, self.path):
            return False
        self.seen += 1
        return self.seen >= self.nth and (self.times == 0 or self.seen < self.nth + self.times)


def of(document: Mapping[str, Any]) -> Fault:
    """Return the fault that a JSON object describes; raises SimulatorError."""
    if document.get("kind") not in KINDS:
        raise SimulatorError(f"kind is one of {', '.join(KINDS)}, not {document.get('kind')!r}")
    try:
        return Fault(**document)
    except TypeError as error:
        raise SimulatorError(str(error)) from error


@dataclass
class Faults:
    """The faults that wait for their request."""

    waiting: list[Fault] = field(default_factory=list)

    def striking(self, method: str, path: str) -> Iterator[Fault]:
        """Yield the faults that strike a request."""
        for fault in self.waiting:
            if fault.strikes(method, path):
                yield fault
