"""Findings about files and plans, as data. They are collected in lists and printed at the edge, never raised one by one.

Code ranges: SP1xx the files themselves (YAML, keys, types), SP2xx what the policy means, SP3xx guards, SP4xx what a plan
meets (backends, restores, manual snapshots). ``snapplan.codes`` explains each.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """How bad a finding is. An error stops the command; a warning and a note do not."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Location(NamedTuple):
    """A place in a file; ``line`` and ``column`` count from 1. ``file`` is relative to the policy repository."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Diagnostic(NamedTuple):
    """One finding.

    ``summary`` is what is wrong, in one line; ``detail`` what it means for the snapshots; ``hint`` what to do.
    ``snippet`` holds the numbered lines around ``where``; ``width`` is how many characters at ``where`` are meant.
    """

    code: str
    severity: Severity
    summary: str
    where: Location | None = None
    detail: str = ""
    hint: str = ""
    snippet: tuple[tuple[int, str], ...] = ()
    width: int = 1


def errors(diagnostics: list[Diagnostic] | tuple[Diagnostic, ...]) -> list[Diagnostic]:
    """Return those that stop a command."""
    return [finding for finding in diagnostics if finding.severity is Severity.ERROR]
