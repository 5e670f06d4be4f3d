from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from snapplan.drivers.directory.freeze import FreezeError, ThawError, frozen, still_frozen, thaw_leftovers
from snapplan.drivers.directory.linux import process_birth
from snapplan.models.policy import QuiesceCommands

if TYPE_CHECKING:
    from collections.abc import Callable

TARGET = "lab/volume/home"


def sh(script: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", script)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def records(tmp_path: Path) -> Path:
    folder = tmp_path / "freezes"
    folder.mkdir()
    return folder


def commands(log: Path, *, freeze: str = "", thaw: str = "", timeout: float = 20) -> QuiesceCommands:
    return QuiesceCommands(
        freeze=sh(f"echo freeze $SNAPPLAN_TARGET >> {log}; {freeze}"),
        thaw=sh(f"echo thaw $SNAPPLAN_TARGET >> {log}; {thaw}"),
        timeout=timedelta(seconds=timeout),
    )


def said(log: Path) -> list[str]:
    return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not come about"
        time.sleep(0.01)


def test_freeze_before_and_thaw_after(log: Path, records: Path) -> None:
    with frozen(commands(log), target_address=TARGET, record=records / "a.json") as window:
        assert log.read_text() == f"freeze {TARGET}\n"
        record = json.loads((records / "a.json").read_text())
        assert (record["target"], record["pid"], record["thaw"][0]) == (TARGET, os.getpid(), "/bin/sh")
        assert not window.expired
    assert log.read_text() == f"freeze {TARGET}\nthaw {TARGET}\n"
    assert not window.expired
    assert os.listdir(records) == []


def test_the_record_is_there_before_the_freeze(log: Path, records: Path) -> None:
    asked = commands(log, freeze=f"cp {records}/a.json {records}/seen")
    with frozen(asked, target_address=TARGET, record=records / "a.json"):
        assert json.loads((records / "seen").read_text())["target"] == TARGET


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_thaw_whatever_happens(log: Path, records: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), frozen(commands(log), target_address=TARGET, record=records / "a.json"):
        raise error
    assert said(log) == ["freeze", "thaw"]
    assert os.listdir(records) == []


def test_without_a_record(log: Path) -> None:
    with frozen(commands(log), target_address=TARGET):
        pass
    assert said(log) == ["freeze", "thaw"]


def test_a_freeze_that_fails_says_why_and_is_thawed(log: Path, records: Path) -> None:
    asked = commands(log, freeze="seq 100; echo no such guest >&2; exit 3")
    with (
        pytest.raises(FreezeError, match="ended with exit code 3") as caught,
        frozen(asked, target_address=TARGET, record=records / "a.json"),
    ):
        pytest.fail("the block must not run")
    assert caught.value.output.splitlines() == ["97", "98", "99", "100", "no such guest"]
    assert TARGET in str(caught.value)
    assert said(log) == ["freeze", "thaw"]
    assert os.listdir(records) == []


def test_a_freeze_that_failed_half_way_and_cannot_be_thawed_may_still_be_frozen(log: Path, records: Path) -> None:
    asked = commands(log, freeze="exit 1", thaw="exit 1")
    with pytest.raises(ThawError), frozen(asked, target_address=TARGET, record=records / "a.json"):
        pass
    [found] = still_frozen(records)
    assert (found.subject, found.code) == (TARGET, "SP449")


def test_a_freeze_that_never_started_froze_nothing_whatever_its_thaw_says(records: Path) -> None:
    asked = QuiesceCommands(freeze=("/no/such/program",), thaw=sh("exit 1"), timeout=timedelta(seconds=20))
    with pytest.raises(FreezeError) as caught, frozen(asked, target_address=TARGET, record=records / "a.json"):
        pass
    assert not isinstance(caught.value, ThawError)
    assert os.listdir(records) == []


def test_a_program_that_is_not_there(log: Path, records: Path) -> None:
    asked = QuiesceCommands(freeze=("/no/such/program",), thaw=sh(f"echo thaw >> {log}"), timeout=timedelta(seconds=20))
    with (
        pytest.raises(FreezeError, match="cannot be run: No such file"),
        frozen(asked, target_address=TARGET, record=records / "a.json"),
    ):
        pass
    assert os.listdir(records) == []


def test_a_freeze_that_hangs_is_killed_with_all_it_started(log: Path, tmp_path: Path) -> None:
    asked = commands(log, freeze=f"sleep 1000 & echo $! > {tmp_path}/pid; echo waiting; wait", timeout=0.3)
    with pytest.raises(FreezeError, match=r"longer than 0\.3 s") as caught, frozen(asked, target_address=TARGET):
        pass
    assert caught.value.output == "waiting"
    assert said(log) == ["freeze", "thaw"]
    pid = int((tmp_path / "pid").read_text())
    until(lambda: process_birth(pid) is None or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2])


