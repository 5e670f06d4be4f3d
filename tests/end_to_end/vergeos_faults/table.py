"""The matrix as a table: rows are writes, columns are faults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .strikes import FAULTS
from .writes import writes

LEGEND = """\
A cell is the exit code of the apply in which the fault struck, and behind each + how many writes the next apply made.
late: the answer came after the timeout. before, after: the write was not done, or was done, and not confirmed.
truncated, cut: half of an answer. read fails: the first read after the write. silence: done, then no answer to anything.
"""
Cells = dict[tuple[str, str], str]
"""What came of it, by write and fault."""


def lines(cells: Cells) -> Iterator[str]:
    """Yield the lines of the table; what was not tried is a dot."""
    shown = {at: verb for at, verb in writes().items() if any((at, fault) in cells for fault in FAULTS)}
    first = max((len(f"{verb} {at}") for at, verb in shown.items()), default=0) + 1
    widths = {fault: max(len(fault), *_lengths(cells, fault)) for fault in FAULTS}
    yield " ".join([" " * first, *(fault.ljust(width) for fault, width in widths.items())]).rstrip()
    for at, verb in shown.items():
        row = [cells.get((at, fault), ".").ljust(width) for fault, width in widths.items()]
        yield " ".join([f"{verb:8} {at}".ljust(first), *row]).rstrip()
    yield ""
    yield from LEGEND.splitlines()


def _lengths(cells: Cells, fault: str) -> Iterable[int]:
    return [len(text) for (_, column), text in cells.items() if column == fault] or [0]
