"""Named points at which a test may stop the process, as a crash or a suspended machine would.

``SNAPPLAN_CRASH_AT=name`` ends the process with code 70 the first time it reaches the point ``name``, ``name:3`` the third
time: no clean-up runs, as when the machine loses power. ``SNAPPLAN_PAUSE_AT`` in the same form stops the process there
(``SIGSTOP``, all threads) until somebody sends ``SIGCONT``. ``SNAPPLAN_CRASH_LOG=file`` appends the name of each point that
is reached, so that a test finds out which points there are. Without any of them a point is three look-ups.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter

AT_VARIABLE = "SNAPPLAN_CRASH_AT"
PAUSE_VARIABLE = "SNAPPLAN_PAUSE_AT"
LOG_VARIABLE = "SNAPPLAN_CRASH_LOG"
EXIT_CODE = 70

_reached: Counter[str] = Counter()
_lock = threading.Lock()


def point(name: str) -> None:
    """Mark a moment between two durable steps; end or stop the process when the environment names it."""
    at = os.environ.get(AT_VARIABLE)
    pause = os.environ.get(PAUSE_VARIABLE)
    log = os.environ.get(LOG_VARIABLE)
    if at is None and pause is None and log is None:
        return
    with _lock:
        _reached[name] += 1
        times = _reached[name]
        if log:
            _append(log, name)
        if at is not None and _is_meant(at, name, times):
            os._exit(EXIT_CODE)
    if pause is not None and _is_meant(pause, name, times):
        # Sent to this thread, which therefore stops here and not a few steps later.
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def count_anew() -> None:
    """Count the points from one again, as a forked child must."""
    global _lock
    _lock = threading.Lock()
    _reached.clear()


def _append(log: str, name: str) -> None:
    with open(log, "a", encoding="utf-8") as file:
        file.write(name + "\n")


def _is_meant(at: str, name: str, times: int) -> bool:
    wanted, _, number = at.partition(":")
    return wanted == name and times == int(number or 1)
