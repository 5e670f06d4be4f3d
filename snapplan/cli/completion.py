"""``snapplan completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from snapplan.cli.console import result
from snapplan.cli.options import repository


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@repository
@click.pass_context
def command(context: click.Context, shell: str) -> int:
    """Print the completion script for a shell.

    \b
    Examples:
      snapplan completion bash > ~/.local/share/bash-completion/completions/snapplan
      snapplan completion zsh > ~/.zfunc/_snapplan
      snapplan completion fish > ~/.config/fish/completions/snapplan.fish
    """
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for {shell}", context)
    complete = found(context.find_root().command, {}, "snapplan", "_SNAPPLAN_COMPLETE")
    result(complete.source_template % complete.source_vars())
    return 0
