from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from snapplan import crash

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """\
from snapplan import crash
for name in ('a', 'b', 'a', 'b'):
    crash.point(name)
    print(name, flush=True)
"""


def _run(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("at", "code", "printed"),
    [
        ("b", 70, "a"),
        ("b:1", 70, "a"),
        ("b:2", 70, "a b a"),
        ("b:3", 0, "a b a b"),
        ("c", 0, "a b a b"),
    ],
)
def test_a_process_ends_at_the_point_and_the_time_that_is_named(at: str, code: int, printed: str) -> None:
    done = _run(SNAPPLAN_CRASH_AT=at)
    assert done.returncode == code
    assert done.stdout.split() == printed.split()


def test_the_log_has_each_point_that_is_reached_the_last_one_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    _run(SNAPPLAN_CRASH_LOG=str(log), SNAPPLAN_CRASH_AT="b:2")
    assert log.read_text() == "a\nb\na\nb\n"


def test_without_either_variable_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(crash.AT_VARIABLE, raising=False)
    monkeypatch.delenv(crash.LOG_VARIABLE, raising=False)
    crash.point("anything")
    assert _run().stdout.split() == ["a", "b", "a", "b"]
