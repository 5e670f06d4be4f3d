from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click
import pytest

from snapplan.cli.main import COMMANDS, group
from snapplan.cli.reference import command_helps, reference_markdown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Ran

ALL = {" ".join(words): text for words, text in command_helps()}


def test_the_table_names_the_commands_and_their_help() -> None:
    for name, (module, text) in COMMANDS.items():
        command = import_module(f"snapplan.cli.{module}").command
        assert command.name == name
        assert text.endswith(".")
        assert len(text) <= 60


@pytest.mark.parametrize("command", ALL)
def test_every_command_has_help_with_an_example_that_begins_like_it(command: str) -> None:
    assert "Examples:" in ALL[command]
    assert f"  {command}" in ALL[command].partition("Examples:")[2]


@pytest.mark.parametrize("command", ALL)
def test_every_option_is_explained(command: str) -> None:
    found: click.Command = group
    for word in command.split()[1:]:
        assert isinstance(found, click.Group)
        child = found.get_command(click.Context(found), word)
        assert child is not None
        found = child
    options = [one for one in found.params if isinstance(one, click.Option)]
    assert {"-C", "--debug"} <= {name for one in options for name in one.opts}
    assert [one.name for one in options if not one.help] == []


def test_the_reference_holds_every_command_and_code() -> None:
    reference = reference_markdown()
    assert all(f"# `{command}`" in reference for command in ALL)
    assert "| 130 |" in reference


def test_the_help_imports_click_and_no_command() -> None:
    program = (
        "import sys; from snapplan.cli.main import invoke; invoke(['--help']); "
        "heavy = {'pydantic', 'jinja2', 'rich', 'yaml', 'deepdiff', 'jsonschema', 'sqlite3', 'subprocess', 'zoneinfo'}; "
        "ours = {n for n in sys.modules if n.startswith('snapplan.')}; "
        "allowed = {'snapplan.version', 'snapplan.errors', 'snapplan.cli', 'snapplan.cli.main', 'snapplan.cli.options', "
        "'snapplan.cli.session', 'snapplan.cli.exit_codes'}; "
        "print(sorted(heavy & sys.modules.keys()), sorted(ours - allowed), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stderr.strip() == "[] []"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--no-such-option",),
        ("plan", "--no-such-option"),
        ("plan", "--format", "yaml"),
        ("plan", "--at", "yesterday"),
        ("restore",),
        ("pin", "lab/volume/a@x"),
        ("show", "run", "zero"),
        ("schema", "nothing"),
        ("-C", "/no/such/folder", "plan"),
        ("list",),
        (),
    ],
)
def test_a_wrong_command_line_ends_with_64_and_says_nothing_on_stdout(
    run: Callable[..., Ran], arguments: tuple[str, ...]
) -> None:
    ran = run(*arguments)
    assert ran.code == 64
    assert ran.out == ""
    assert ran.err


def test_a_mistyped_command_names_the_nearest(run: Callable[..., Ran]) -> None:
    ran = run("aply")
    assert ran.code == 64
    assert "did you mean 'apply'?" in ran.err


def test_help_and_version_go_to_stdout(run: Callable[..., Ran]) -> None:
    assert run("--help").out.startswith("Usage: snapplan")
    assert run("plan", "-h").out.startswith("Usage: snapplan plan")
    assert run("--version").out.startswith("snapplan ")


def test_a_bug_is_one_line_and_a_traceback_only_with_debug(
    run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNAPPLAN_NOW", "9999-12-31T23:00:00Z")  # no expiration fits behind it
    short = run("snapshot", "lab/volume/a", "--expires", "1d")
    assert short.code == 1
    assert short.out == ""
    assert "Traceback" not in short.err
    assert "--debug" in short.err
    for arguments in (
        ("--debug", "snapshot", "lab/volume/a", "--expires", "1d"),
        ("snapshot", "lab/volume/a", "--expires", "1d", "--debug"),
    ):
        assert "Traceback" in run(*arguments).err


def test_a_reader_that_goes_away_is_no_crash(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "snapplan", "why", "SP104"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    told = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait() == 1
    assert "Traceback" not in told
    assert "Exception ignored" not in told


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(run: Callable[..., Ran], shell: str) -> None:
    ran = run("completion", shell)
    assert ran.code == 0
    assert "_SNAPPLAN_COMPLETE" in ran.out


def test_completion_of_commands_comes_from_the_table() -> None:
    found = group.shell_complete(click.Context(group), "s")
    assert [item.value for item in found] == ["status", "show", "snapshot", "simulate", "schema"]
