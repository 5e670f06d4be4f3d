"""The process that freezes a target and thaws it again, also when the one that asked for it is gone.

It is started as a program of its own, on this file alone, and so imports only the standard library. It is asked by single
bytes on its standard input and answers with JSON lines: ``{"step": "ready"}``; after ``F`` it freezes, and answers with
``step`` ``freeze``; after ``T`` it thaws, and answers with ``step`` ``thaw``. It thaws without being asked when the pipe
closes (its owner was killed) or the time is up (``early`` in the answer). Only it runs the freeze command, so a thaw
never overtakes a freeze that is still at work.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FREEZE = b"F"
THAW = b"T"

# Seconds that a killed command gets to go away. One that hangs in the kernel does not, and is left behind.
KILL_WAIT = 5.0
_TAIL = 4096


class CommandFailedError(Exception):
    """A command did not do it. ``reason`` is a phrase, ``output`` the last lines that it wrote.

    ``refused`` says that it was never started, so that nothing came of it.
    """

    def __init__(self, reason: str, output: str = "", *, refused: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.output, self.refused = reason, output, refused


def run_command(command: Sequence[str], *, timeout: float, environment: Mapping[str, str]) -> None:
    """Run a command without a shell, for at most ``timeout`` seconds, then kill it and all that it started.

    Raises ``CommandFailedError`` when it cannot be started, ends with anything but 0, or takes too long.
    """
    output = _nameless_file()
    try:
        # Not a pipe: what the command leaves running would hold it open.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        os.close(output)
        raise CommandFailedError(f"cannot be run: {error.strerror}", refused=True) from error
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired:
        _kill(process)
        raise CommandFailedError(f"took longer than {timeout:g} s and was killed", _tail(output)) from None
    except BaseException:
        _kill(process)
        raise
    else:
        if code != 0:
            ending = f"ended with exit code {code}" if code > 0 else f"was killed by signal {-code}"
            raise CommandFailedError(ending, _tail(output))
    finally:
        os.close(output)


def _nameless_file() -> int:
    # Memory where there is a choice: a full or frozen disk must not keep a thaw from running.
    if hasattr(os, "memfd_create"):
        return os.memfd_create("output")
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _tail(fd: int) -> str:
    start = max(0, os.fstat(fd).st_size - _TAIL)
    lines = os.pread(fd, _TAIL, start).decode(errors="replace").strip().splitlines()
    return "\n".join(lines[-5:])


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(KILL_WAIT)


def attempt(command: Sequence[str], *, timeout: float, environment: Mapping[str, str]) -> dict[str, object]:
    """Run a command; return ``{"ok": true}``, or ``ok`` false with the fields of ``CommandFailedError``."""
    try:
        run_command(command, timeout=timeout, environment=environment)
    except CommandFailedError as error:
        return {"ok": False, "reason": error.reason, "output": error.output, "refused": error.refused}
    return {"ok": True}


def _hear(seconds: float) -> bytes | None:
    """Return what the owner asks next: empty when it is gone, ``None`` when it says nothing in time."""
    ready, _, _ = select.select([0], [], [], seconds)
    return os.read(0, 1) if ready else None


def _say(step: str, **answer: object) -> None:
    with suppress(BrokenPipeError):
        os.write(1, json.dumps({"step": step, **answer}).encode() + b"\n")


def main(order_text: str) -> None:
    """Serve one freeze; ``order_text`` is JSON: ``freeze``, ``thaw``, ``timeout`` (seconds), ``target``, ``record``."""
    order = json.loads(order_text)
    timeout = order["timeout"]
    environment = {**os.environ, "SNAPPLAN_TARGET": order["target"]}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stay)
    _say("ready")
    if _hear(timeout) != FREEZE:
        return
    _say("freeze", **attempt(order["freeze"], timeout=timeout, environment=environment))
    asked = _hear(timeout)
    thawed = attempt(order["thaw"], timeout=timeout, environment=environment)
    if thawed["ok"] and order["record"] is not None:
        with suppress(OSError):
            os.unlink(order["record"])  # noqa: PTH108 - pathlib would be one more import while a target is frozen
    _say("thaw", early=asked is None, **thawed)


def _stay(number: int, frame: object) -> None:
    """Do nothing: whoever wants us gone closes the pipe. A handler, as ignored signals would be ignored by the commands."""


if __name__ == "__main__":
    main(sys.argv[1])
