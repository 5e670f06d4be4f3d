"""The crash and pause harness: a call dies or stops exactly where it is told to, and nothing of it is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from snapplan import crash
from snapplan.drivers.conformance.forks import Fork, points


def walk(file: Path) -> str:
    """Write down each step after its point."""
    for name in ("a", "b", "a", "b"):
        crash.point(name)
        with file.open("a") as out:
            out.write(name)
    return "walked"


def test_the_points_of_a_call_are_numbered(tmp_path: Path) -> None:
    assert points(lambda: walk(tmp_path / "f")) == ["a:1", "b:1", "a:2", "b:2"]


@pytest.mark.parametrize(("at", "done"), [("a", ""), ("b", "a"), ("a:2", "ab"), ("b:2", "aba")])
def test_a_call_dies_at_its_point(tmp_path: Path, at: str, done: str) -> None:
    file = tmp_path / "f"
    file.touch()
    with Fork(lambda: walk(file), die_at=at) as child:
        assert child.exit_code() == crash.EXIT_CODE
        with pytest.raises(AssertionError, match="did not end, exit code 70"):
            child.result()
    assert file.read_text() == done


@pytest.mark.parametrize(("at", "done"), [("a", ""), ("b", "a"), ("a:2", "ab"), ("b:2", "aba")])
def test_a_call_stops_at_its_point_and_goes_on(tmp_path: Path, at: str, done: str) -> None:
    file = tmp_path / "f"
    file.touch()
    with Fork(lambda: walk(file), pause_at=at) as child:
        child.wait_until_paused()
        assert file.read_text() == done
        child.resume()
        assert child.result() == "walked"
    assert file.read_text() == "abab"


def test_a_thread_of_the_call_stops_at_the_point_too(tmp_path: Path) -> None:
    file = tmp_path / "f"

    def call() -> None:
        thread = threading.Thread(target=walk, args=(file,))
        thread.start()
        thread.join()

    with Fork(call, pause_at="b") as child:
        child.wait_until_paused()
        assert file.read_text() == "a"
        child.resume()
        assert child.exit_code() == 0


def test_a_point_that_is_not_reached_fails_with_what_the_call_printed(tmp_path: Path) -> None:
    with (
        Fork(lambda: print("I was here"), pause_at="c") as child,
        pytest.raises(AssertionError, match=r"c was not reached, exit code 0: I was here"),
    ):
        child.wait_until_paused()


def test_what_a_call_raises_is_raised_and_its_trace_is_in_the_output() -> None:
    def call() -> None:
        raise KeyError("lost")

    with Fork(call) as child:
        with pytest.raises(KeyError, match="lost"):
            child.result()
        assert "in call" in child.output()
        assert child.exit_code() == 1


def test_a_stopped_call_is_killed_at_the_end_of_the_block(tmp_path: Path) -> None:
    with Fork(lambda: walk(tmp_path / "f"), pause_at="a") as child:
        child.wait_until_paused()
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


def test_a_call_that_does_not_end_is_told_and_ended() -> None:
    with Fork(signal.pause) as child, pytest.raises(TimeoutError, match="still running"):
        child.exit_code(0.05)


IGNORING = """\
import os, signal, time
from snapplan.drivers.conformance.forks import Fork
for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
    signal.signal(each, signal.SIG_IGN)

def call():
    print("ready", flush=True)
    signal.pause()

for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT):
    with Fork(call) as child:
        while "ready" not in child.output():
            time.sleep(0.002)
        child.kill(number)
        print(child.exit_code(5), "KeyboardInterrupt" in child.output())
"""


def test_a_child_has_default_handlers_where_its_parent_ignores_signals() -> None:
    done = subprocess.run([sys.executable, "-c", IGNORING], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.splitlines() == ["-15 False", "-1 False", "-3 False", "1 True"]


DIES_ITSELF = """\
import os, signal
from snapplan.drivers.conformance.forks import Fork
from snapplan import crash
child = Fork(lambda: crash.point("a"), pause_at="a")
child.wait_until_paused()
print(child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_stopped_child_does_not_outlive_the_process_that_made_it() -> None:
    done = subprocess.run([sys.executable, "-c", DIES_ITSELF], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == -signal.SIGKILL
    status = Path(f"/proc/{done.stdout.strip()}/status")
    until = time.monotonic() + 10
    while status.exists() and "State:\tZ" not in status.read_text():
        assert time.monotonic() < until, status.read_text()
        time.sleep(0.01)
