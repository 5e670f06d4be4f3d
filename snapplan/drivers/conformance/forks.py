"""Crash and pause harness without a new interpreter: a call in a forked child that dies or stops at a named point.

A fork of a process that has imported everything costs some ten milliseconds, a new interpreter half a second. The call is
any callable, a closure too; open connections inside it (a driver, a catalog), never before, as a fork shares them::

    def call() -> Outcome:
        driver = harness.open()
        return driver.restore(request)

    # Every point that the call passes, as "restore.copied:1", "restore.swap.before:1", "restore.swap.before:2" ...
    for point in points(call):
        # It dies there: os._exit(70), no clean-up.
        with Fork(call, die_at=point) as child:
            assert child.exit_code() == crash.EXIT_CODE

        # It stops there (SIGSTOP), others act, it goes on and ends.
        with Fork(call, pause_at=point) as child:
            child.wait_until_paused()
            ...                                 # another run takes the lease, undoes the restore, pins the snapshot
            child.resume()
            outcome = child.result()            # what the call returned; raises what it raised

The child has the signal handlers of a new process, whatever the test's own process inherited, writes what it prints to
``output()``, and never outlives the ``with`` block nor the process that made it. ``environment`` is added to the child's
variables, such as ``SNAPPLAN_NOW``. Points are those of ``snapplan.crash.point``.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from snapplan import crash
from snapplan.clock import monotonic

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

RETURNED = 0
RAISED = 1
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM, signal.SIGCHLD)
PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.002

_T = TypeVar("_T")


class Fork(Generic[_T]):
    """One call in a forked child. Use it as a context manager: what still lives at the end of the block is killed."""

    def __init__(
        self,
        call: Callable[[], _T],
        *,
        die_at: str = "",
        pause_at: str = "",
        log: str = "",
        environment: dict[str, str] | None = None,
    ) -> None:
        """Fork; ``die_at`` and ``pause_at`` are ``NAME`` or ``NAME:N``, ``log`` a file that gets the points passed."""
        chosen = {crash.AT_VARIABLE: die_at, crash.PAUSE_VARIABLE: pause_at, crash.LOG_VARIABLE: log}
        variables = {**(environment or {}), **{name: value for name, value in chosen.items() if value}}
        self._answer = tempfile.TemporaryFile()  # noqa: SIM115
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        self._code: int | None = None
        self._paused = False
        self._paused_at = pause_at
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        with warnings.catch_warnings():
            # Forking beside other threads is deprecated since Python 3.12; theirs are a server's, which no call touches.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if self.pid == 0:
            self._run(call, variables, parent)

    def _run(self, call: Callable[[], _T], variables: dict[str, str], parent: int) -> NoReturn:
        """Be the child."""
        code = RAISED
        try:
            become_a_new_process(variables, parent)
            for number in (1, 2):
                os.dup2(self._output.fileno(), number)
            sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="replace", closefd=False)
            sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="replace", closefd=False, buffering=1)
            try:
                answer: Any = call()
                code = RETURNED
            except SystemExit as exit_:
                answer, code = exit_, exit_.code if isinstance(exit_.code, int) else RAISED
            except BaseException as error:
                answer = error
                traceback.print_exc()
            self._write(answer)
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)

    def _write(self, answer: Any) -> None:
        try:
            data = pickle.dumps(answer)
            pickle.loads(data)
        except Exception as error:
            data = pickle.dumps(RuntimeError(f"{answer!r} cannot be handed to the parent: {error}"))
        self._answer.write(data)
        self._answer.flush()

    def wait_until_paused(self, timeout: float = 30.0) -> None:
        """Return when the child has stopped at its point; ``AssertionError`` when it ended before, with its output."""
        self._wait(timeout, until_paused=True)
        if not self._paused:
            raise AssertionError(f"{self._paused_at} was not reached, exit code {self._code}: {self.output()}")

    def resume(self) -> None:
        """Let a stopped child go on."""
        self._paused = False
        os.kill(self.pid, signal.SIGCONT)

    def exit_code(self, timeout: float = 30.0) -> int:
        """Return the exit code when the child has ended: 70 of a crash, 1 where the call raised, ``-9`` of a signal 9."""
        self._wait(timeout, until_paused=False)
        assert self._code is not None
        return self._code

    def result(self, timeout: float = 30.0) -> _T:
        """Return what the call returned, or raise what it raised; ``AssertionError`` where it died."""
        code = self.exit_code(timeout)
        self._answer.seek(0)
        data = self._answer.read()
        if not data:
            raise AssertionError(f"the call did not end, exit code {code}: {self.output()}")
        answer = pickle.loads(data)
        if code != RETURNED:
            raise answer
        return answer  # type: ignore[no-any-return]

    def output(self) -> str:
        """Return what the child has printed so far, standard output and errors."""
        self._output.flush()
        return os.pread(self._output.fileno(), 1 << 20, 0).decode(errors="replace")

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal; ``SIGKILL`` ends a stopped child too."""
        if self._code is None:
            os.kill(self.pid, number)

    def _wait(self, timeout: float, *, until_paused: bool) -> None:
        deadline = monotonic() + timeout
        while self._code is None and not (until_paused and self._paused):
            pid, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)
            if pid == 0:
                if monotonic() > deadline:
                    raise TimeoutError(f"process {self.pid} is still running after {timeout} s: {self.output()}")
                time.sleep(POLL_SECONDS)
            elif os.WIFSTOPPED(status):
                self._paused = True
            else:
                self._code = os.waitstatus_to_exitcode(status)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._code is None:
            self.kill()
            self._wait(30.0, until_paused=False)
        self._answer.close()
        self._output.close()


def become_a_new_process(variables: dict[str, str], parent: int) -> None:
    """Put right in a forked child what a new process would not have of its parent; let it die with its parent."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(RAISED)
    os.environ.update(variables)
    crash.count_anew()


def points(call: Callable[[], object], environment: dict[str, str] | None = None) -> list[str]:
    """Make the call in a fork, to its end; return the points that it passed in order: ``NAME:1``, ``NAME:2`` ...

    ``AssertionError`` where the call raised or ended otherwise.
    """
    with (
        tempfile.NamedTemporaryFile("r", encoding="utf-8") as log,
        Fork(call, log=log.name, environment=environment) as child,
    ):
        code = child.exit_code(60.0)
        if code != RETURNED:
            raise AssertionError(f"the call failed without a crash, exit code {code}: {child.output()}")
        return numbered(log.read().split())


def numbered(names: list[str]) -> list[str]:
    """Return each name with the number of its occurrence: ``a b a`` is ``a:1 b:1 a:2``."""
    passed: Counter[str] = Counter()
    found = []
    for name in names:
        passed[name] += 1
        found.append(f"{name}:{passed[name]}")
    return found
