"""Who tells of an apply while it goes on: bars on a terminal, finished lines anywhere else; always on stderr."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from snapplan.applier.observer import PlainObserver, ProgressObserver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snapplan.applier.observer import Observer


@contextmanager
def progress() -> Iterator[Observer]:
    """Yield an observer for an apply."""
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        with ProgressObserver(sys.stderr) as bars:
            yield bars
    else:
        yield PlainObserver(sys.stderr)
