"""Runs ``snapplan`` command lines from standard input, each in a fork of a process that has imported everything.

What runs is the command itself, unchanged; only its imports are done once, which otherwise take most of a second each time.
A line is a JSON object: ``words``, ``root`` (the folder to run it in) and ``env`` (variables to set).
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
import tempfile
from typing import Any, NoReturn

import snapplan
from snapplan.cli.main import invoke

NOT_NEEDED = ("snapplan.devtools", "snapplan.drivers.conformance", "snapplan.__main__")


def prepare() -> None:
    """Import every module that a command may need."""
    for found in pkgutil.walk_packages(snapplan.__path__, "snapplan."):
        if not found.name.startswith(NOT_NEEDED):
            importlib.import_module(found.name)
    for name in ("pyvergeos", "stamina", "jsonschema", "deepdiff", "yaml", "rich.console"):
        importlib.import_module(name)


def run_child(asked: dict[str, Any], out: int, err: int) -> NoReturn:
    """Become the command."""
    code = 99
    try:
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.chdir(asked["root"])
        os.environ.update(asked["env"])
        code = invoke(asked["words"])
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def serve() -> None:
    """Carry out one line after the other and answer each with ``[exit code, stdout, stderr]``."""
    for line in sys.stdin:
        asked = json.loads(line)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = os.fork()
            if child == 0:
                run_child(asked, out.fileno(), err.fileno())
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode())
        print(json.dumps([status, *texts]), flush=True)


if __name__ == "__main__":
    prepare()
    serve()
