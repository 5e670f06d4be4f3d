"""The ``snapplan`` command line. A command's module is imported when that command is run, not before."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

import click
from click.shell_completion import CompletionItem

from snapplan.cli.exit_codes import exit_code
from snapplan.cli.options import repository
from snapplan.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("init", "Start a policy repository."),
    "validate": ("validate", "Check the policy files; offline."),
    "plan": ("plan", "Show what apply would do; changes nothing."),
    "apply": ("apply", "Carry out what the policy asks for."),
    "status": ("status", "Show the state of each target and what needs attention."),
    "list": ("listing", "List targets, snapshots, profiles, assignments or runs."),
    "show": ("show", "Show what a run did."),
    "verify": ("verify", "Compare snapshots with what was recorded of them."),
    "why": ("why", "Explain why a snapshot is kept, or what a code means."),
    "snapshot": ("snapshot", "Take a manual snapshot now."),
    "restore": ("restore", "Restore a target from a snapshot."),
    "pin": ("pin", "Keep a snapshot whatever its retention says."),
    "unpin": ("unpin", "Let a pinned snapshot expire again."),
    "lock": ("lock", "Have the platform lock a snapshot until it expires."),
    "unlock": ("unlock", "Begin to take a platform's lock away."),
    "adopt": ("adopt", "Make a foreign snapshot ours."),
    "accept": ("accept", "Say that a change that looks like an accident is right."),
    "simulate": ("simulate", "Run the planner over a span of time."),
    "import": ("import_", "Write a platform's own schedule as a policy file."),
    "catalog": ("catalog", "Look after the catalog."),
    "drivers": ("drivers", "Show the drivers that are installed, and check a backend."),
    "schema": ("schema", "Print a JSON Schema for editors and checks."),
    "completion": ("completion", "Print the completion script for a shell."),
}
"""Command: module below ``snapplan.cli``, and its line in the help (here, so that the help imports no command)."""


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports each when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of a first reading."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, or ``None`` for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"snapplan.cli.{COMMANDS[cmd_name][0]}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command, or fail and name the nearest."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, 1)
            ctx.fail(f"there is no command {args[0]!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands that begin with ``incomplete``, from the table."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [CompletionItem(name, help=text) for name, (_, text) in COMMANDS.items() if name.startswith(incomplete)]


def _print_version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        from snapplan.version import __version__

        click.echo(f"snapplan {__version__}")
        context.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@repository
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def group() -> None:
    """Snapshot policy as code: declare, plan, apply, restore.

    \b
    Examples:
      snapplan init                start a policy repository here
      snapplan plan                show what would happen
      snapplan apply               do it, after a question
      snapplan COMMAND --help      more about a command
    """
    from snapplan import clock
    from snapplan.encoding import require_utf8
    from snapplan.errors import CommandLineError

    require_utf8()

    wrong = clock.unreadable()
    if wrong is not None:
        raise CommandLineError(
            f"the variable {wrong} holds no instant", hint="Write 2026-11-22T02:00:00Z, or unset it."
        )


def invoke(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (default: the process's own); return its exit code. Errors have been written to stderr.

    Only a reader of stdout that went away ends the process from within click, with 1 and without a word.
    """
    session = Session()
    try:
        returned = group.main(
            args=None if arguments is None else list(arguments),
            prog_name="snapplan",
            standalone_mode=False,
            obj=session,
        )
    except (Exception, KeyboardInterrupt) as error:  # the one place where errors become messages
        from snapplan.cli.failures import show_failure

        show_failure(error, debug=session.debug)
        return exit_code(error)
    return returned if isinstance(returned, int) else 0


def run() -> NoReturn:
    """Run the process's command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        sys.exit(invoke())
    finally:
        _let_go_of_errors()


def _let_go_of_errors() -> None:
    """Write to nowhere what nobody reads any more: the interpreter would end with 120 over it, whatever was done."""
    try:
        sys.stderr.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stderr.fileno())
        os.close(nowhere)
