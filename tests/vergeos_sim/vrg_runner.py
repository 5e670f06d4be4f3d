"""Runs ``vrg`` command lines from standard input, each in a fork of a process that is ready for them.

What runs is the entry point of the installed command, unchanged: its modules are imported and its hundreds of
commands built once, which otherwise takes a second each time.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import io
import json
import os
import sys
import tempfile

import typer.main

[entry] = importlib.metadata.entry_points(group="console_scripts", name="vrg")
app = entry.load()
importlib.import_module("pyvergeos")
built = typer.main.get_command(app)
typer.main.get_command = lambda app: built
# One run that asks the simulator nothing, for what is imported while a command line is parsed.
sys.argv = ["vrg", "-o", "json", "--version"]
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    app()

for line in sys.stdin:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            sys.argv = ["vrg", *json.loads(line)]
            code = 70
            try:
                app()
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
        print(json.dumps([status, *texts]), flush=True)
