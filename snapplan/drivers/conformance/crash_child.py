"""The process that crashes: reads jobs from stdin, and for each forks a child that opens the driver and makes the call.

Run as a module by ``crashing``. It has one thread and imports the driver once, so a job costs a fork and not a start.
A job is a pickle of ``Job``, answered with one line: the exit code of the child. It trusts its parent.
"""

from __future__ import annotations

import os
import pickle
import sys
import traceback
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.models.request import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from snapplan.drivers.base import Driver, Settings

FAILED = 1


class Job(NamedTuple):
    """``verb`` is a method of the driver, ``argument`` what it gets; ``environment`` is added to the process's own."""

    open: Callable[[Settings], Driver]
    settings: Settings
    verb: str
    argument: Any
    environment: Mapping[str, str]


def run(job: Job) -> int:
    """Make the call in this process; return 0 when all of it succeeded."""
    os.environ.update(job.environment)
    try:
        driver = job.open(job.settings)
        answer = getattr(driver, job.verb)(job.argument)
        outcomes = [answer] if isinstance(answer, Outcome) else list(answer)
        found = [getattr(each, "error", None) for each in outcomes]
        errors = [error for error in found if isinstance(error, Exception)]
        driver.close()
        if errors:
            raise errors[0]
    except BaseException:
        traceback.print_exc()
        return FAILED
    return 0


def main() -> None:
    """Serve jobs until stdin ends."""
    opened: set[object] = set()
    while True:
        try:
            job = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        if job.open not in opened:
            # Here, so that what a driver imports when it is opened is imported once and not in each child.
            job.open(job.settings._replace(read_only=True)).close()
            opened.add(job.open)
        child = os.fork()
        if child == 0:
            code = run(job)
            sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
