"""Quiesce a target through its freeze and thaw commands, and thaw it whatever happens.

A freeze is written down before it is begun, so that the next start can thaw what this one could not. A process of its own
runs the commands, and thaws when we are killed or take too long. Where a thaw fails it is run once more, so it must also
succeed where nothing is frozen.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Literal, NamedTuple

from snapplan import clock
from snapplan.drivers.directory import watchdog
from snapplan.drivers.directory.linux import fsync_directory, process_birth
from snapplan.drivers.directory.watchdog import CommandFailedError, run_command
from snapplan.models.request import Attention, Recovered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from snapplan.models.policy import QuiesceCommands

FORMAT = "snapplan.freeze/1"
CODE = "SP449"
"""The code of a target that may still be frozen."""
_START_WAIT = 30.0


class FreezeError(Exception):
    """A target could not be frozen; it has been thawed again. ``reason`` is a phrase, ``output`` what the command wrote."""

    step: Literal["freeze", "thaw"] = "freeze"

    def __init__(self, target: str, reason: str, output: str = "") -> None:
        super().__init__(target, reason, output)
        self.target, self.reason, self.output = target, reason, output

    def __str__(self) -> str:
        said = f": {self.output}" if self.output else ""
        return f"the {self.step} command of {self.target} {self.reason}{said}"


class ThawError(FreezeError):
    """A target could not be thawed and may still be frozen: its I/O hangs until somebody thaws it."""

    step = "thaw"

    def __str__(self) -> str:
        return f"{super().__str__()}; the target may still be frozen, thaw it by hand"


class FreezeWindow:
    """The time that a target is frozen. Read ``expired`` after the block, when it is final."""

    def __init__(self) -> None:
        self._deadline: float | None = None
        self._over: bool | None = None

    @property
    def expired(self) -> bool:
        """Whether the longest time frozen ran out, so that what was captured is not quiesced."""
        if self._over is not None:
            return self._over
        return self._deadline is not None and clock.monotonic() > self._deadline

    def begin(self, seconds: float) -> None:
        """Count from now."""
        self._deadline = clock.monotonic() + seconds

    def end(self, *, thawed_early: bool = False) -> None:
        """Fix the answer: as it is now, or expired when the watchdog thawed in between."""
        self._over = self.expired or thawed_early


@contextmanager
def frozen(commands: QuiesceCommands, *, target_address: str, record: Path | None = None) -> Iterator[FreezeWindow]:
    """Keep a target frozen for the length of the block, for at most ``commands.timeout`` after ``freeze`` returned.

    ``record`` is a new file (name it ``*.json``, one per freeze, in the folder for ``thaw_leftovers``) that is durable
    before ``freeze`` runs and gone when the target is thawed. The commands find ``SNAPPLAN_TARGET`` in their environment.

    Raises ``FreezeError`` before the block when ``freeze`` fails or takes too long; ``ThawError`` before or after it when
    the thaw failed twice (what was captured in the block is good); ``OSError`` when ``record`` cannot be written.
    """
    timeout = commands.timeout.total_seconds()
    window = FreezeWindow()
    if record is not None:
        _write_record(record, commands, target_address)
    try:
        guard = _Guard(commands, target_address, record)
    except BaseException:
        _remove_record(record)
        raise
    freeze: Mapping[str, object] | None = None
    try:
        freeze = guard.ask(watchdog.FREEZE, "freeze")
        if not freeze["ok"]:
            raise FreezeError(target_address, str(freeze["reason"]), str(freeze["output"]))
        window.begin(timeout)
        yield window
    finally:
        window.end()
        thaw = guard.ask(watchdog.THAW, "thaw")
        guard.close()
        window.end(thawed_early=bool(thaw.get("early")))
        if not thaw["ok"]:
            thaw = watchdog.attempt(commands.thaw, timeout=timeout, environment=_environment(target_address))
        # Only a freeze command that was never started has certainly frozen nothing; one that failed may have frozen a part.
        if not thaw["ok"] and not (freeze or {}).get("refused"):
            failure = ThawError(target_address, str(thaw["reason"]), str(thaw["output"]))
            _note_failure(record, str(failure))
            raise failure
        # Without its watchdog, a freeze may still be at work: the next start thaws once more.
        if freeze is not None and not freeze.get("lost"):
            # Thawed is thawed: a record that cannot be removed has the next start thaw once more, and loses no snapshot.
            with suppress(OSError):
                _remove_record(record)


def _environment(target: str) -> dict[str, str]:
    return {**os.environ, "SNAPPLAN_TARGET": target}


class _Guard:
    """Our end of the watchdog process."""

    def __init__(self, commands: QuiesceCommands, target: str, record: Path | None) -> None:
        import json
        import subprocess

        self._timeout = commands.timeout.total_seconds()
        self._heard = b""
        order = {
            "freeze": commands.freeze,
            "thaw": commands.thaw,
            "timeout": self._timeout,
            "target": target,
            "record": None if record is None else os.fspath(record.absolute()),
        }
        # Its own session: an interrupt from the terminal is for us, and must not reach it.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-X", "utf8", watchdog.__file__, json.dumps(order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        if self._answer("ready", _START_WAIT) is None:
            self._process.kill()
            self.close()
            raise FreezeError(target, "was not run: the watchdog that would thaw did not start")

    def ask(self, word: bytes, step: str) -> Mapping[str, object]:
        """Have a step done; return its answer, or ``ok`` false when the watchdog is gone or hangs."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(word)
        # Twice: an interrupted freeze is ended first.
        answer = self._answer(step, 2 * (self._timeout + 2 * watchdog.KILL_WAIT))
        return answer or {"ok": False, "reason": "was cut short: the watchdog died", "output": "", "lost": True}

    def _answer(self, step: str, seconds: float) -> Mapping[str, object] | None:
        import json
        import select

        assert self._process.stdout is not None
        deadline = clock.monotonic() + seconds
        while True:
            line, newline, rest = self._heard.partition(b"\n")
            if newline:
                self._heard = rest
                answer: Mapping[str, object] = json.loads(line)
                if answer["step"] == step:
                    return answer
                continue
            left = deadline - clock.monotonic()
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, left))
            data = self._process.stdout.read(4096) if ready else b""
            if not data:
                return None
            self._heard += data

    def close(self) -> None:
        """Let the watchdog end, and wait for it, but not for ever."""
        import subprocess

        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(watchdog.KILL_WAIT)


