from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from snapplan.catalog.owner import boot_id, current_owner, is_alive

from .samples import ELSEWHERE

if TYPE_CHECKING:
    from collections.abc import Iterator

SAY_WHO = """
from snapplan.catalog.owner import current_owner
import sys
print(repr(tuple(current_owner({}))), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SAY_WHO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        yield process
        process.kill()


def test_this_process_is_alive_and_says_who_it_is() -> None:
    owner = current_owner({})
    assert owner.pid == os.getpid()
    assert owner.host == os.uname().nodename
    assert owner.job == ""
    assert str(owner) == f"{owner.user}@{owner.host} (pid {owner.pid})"
    assert is_alive(owner) is True


def test_the_ci_job_is_named() -> None:
    assert current_owner({"GITHUB_RUN_ID": "12"}).job == "GitHub run 12"
    assert current_owner({"CI_JOB_ID": "9", "BUILD_TAG": ""}).job == "GitLab job 9"
    assert str(current_owner({"BUILD_TAG": "j-3"})).endswith(", Jenkins build j-3)")


def test_a_killed_process_is_dead_even_before_it_is_reaped(child: subprocess.Popen[str]) -> None:
    from ast import literal_eval

    from snapplan.catalog.base import Owner

    assert child.stdout is not None
    owner = Owner(*literal_eval(child.stdout.readline()))
    assert owner.pid == child.pid
    assert is_alive(owner) is True
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_alive(owner) is False, "a zombie does not run"
    child.wait()
    assert is_alive(owner) is False


def test_a_later_process_under_the_same_pid_is_another() -> None:
    owner = current_owner({})
    ticks, _, namespace = owner.started.partition("/")
    assert is_alive(owner._replace(started=f"{int(ticks) - 1}/{namespace}")) is False


def test_after_a_reboot_all_are_dead() -> None:
    assert is_alive(current_owner({})._replace(boot_id="the-boot-before")) is False


def test_what_cannot_be_seen_from_here_is_unknown() -> None:
    owner = current_owner({})
    assert is_alive(ELSEWHERE) is None
    assert is_alive(owner._replace(started=owner.started.partition("/")[0] + "/pid:[1]")) is None, "another container"


def test_without_start_times_the_pid_decides() -> None:
    owner = current_owner({})._replace(started="")
    assert is_alive(owner) is True
    assert is_alive(owner._replace(pid=2**22 + 1)) is False


def test_the_boot_is_the_same_all_along() -> None:
    assert boot_id() == boot_id()
