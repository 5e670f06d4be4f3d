"""The ``snapplan`` command without its start: each command line runs in a fork of a process that has imported everything.

What runs is the command itself, unchanged, with a folder, an environment, standard output and errors of its own; only the
imports are done once, which otherwise take most of a second each time. Tests about the start of the process, its locale,
its terminal or its signals start a real one.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import pkgutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NoReturn

NOT_NEEDED = ("snapplan.devtools", "snapplan.drivers.conformance", "snapplan.__main__")
LIBRARIES = ("pyvergeos", "stamina", "jsonschema", "deepdiff", "yaml", "rich.console")


class Warm:
    """The process that forks. One for all tests of a process; ``run`` starts it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(self, root: Path, words: tuple[str, ...], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run one command line in ``root``; ``env`` is its whole environment."""
        return self.wait(self.start(root, words, env), words)

    def start(self, root: Path, words: tuple[str, ...], env: Mapping[str, str]) -> int:
        """Begin to run a command line; return the id of its process, which may be sent signals."""
        pid = self._ask({"words": words, "root": str(root), "env": dict(env)})
        assert isinstance(pid, int)
        return pid

    def wait(self, pid: int, words: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Return what became of a command that was started."""
        code, out, err = self._ask({"wait": pid})
        return subprocess.CompletedProcess(list(words), code, out, err)

    def _ask(self, question: dict[str, Any]) -> Any:
        process = self._process or self._begin()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())
        except BaseException:
            # What it would answer next is the answer to this.
            self.close(kill=True)
            raise

    def _begin(self) -> subprocess.Popen[str]:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        atexit.register(self.close)
        return self._process

    def close(self, *, kill: bool = False) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            atexit.unregister(self.close)
            if kill:
                process.kill()
            with process:
                pass


WARM = Warm()


def run(root: Path, *words: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run one command line in ``root``; ``env`` is its whole environment."""
    return WARM.run(root, words, env)


def prepare() -> None:
    """Import every module that a command may need."""
    import snapplan

    for found in pkgutil.walk_packages(snapplan.__path__, "snapplan."):
        if not found.name.startswith(NOT_NEEDED):
            importlib.import_module(found.name)
    for name in LIBRARIES:
        importlib.import_module(name)


def become(asked: dict[str, Any], out: int, err: int, parent: int) -> NoReturn:
    """Be the command."""
    from snapplan.cli.main import invoke
    from snapplan.drivers.conformance.forks import become_a_new_process

    code = 99
    try:
        become_a_new_process({}, parent)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
        sys.stdout, sys.stderr = (
            os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace", closefd=False) for fd in (1, 2)
        )
        os.chdir(asked["root"])
        os.environ.clear()
        os.environ.update(asked["env"])
        sys.path[:0] = [each for each in asked["env"].get("PYTHONPATH", "").split(os.pathsep) if each]
        try:
            code = invoke(asked["words"])
        except SystemExit as exit_:
            code = exit_.code if isinstance(exit_.code, int) else 1
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def serve() -> None:
    """Answer a command line with the id of its process, ``{"wait": ID}`` with ``[exit code, stdout, stderr]``."""
    parent = os.getpid()
    printed: dict[int, tuple[IO[bytes], IO[bytes]]] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" not in asked:
            out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
            child = os.fork()
            if child == 0:
                become(asked, out.fileno(), err.fileno(), parent)
            printed[child] = (out, err)
            print(child, flush=True)
            continue
        status = os.waitstatus_to_exitcode(os.waitpid(asked["wait"], 0)[1])
        texts = []
        for file in printed.pop(asked["wait"]):
            with file:
                file.seek(0)
                texts.append(file.read().decode(errors="surrogateescape"))
        print(json.dumps([status, *texts]), flush=True)


if __name__ == "__main__":
    prepare()
    serve()
