"""The reference of all commands, made from their help: ``python -m snapplan.cli.reference > docs/reference/cli.md``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from snapplan.cli.exit_codes import MEANINGS
from snapplan.cli.main import group

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 100


def reference_markdown() -> str:
    """Return the help of all commands and the table of exit codes as Markdown, ending with a newline."""
    lines = [
        "# Commands",
        "",
        "Made from the commands' own help by `python -m snapplan.cli.reference`; do not edit.",
        "",
    ]
    for path, text in command_helps():
        lines += [f"{'#' * min(len(path) + 1, 4)} `{' '.join(path)}`", "", "```text", text, "```", ""]
    lines += ["## Exit codes", "", "| code | meaning |", "|---|---|"]
    lines += [f"| {int(code)} | {meaning} |" for code, meaning in MEANINGS.items()]
    return "\n".join(lines) + "\n"


def command_helps() -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the words and the help of every command, groups before their commands."""
    yield from _helps(group, None, ("snapplan",))


def _helps(
    command: click.Command, parent: click.Context | None, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    context = click.Context(
        command,
        info_name=path[-1],
        parent=parent,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        help_option_names=["-h", "--help"],
    )
    yield path, "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None:
                yield from _helps(child, context, (*path, name))


if __name__ == "__main__":
    sys.stdout.write(reference_markdown())