def _write_record(path: Path, commands: QuiesceCommands, target: str) -> None:
    import json

    pid = os.getpid()
    document = {
        "format": FORMAT,
        "target": target,
        "thaw": commands.thaw,
        "timeout": commands.timeout.total_seconds(),
        "pid": pid,
        "process": process_birth(pid),
    }
    draft = path.with_name(path.name + ".new")
    try:
        with open(draft, "w", encoding="ascii", opener=_private) as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    fsync_directory(path.parent)


def _note_failure(path: Path | None, reason: str) -> None:
    """Say in the record that the thaw failed, so that it is shown at once, also while this process goes on."""
    import json

    if path is None:
        return
    # The record as it is says enough once this process has ended.
    with suppress(OSError, ValueError):
        document = json.loads(path.read_text(encoding="ascii"))
        draft = path.with_name(path.name + ".new")
        with open(draft, "w", encoding="ascii", opener=_private) as file:
            json.dump({**document, "failure": reason}, file)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _remove_record(path: Path | None) -> None:
    if path is not None:
        path.unlink(missing_ok=True)


def still_frozen(folder: Path) -> list[Attention]:
    """Return the targets that may still be frozen, by the records in ``folder``; nothing is run.

    They are those whose thaw failed, and those of a process that is gone. Raises ``OSError`` when it cannot be read.
    """
    found = []
    for path in _records(folder):
        try:
            record = _read_record(path)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError) as error:
            found.append(_distrust(path, error))
            continue
        if not record.at_work:
            found.append(
                attention(record.target, record.failure or "the run that froze it died before it could thaw it")
            )
    return found


def thaw_leftovers(folder: Path) -> list[Recovered]:
    """Thaw what may still be frozen, by the records in ``folder``; return what became of each.

    A record of a process that is at work is left alone. A record goes when its thaw succeeds; one that fails stays, for
    the next start, and what is returned for it has ``attention``. Raises ``OSError`` when ``folder`` cannot be read.
    """
    return [said for path in _records(folder) if (said := _thaw_leftover(path)) is not None]


def _records(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix == ".json") if folder.is_dir() else []


def _thaw_leftover(path: Path) -> Recovered | None:
    try:
        record = _read_record(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        return _loud(_distrust(path, error))
    if record.at_work:
        return None
    try:
        run_command(record.thaw, timeout=record.timeout, environment=_environment(record.target))
    except CommandFailedError as error:
        failure = str(ThawError(record.target, error.reason, error.output))
        _note_failure(path, failure)
        return _loud(attention(record.target, failure))
    _remove_record(path)
    return Recovered(
        f"thawed {record.target}, which {'could not be thawed before' if record.failure else 'a run that died had frozen'}"
    )


def _loud(found: Attention) -> Recovered:
    return Recovered(f"STILL FROZEN, perhaps: {found.text}", attention=found)


def attention(target: str, reason: str) -> Attention:
    """Return what is said of a target that may still be frozen, for ``reason``."""
    text = reason if "may still be frozen" in reason else f"{target} may still be frozen: {reason}"
    return Attention(target, CODE, text, hint="thaw it by hand if it hangs; the next apply runs its thaw command again")


def _distrust(path: Path, error: Exception) -> Attention:
    text = f"a target may still be frozen: its record {str(path)!r} cannot be trusted ({error})"
    return Attention(str(path), CODE, text, hint="thaw the target by hand, then remove that file")


class _Record(NamedTuple):
    target: str
    thaw: tuple[str, ...]
    timeout: float
    pid: int
    process: str | None
    failure: str

    @property
    def at_work(self) -> bool:
        """Whether the process that froze it still is about to thaw it."""
        return not self.failure and self.process is not None and process_birth(self.pid) == self.process


def _read_record(path: Path) -> _Record:
    """Return a record that only we can have written: it names a command that we are going to run."""
    import json

    with open(path, encoding="ascii", opener=_private) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o022:
            raise ValueError("others can write it")
        document = json.load(file)
    if document["format"] != FORMAT:
        raise ValueError(f"it is not a {FORMAT}")
    thaw = tuple(document["thaw"])
    if not thaw or not all(isinstance(word, str) for word in thaw):
        raise ValueError("it names no command")
    process = document["process"]
    return _Record(
        str(document["target"]),
        thaw,
        float(document["timeout"]),
        int(document["pid"]),
        process and str(process),
        str(document.get("failure", "")),
    )
