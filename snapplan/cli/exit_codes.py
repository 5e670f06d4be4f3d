"""The exit codes of all commands: one table, and one function that chooses."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

from snapplan.errors import SnapplanError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class ExitCode(IntEnum):
    """What a process ends with; the meanings are in ``MEANINGS``."""

    DONE = 0
    FAILED = 1
    PENDING = 2
    BLOCKED = 3
    INVALID = 4
    STALE = 5
    LOCKED = 6
    PARTIAL = 7
    DRIFT = 8
    COMMAND_LINE = 64
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.DONE: "done, or nothing to do",
    ExitCode.FAILED: "unexpected failure, or a backend's error",
    ExitCode.PENDING: "changes are pending (only with `--detailed-exitcode`)",
    ExitCode.BLOCKED: "blocked by a guard or a missing approval",
    ExitCode.INVALID: "the policy files are invalid",
    ExitCode.STALE: "the plan is stale, used, or not the approved one",
    ExitCode.LOCKED: "somebody else holds the lock of a backend or of its store",
    ExitCode.PARTIAL: "applied in part, or something was left that needs attention; the next apply continues",
    ExitCode.DRIFT: "drift, a missed objective or what else needs attention (`check`, and `status --detailed-exitcode`);"
    " a snapshot that is not as recorded (`verify`)",
    ExitCode.COMMAND_LINE: "wrong command line",
    ExitCode.INTERRUPTED: "interrupted; what was done is recorded",
}

PRECEDENCE = (
    ExitCode.INTERRUPTED,
    ExitCode.COMMAND_LINE,
    ExitCode.INVALID,
    ExitCode.LOCKED,
    ExitCode.STALE,
    ExitCode.PARTIAL,
    ExitCode.BLOCKED,
    ExitCode.FAILED,
    ExitCode.DRIFT,
    ExitCode.PENDING,
    ExitCode.DONE,
)


def exit_code(*causes: BaseException | ExitCode | None) -> int:
    """Return the exit code for all that happened: errors, codes that hold, or nothing (0).

    click's own errors, among them its 2 for a wrong option, become 64, so that 2 always means "changes are pending".
    """
    codes = {_code_of(cause) for cause in causes}
    return int(next((code for code in PRECEDENCE if code in codes), ExitCode.DONE))


def is_stopped(document: Mapping[str, Any]) -> bool:
    """Whether a guard stops something of a plan; clocks that only disagree do when that has lasted for a day."""
    return any(
        guard["state"] not in ("ok", "allowed") and guard["value"].get("overdue", True) for guard in document["guards"]
    )


def unread(document: Mapping[str, Any]) -> Iterator[ExitCode]:
    """Yield the code of each backend that could not be read; ``document`` is a plan or a status.

    One that was left alone on purpose has none.
    """
    for backend in document["backends"]:
        if backend["error"] is not None and backend["exit_code"] != ExitCode.DONE:
            yield known(backend["exit_code"]) or ExitCode.FAILED


def known(code: int) -> ExitCode:
    """Return the exit code of an error that stands in a document; one that the table lacks is a failure."""
    return ExitCode(code) if code in MEANINGS else ExitCode.FAILED


def _code_of(cause: BaseException | ExitCode | None) -> ExitCode:
    from click import Abort, ClickException

    match cause:
        case None:
            return ExitCode.DONE
        case ExitCode():
            return cause
        case KeyboardInterrupt() | Abort():
            return ExitCode.INTERRUPTED
        case ClickException():
            return ExitCode.COMMAND_LINE
        case SnapplanError():
            return known(cause.exit_code)
        case _:
            return ExitCode.FAILED
