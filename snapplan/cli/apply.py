"""``snapplan apply``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from snapplan.cli.options import DURATION, data_format, focus, repository

if TYPE_CHECKING:
    from datetime import timedelta


@click.command("apply")
@click.option("--auto-approve", is_flag=True, help="Do not ask. Never enough for a restore in place.")
@click.option(
    "--confirm",
    "confirmed",
    multiple=True,
    metavar="TARGET",
    help="Approve the restore in place of this target; may be repeated.",
)
@focus
@click.option(
    "--lock-timeout", type=DURATION, default="60s", show_default=True, help="How long to wait for another apply."
)
@click.option("--full", is_flag=True, help="Fold nothing: one line for each action.")
@data_format
@repository
def command(
    auto_approve: bool,
    confirmed: tuple[str, ...],
    targets: tuple[str, ...],
    backends: tuple[str, ...],
    lock_timeout: timedelta,
    full: bool,
    form: str,
) -> int:
    """Carry out what the policy asks for: show the plan, ask, do it.

    Without a terminal nobody can be asked, and --auto-approve is needed. One failing action stops only what depends on
    it; the exit code is then 7, and the next apply goes on. The first interrupt finishes what is under way, the second
    stops at once.

    \b
    Examples:
      snapplan apply
      snapplan apply --auto-approve                  from cron or a pipeline
      snapplan apply --target 'lab/volume/*'
      snapplan apply --confirm lab/vm/web-01         with a declared restore in place
    """
    from snapplan.cli.applying import Wish, carry_out
    from snapplan.cli.planning import focus_of

    wish = Wish(
        focus=focus_of(targets, backends),
        auto_approve=auto_approve,
        confirmed=frozenset(confirmed),
        lock_timeout=lock_timeout,
        full=full,
        form=form,
    )
    return carry_out(wish)
