"""One line of the benchmark."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """``figure`` must not be above ``limit``."""

    what: str
    figure: float
    limit: float
    unit: str

    def __str__(self) -> str:
        verdict = "ok" if self.figure <= self.limit else "OVER"
        return f"{self.what:<62} {self.figure:8.2f} {self.unit:<6} limit {self.limit:<7g} {verdict}"
