"""What happens at a real terminal: the process runs on a pseudo-terminal and a person types."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Ran

A = "lab/volume/a"


class Talked(NamedTuple):
    code: int
    screen: str
    out: str


def at_terminal(*arguments: str, type_: str, environ: dict[str, str] | None = None) -> Talked:
    """Run snapplan with a terminal as stdin and stderr; ``type_`` is what the person types, stdout is a pipe."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "snapplan", *arguments],
        stdin=slave,
        stderr=slave,
        stdout=subprocess.PIPE,
        env={**os.environ, "TERM": "dumb", **(environ or {})},
    )
    os.close(slave)
    os.write(master, type_.encode())
    assert process.stdout is not None
    out = process.stdout.read().decode()
    process.stdout.close()
    screen = _everything(master)
    os.close(master)
    return Talked(process.wait(), screen, out)


def _everything(master: int) -> str:
    read = b""
    while True:
        try:
            some = os.read(master, 4096)
        except OSError:  # Linux ends a pseudo-terminal with EIO
            some = b""
        if not some:
            return read.decode()
        read += some


def test_yes_carries_it_out(run: Callable[..., Ran], repository: Path) -> None:
    talked = at_terminal("apply", type_="yes\n")
    assert talked.code == 0
    assert "Carry this out?" in talked.screen
    assert "Carry this out?" not in talked.out
    assert "Applied: 1 snapshot taken" in talked.out


@pytest.mark.parametrize("answer", ["no\n", "\n", "y\n"])
def test_anything_else_does_not(run: Callable[..., Ran], repository: Path, answer: str) -> None:
    talked = at_terminal("apply", type_=answer)
    assert talked.code == 3
    assert "nothing was done" in talked.screen
    assert run("list", "snapshots").out == "No snapshots.\n"


def test_control_d_is_an_interrupt(repository: Path) -> None:
    assert at_terminal("apply", type_="\x04").code == 130


def test_control_c_at_the_question_is_an_interrupt(repository: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-c", CONTROL_C], capture_output=True, text=True, check=True, env={**os.environ}
    )
    assert process.stdout.split()[-1] == "130"


CONTROL_C = """
import os, pty, select, sys
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.executable, [sys.executable, "-m", "snapplan", "apply"])
seen = b""
while b"Carry this out?" not in seen:
    seen += os.read(fd, 4096)
os.write(fd, b"\\x03")
while True:
    # A signal just before the wait for a key begins is heard with the next key only: such a person types it again.
    if not select.select([fd], [], [], 1)[0]:
        os.write(fd, b"\\x03")
        continue
    try:
        if not os.read(fd, 4096):
            break
    except OSError:
        break
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_in_place_the_name_has_to_be_typed(run: Callable[..., Ran], repository: Path) -> None:
    assert run("apply", "--auto-approve").code == 0
    file = repository / "lab" / "volumes" / "a" / "file"
    file.write_text("newer")
    for wrong in ("yes\n", "lab/volume/b\n", "\n"):
        talked = at_terminal("restore", A, "--mode", "in_place", type_=wrong)
        assert talked.code == 3
        assert f"The content of {A} will be replaced." in talked.screen
        assert file.read_text() == "newer"
    talked = at_terminal("restore", A, "--mode", "in_place", type_=f"{A}\n")
    assert talked.code == 0
    assert file.read_text() == "content"


def test_auto_approve_asks_nothing_and_replaces_nothing(run: Callable[..., Ran], repository: Path) -> None:
    assert run("apply", "--auto-approve").code == 0
    file = repository / "lab" / "volumes" / "a" / "file"
    file.write_text("newer")
    talked = at_terminal("restore", A, "--mode", "in_place", "--auto-approve", type_=f"{A}\n")
    assert talked.code == 3
    assert "Type its name" not in talked.screen
    assert file.read_text() == "newer"


def test_the_plan_for_json_is_read_before_the_question(repository: Path) -> None:
    talked = at_terminal("apply", "--format", "json", type_="yes\n")
    assert talked.code == 0
    assert "SNAPSHOT 1" in talked.screen
    assert talked.out.startswith("{")


def test_bars_are_shown_on_a_terminal_and_colour_is_left_out_when_unwanted(repository: Path) -> None:
    talked = at_terminal("apply", type_="yes\n", environ={"TERM": "xterm", "NO_COLOR": "1"})
    assert talked.code == 0
    assert "1/1" in talked.screen
    assert "\x1b[3" not in talked.screen
