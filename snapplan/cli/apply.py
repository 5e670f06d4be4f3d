"""``snapplan apply``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from snapplan.cli.options import DURATION, commit, data_format, focus, repository
from snapplan.cli.options import no_budget as no_budget_option

if TYPE_CHECKING:
    from datetime import timedelta

VERBS = ("profile", "assign", "snapshot", "change", "expire", "restore")


@click.command("apply")
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--approved", "digest", metavar="DIGEST", help="Carry out the plan that plan --save keeps under this digest."
)
@click.option("--resume", metavar="RUN", help="Go on with what a run was approved to do: its number or whole id.")
@click.option("--undo", is_flag=True, help="With --resume: take back what the run's unfinished restores replaced.")
@click.option("--auto-approve", is_flag=True, help="Do not ask. Never enough for a restore in place.")
@click.option(
    "--confirm",
    "confirmed",
    multiple=True,
    metavar="TARGET",
    help="Approve the restore in place of this target; may be repeated.",
)
@click.option("--allow", "codes", multiple=True, metavar="CODE", help="Lift this guard for this run; may be repeated.")
@no_budget_option
@click.option(
    "--reason", metavar="TEXT", help="Why it is allowed; required with --allow and --no-budget, and recorded."
)
@click.option("--only", multiple=True, type=click.Choice(VERBS), help="Do only this kind of action; may be repeated.")
@click.option("--except", "excepted", multiple=True, metavar="GLOB", help="Leave these targets alone; may be repeated.")
@commit
@focus
@click.option(
    "--lock-timeout", type=DURATION, default="60s", show_default=True, help="How long to wait for another apply."
)
@click.option("--full", is_flag=True, help="Fold nothing: one line for each action.")
@data_format
@repository
def command(
    file: Path | None,
    digest: str | None,
    resume: str | None,
    undo: bool,
    auto_approve: bool,
    confirmed: tuple[str, ...],
    codes: tuple[str, ...],
    no_budget: bool,
    reason: str | None,
    only: tuple[str, ...],
    excepted: tuple[str, ...],
    targets: tuple[str, ...],
    backends: tuple[str, ...],
    lock_timeout: timedelta,
    full: bool,
    form: str,
) -> int:
    """Carry out what the policy asks for: show the plan, ask, do it.

    With FILE (of plan --out) or --approved DIGEST (of plan --save) it carries out at most that plan, once, without a
    question: it plans again, skips what is not needed any more, leaves what is new, and refuses with 5 where the policy
    or the backends changed in a way that matters.

    Without a terminal nobody can be asked, and a plan or --auto-approve is needed. One failing action stops only what
    depends on it; the exit code is then 7, and the next apply goes on. What a guard blocks is left out, the rest is done,
    and the exit code is 3. The first interrupt finishes what is under way, the second stops at once.

    \b
    Examples:
      snapplan apply
      snapplan apply plan.json                       what was reviewed, and nothing else
      snapplan apply --approved 3f9a1c0be4d2
      snapplan apply --auto-approve                  from cron or a pipeline
      snapplan apply --target 'lab/volume/*' --only snapshot
      snapplan apply --confirm lab/vm/web-01         with a declared restore in place
      snapplan apply --allow SP301 --reason CHG-77
      snapplan apply --resume 12
      snapplan apply --resume 12 --undo              take back a restore that was interrupted half-way
    """
    from snapplan.cli.applying import Wish, carry_out
    from snapplan.cli.approved import Source, carry_out_approved, take_back
    from snapplan.cli.lifting import lifted
    from snapplan.cli.planning import focus_of
    from snapplan.models.plan import Verb

    wish = Wish(
        focus=focus_of(targets, backends),
        auto_approve=auto_approve,
        confirmed=frozenset(confirmed),
        lifted=lifted(codes, reason, no_budget=no_budget),
        only=tuple(Verb(verb) for verb in only),
        excepted=excepted,
        lock_timeout=lock_timeout,
        full=full,
        form=form,
    )
    source = Source(file, digest, resume)
    approved = take_back if undo else carry_out_approved
    return approved(source, wish) if source or undo else carry_out(wish)
