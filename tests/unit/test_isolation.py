"""Tests inherit nothing of whoever starts them: neither do the programs that they start."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent
UNKIND = {
    "SNAPPLAN_NOW": "1999-01-01T00:00:00Z",
    "SNAPPLAN_CRASH_AT": "apply.call.before",
    "GIT_DIR": "/nonexistent",
    "CI": "true",
    "GITHUB_ACTIONS": "true",
    "NO_COLOR": "1",
    "FORCE_COLOR": "1",
    "COLUMNS": "20",
    "TZ": "America/St_Johns",
    "LC_ALL": "C",
    "HOME": "/nonexistent",
    "XDG_STATE_HOME": "/nonexistent",
    "https_proxy": "http://127.0.0.1:9",
    "REQUESTS_CA_BUNDLE": "/nonexistent",
    "SNAPPLAN_FAULTS": "all",
}
# A program that ignores every signal and blocks some, as a shell in the background under nohup might, starts another.
STARTS = """\
import os, signal, sys
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
os.umask(0)
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
"""
TEST_PROCESS = """\
import os, signal, subprocess, sys
from isolation import isolate
isolate()
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    os.kill(os.getpid(), number)
subprocess.run([sys.executable, "-c", os.environ["CHILD"]], check=True)
"""
CHILD = """\
import json, os, signal
numbers = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
mask = os.umask(0)
print(json.dumps({
    "ignored": [n.name for n in numbers if signal.getsignal(n) is signal.SIG_IGN],
    "blocked": [n.name for n in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
    "mask": mask,
    "home": os.listdir(os.environ["HOME"]),
    "environment": dict(os.environ),
}))
"""


def test_a_program_that_a_test_starts_inherits_nothing_unkind() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTS, TEST_PROCESS],
        env={**os.environ, **UNKIND, "CHILD": CHILD},
        cwd=TESTS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["ignored"], found["blocked"], found["mask"], found["home"]) == ([], [], 0o022, [])
    environment = found["environment"]
    changed = ("HOME", "TZ")
    assert [name for name in UNKIND if name in environment and name not in (*changed, "SNAPPLAN_FAULTS")] == []
    assert [name for name in changed if environment[name] == UNKIND[name]] == []
    assert environment["SNAPPLAN_FAULTS"] == "all"
    assert not Path(environment["HOME"]).exists(), "it is removed at the end"


def test_this_process_is_isolated() -> None:
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
    assert "CI" not in os.environ
    assert os.environ["HOME"].split("/")[-1].startswith("snapplan-tests-home-")