def test_a_daemon_that_the_freeze_leaves_running_does_not_hold_us(log: Path, tmp_path: Path) -> None:
    asked = commands(log, freeze=f"setsid sleep 1000 & echo $! > {tmp_path}/pid")
    start = time.monotonic()
    with frozen(asked, target_address=TARGET):
        pass
    assert time.monotonic() - start < 15
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_the_time_runs_out_in_the_block(log: Path, records: Path) -> None:
    with frozen(commands(log, timeout=0.3), target_address=TARGET, record=records / "a.json") as window:
        until(lambda: said(log) == ["freeze", "thaw"])
        until(lambda: window.expired)
    assert window.expired
    assert said(log) == ["freeze", "thaw"], "thawed once: many thaw commands fail on what is thawed"
    assert os.listdir(records) == []


def test_a_thaw_that_fails_is_tried_again_and_then_loud(log: Path, records: Path) -> None:
    asked = commands(log, thaw="echo busy; exit 9")
    with (
        pytest.raises(ThawError, match="exit code 9: busy; the target may still be frozen") as caught,
        frozen(asked, target_address=TARGET, record=records / "a.json"),
    ):
        pass
    assert caught.value.step == "thaw"
    assert said(log) == ["freeze", "thaw", "thaw"]
    assert os.listdir(records) == ["a.json"], "the next start tries again"
    [found] = still_frozen(records)
    assert found.subject == TARGET
    assert "exit code 9: busy" in found.text, "though the process that froze it lives"
    [left] = thaw_leftovers(records)
    assert left.attention is not None
    assert said(log) == ["freeze", "thaw", "thaw", "thaw"]


def test_a_thaw_that_fails_once_is_enough(log: Path, records: Path, tmp_path: Path) -> None:
    asked = commands(log, thaw=f"test -e {tmp_path}/second || {{ touch {tmp_path}/second; exit 1; }}")
    with frozen(asked, target_address=TARGET, record=records / "a.json"):
        pass
    assert said(log) == ["freeze", "thaw", "thaw"]
    assert os.listdir(records) == []


def test_a_failing_thaw_does_not_hide_what_failed_before(log: Path) -> None:
    with pytest.raises(ThawError) as caught, frozen(commands(log, thaw="exit 1"), target_address=TARGET):
        raise ValueError("disk full")
    assert isinstance(caught.value.__context__, ValueError)


def test_several_freezes_nest(log: Path, records: Path) -> None:
    asked = commands(log)
    with (
        frozen(asked, target_address="lab/volume/a", record=records / "a.json"),
        frozen(asked, target_address="lab/volume/b", record=records / "b.json"),
    ):
        assert thaw_leftovers(records) == [], "both are alive"
    assert log.read_text().split() == [
        *("freeze", "lab/volume/a", "freeze", "lab/volume/b", "thaw", "lab/volume/b", "thaw", "lab/volume/a")
    ]


HOLDER = """
import sys
from datetime import timedelta
from pathlib import Path
from snapplan.drivers.directory.freeze import frozen
from snapplan.models.policy import QuiesceCommands
freeze, thaw, record, timeout = sys.argv[1:]
asked = QuiesceCommands(
    freeze=("/bin/sh", "-c", freeze), thaw=("/bin/sh", "-c", thaw), timeout=timedelta(seconds=float(timeout)))
with frozen(asked, target_address="lab/volume/home", record=Path(record)):
    print("frozen", flush=True)
    sys.stdin.read()
"""


def hold(freeze: str, thaw: str, record: Path, timeout: float = 60) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, freeze, thaw, str(record), str(timeout)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def kill(holder: subprocess.Popen[bytes], number: signal.Signals = signal.SIGKILL) -> None:
    holder.send_signal(number)
    holder.wait()
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdin.close()
    holder.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP], ids=str)
def test_a_killed_owner_leaves_nothing_frozen(tmp_path: Path, records: Path, number: signal.Signals) -> None:
    state = tmp_path / "frozen"
    holder = hold(f"touch {state}", f"rm -f {state}", records / "a.json")
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"frozen\n"
    assert state.exists()
    kill(holder, number)
    until(lambda: not state.exists())
    until(lambda: os.listdir(records) == [])
    assert thaw_leftovers(records) == []


def test_an_owner_killed_during_the_freeze_is_thawed_after_it(tmp_path: Path, log: Path, records: Path) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)
    holder = hold(
        f"echo freezing >> {log}; read line < {go}; echo freeze >> {log}", f"echo thaw >> {log}", records / "a.json"
    )
    until(lambda: said(log) == ["freezing"])
    kill(holder)
    with go.open("w") as pipe:
        pipe.write("go\n")
    until(lambda: said(log) == ["freezing", "freeze", "thaw"])
    until(lambda: os.listdir(records) == [])


def test_an_interrupt_from_the_terminal_does_not_reach_the_watchdog(tmp_path: Path, records: Path) -> None:
    state = tmp_path / "frozen"
    holder = hold(f"touch {state}", f"rm -f {state}", records / "a.json")
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"frozen\n"
    (watchdog,) = children(holder.pid)
    os.kill(watchdog, signal.SIGTERM)
    os.kill(watchdog, signal.SIGINT)
    assert state.exists()
    kill(holder)
    until(lambda: not state.exists())


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_killed_watchdog_is_no_loss_while_we_live(tmp_path: Path, records: Path) -> None:
    state = tmp_path / "frozen"
    holder = hold(f"touch {state}", f"rm -f {state}", records / "a.json")
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"frozen\n"
    os.kill(children(holder.pid)[0], signal.SIGKILL)
    holder.communicate(b"")
    assert holder.returncode == 0
    assert not state.exists()
    assert os.listdir(records) == []


def test_when_all_are_killed_the_next_start_thaws(tmp_path: Path, records: Path) -> None:
    state = tmp_path / "frozen"
    holder = hold(f"touch {state}", f"test $SNAPPLAN_TARGET = {TARGET} && rm {state}", records / "a.json")
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"frozen\n"
    assert thaw_leftovers(records) == [], "its owner lives"
    assert still_frozen(records) == []
    os.kill(children(holder.pid)[0], signal.SIGKILL)
    kill(holder)
    assert state.exists()
    assert [found.subject for found in still_frozen(records)] == [TARGET]
    assert [done.text for done in thaw_leftovers(records)] == [f"thawed {TARGET}, which a run that died had frozen"]
    assert still_frozen(records) == []
    assert not state.exists()
    assert thaw_leftovers(records) == []


def write_record(path: Path, **changes: object) -> None:
    record = {
        "format": "snapplan.freeze/1",
        "target": TARGET,
        "thaw": sh("exit 5"),
        "timeout": 10,
        "pid": 1,
        "process": "another-boot:1",
    }
    path.write_text(json.dumps({**record, **changes}))


def test_a_leftover_that_cannot_be_thawed_stays_and_is_loud(records: Path) -> None:
    write_record(records / "a.json")
    write_record(records / "b.json", thaw=sh("true"))
    first, second = thaw_leftovers(records)
    assert first.text.startswith("STILL FROZEN")
    assert "exit code 5" in first.text
    assert first.attention is not None
    assert first.attention.subject == TARGET
    assert second.text.startswith("thawed")
    assert second.attention is None
    assert os.listdir(records) == ["a.json"]


@pytest.mark.parametrize(
    "changes", [{"format": "other/1"}, {"thaw": []}, {"thaw": [1]}, {"timeout": None}, {"target": None, "pid": "x"}]
)
def test_a_record_that_is_none_runs_nothing(records: Path, changes: dict[str, object]) -> None:
    write_record(records / "a.json", **changes)
    (left,) = thaw_leftovers(records)
    assert left.attention is not None
    assert "cannot be trusted" in left.text
    assert [left.attention] == still_frozen(records)


def test_a_record_that_others_can_write_runs_nothing(records: Path, log: Path) -> None:
    write_record(records / "a.json", thaw=sh(f"echo thaw > {log}"))
    (records / "a.json").chmod(0o666)
    (left,) = thaw_leftovers(records)
    assert "others can write it" in left.text
    (records / "a.json").rename(records / "elsewhere")
    (records / "elsewhere").chmod(0o600)
    (records / "a.json").symlink_to(records / "elsewhere")
    (left,) = thaw_leftovers(records)
    assert "cannot be trusted" in left.text
    assert not log.exists()


def test_no_folder_has_no_leftovers(tmp_path: Path) -> None:
    assert thaw_leftovers(tmp_path / "none") == []
