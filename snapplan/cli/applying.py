"""How a command that changes something goes: show the plan, get consent, carry it out, give account."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan import clock
from snapplan.applier.consent import Terms, chosen, is_gated
from snapplan.cli import console
from snapplan.cli.exit_codes import ExitCode, exit_code, is_stopped, known, unread
from snapplan.cli.interrupts import stopping
from snapplan.cli.lifting import NO_BUDGET, Lifted
from snapplan.cli.planning import apply_command, check_focus, in_place_targets, order_command, undo_commands
from snapplan.cli.progress import progress
from snapplan.cli.session import session
from snapplan.drivers.base import NO_MANDATE
from snapplan.errors import BlockedError
from snapplan.models.order import Focus, Orders
from snapplan.models.plan import plain
from snapplan.models.request import Mandate
from snapplan.planner import safety
from snapplan.planner.safety import COMPLETE
from snapplan.render.account import FORMAT, account_text
from snapplan.render.diagnostics import diagnostic_text
from snapplan.render.text import nothing_to_do, plan_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snapplan.applier.report import ActionResult, Report
    from snapplan.models.plan import Plan, Verb
    from snapplan.workspace import Workspace


class Wish(NamedTuple):
    """What a command line asks to carry out, and what it approves beforehand."""

    orders: Orders = Orders()
    focus: Focus = Focus()
    auto_approve: bool = False
    confirmed: frozenset[str] = frozenset()
    lifted: Lifted = Lifted()
    only: tuple[Verb, ...] = ()
    excepted: tuple[str, ...] = ()
    lock_timeout: timedelta = timedelta(seconds=60)
    full: bool = False
    form: str = "text"
    command: str = "apply"
    mandate: Mandate = NO_MANDATE

    @property
    def terms(self) -> Terms:
        """What the run may do, besides what is approved."""
        return Terms(
            confirmed=self.confirmed,
            allowed=self.lifted.codes,
            reason=self.lifted.reason,
            only=self.only,
            excepted=self.excepted,
            unattended=self.auto_approve,
            mandate=self.mandate,
        )


def carry_out(wish: Wish) -> int:
    """Show the plan for ``wish``, get consent and carry it out; return the exit code.

    Raises ``BlockedError`` where consent is missing and whatever the workspace raises.
    """
    with session().open(writable=True, may_be_empty=bool(wish.orders)) as workspace:
        workspace.unlimited = NO_BUDGET in wish.lifted.codes
        if not wish.orders and (wish.auto_approve or console.at_terminal()):
            _settle(workspace, wish)
        whole = workspace.plan(clock.now(), orders=wish.orders, focus=wish.focus, allowed=wish.lifted.codes)
        check_focus(workspace, wish.focus)
        plan, left = chosen(whole, wish.terms)
        document = plan.document()
        _show(document, wish)
        for text in left:
            console.notice(text)
        if wish.orders and has_errors(document):
            return exit_code(ExitCode.FAILED)
        wish = _consented(document, wish)
        made, account = execute(workspace, plan, wish)
    if wish.form == "text" and document["actions"]:
        resume = order_command(wish.orders, wish.confirmed) if wish.orders else apply_command(document)
        show_account(account, document, resume)
    elif wish.form == "json":
        from snapplan.render.jsonplan import json_text

        console.told(json_text(account))
    gated = wish.auto_approve and any(is_gated(action, wish.lifted.codes) for action in plan.actions)
    return account_exit_code(account, document, wish.confirmed, gated=gated, undecided=is_undecided(made))


def _settle(workspace: Workspace, wish: Wish) -> None:
    """Let the plan that is shown know how the restores ended that a dead run had begun."""
    with stopping() as stop, progress() as observer:
        workspace.settle(observer=observer, lock_timeout=wish.lock_timeout, stop=stop)


def show_account(account: Mapping[str, Any], document: Mapping[str, Any], resume: str) -> None:
    """Print what became of a plan, and how to take back what restores in place have replaced."""
    console.told("\n" + account_text(account, style=console.out_style(), resume=resume))
    console.told("".join(f"Undo:  {command}\n" for command in undo_commands(document, account)))


def execute(workspace: Workspace, plan: Plan, wish: Wish) -> tuple[Plan, dict[str, Any]]:
    """Carry out at most what is in ``plan``; return the plan as made anew under the leases, and the account.

    ``snapplan.render.account`` says what is in the account.
    """
    return execute_approved(workspace, plan.document(), wish, wish.terms)


def execute_approved(
    workspace: Workspace, approved: Mapping[str, Any], wish: Wish, terms: Terms
) -> tuple[Plan, dict[str, Any]]:
    """Carry out at most what the document ``approved`` holds, as ``execute`` does."""
    with stopping() as stop, progress() as observer:
        made, report = workspace.apply(
            orders=wish.orders,
            focus=wish.focus,
            approved=approved,
            terms=terms,
            observer=observer,
            lock_timeout=wish.lock_timeout,
            stop=stop,
            command=wish.command,
        )
    if session().debug:
        _show_traces(report)
    return made, account_of(report)


def _show_traces(report: Report) -> None:
    import traceback

    for failure in report.failed:
        if failure.error is not None:
            console.notice("".join(traceback.format_exception(failure.error)).rstrip())


def account_of(report: Report) -> dict[str, Any]:
    """Return a report as the document that is rendered."""
    return {
        "format": FORMAT,
        "run": report.run,
        "state": report.state,
        "seconds": round(report.seconds, 3),
        "counts": report.counts,
        "notices": list(report.notices),
        "attention": list(report.left),
        "actions": [_entry(result) for result in report.results],
    }


def _entry(result: ActionResult) -> dict[str, Any]:
    from snapplan.applier.report import subject

    return {
        "number": result.action.number,
        "verb": result.action.verb.value,
        "subject": subject(result.action),
        "state": result.state.value,
        "text": result.text,
        "seconds": round(result.seconds, 3),
        "notices": list(result.notices),
        "exit_code": 0 if result.error is None else exit_code(result.error),
    }


def account_exit_code(
    account: Mapping[str, Any],
    document: Mapping[str, Any],
    confirmed: frozenset[str] = frozenset(),
    *,
    gated: bool = False,
    undecided: bool = False,
) -> int:
    """Return the exit code of an apply: what its account and its plan say.

    A restore in place that was not ``confirmed``, and what is ``gated`` because nobody looked at it, count as blocked.
    ``undecided`` says that a half-exchanged restore was left for a person.
    """
    stopped = is_stopped(document)
    stopped = stopped or gated or not confirmed.issuperset(in_place_targets(document))
    return exit_code(
        ExitCode.INTERRUPTED if account["state"] == "interrupted" else None,
        ExitCode.PARTIAL if undecided or account["state"] in ("partial", "failed") else None,
        ExitCode.BLOCKED if stopped else None,
        *(known(action["exit_code"]) for action in account["actions"]),
        *unread(document),
        ExitCode.FAILED if has_errors(document) else None,
    )


def is_undecided(made: Plan) -> bool:
    """Whether restores are left half-exchanged, and say how to decide about them."""
    left = [one for one in made.pending if one.effect == COMPLETE]
    for finding in safety.findings(left):
        console.notice(diagnostic_text(plain(finding), style=console.err_style()))
    return bool(left)


def mandate_of(document: Mapping[str, Any]) -> Mandate:
    """Return what a plan that somebody approved says about half-exchanged restores: those that it shows are completed."""
    return Mandate(complete=frozenset(one["key"] for one in document["pending"] if one["effect"] == COMPLETE))


def has_errors(document: Mapping[str, Any]) -> bool:
    """Whether the planner found an error, such as an order that cannot be planned."""
    return any(finding["severity"] == "error" for finding in document["diagnostics"])


def _show(document: Mapping[str, Any], wish: Wish) -> None:
    """Show the plan: it is the result, unless that is JSON; then whoever is asked reads it on stderr."""
    if not wish.orders or document["actions"]:
        as_text = wish.form == "text"
        style = console.out_style() if as_text else console.err_style()
        text = plan_text(document, full=wish.full, style=style, command=None, schedule=not wish.orders)
        write = console.told if wish.auto_approve else console.result
        write(text) if as_text else console.notice(text)
        return
    for finding in document["diagnostics"]:
        console.notice(diagnostic_text(finding, style=console.err_style()))
    if not has_errors(document):
        console.notice(nothing_to_do(document))


def _consented(document: Mapping[str, Any], wish: Wish) -> Wish:
    """Return ``wish`` with what was approved; raise ``BlockedError`` where the plan as a whole is not.

    Approved are the targets whose restore in place is confirmed, and half-exchanged restores that a person was shown.
    """
    open_ones = [target for target in in_place_targets(document) if target not in wish.confirmed]
    mandate = Mandate() if wish.orders else mandate_of(document)
    if not document["actions"] and not mandate.complete:
        return wish
    if wish.auto_approve or not console.at_terminal():
        if document["actions"]:
            _refuse_unattended(document, wish, open_ones)
        return wish
    typed = {target for target in open_ones if _type_name(target)}
    if len(typed) < len(open_ones):
        raise BlockedError("the name was not typed; nothing was done")
    if not _named_everything(document, wish) and not console.confirmed("Carry this out?"):
        raise BlockedError("not confirmed; nothing was done")
    return wish._replace(confirmed=wish.confirmed | typed, mandate=mandate)


def _named_everything(document: Mapping[str, Any], wish: Wish) -> bool:
    """Whether all that was ordered is a restore in place, which its own name has approved."""
    return bool(wish.orders) and bool(in_place_targets(document))


def _type_name(target: str) -> bool:
    return console.typed(f"The content of {target} will be replaced. Type its name to go on") == target


def _refuse_unattended(document: Mapping[str, Any], wish: Wish, open_ones: list[str]) -> None:
    if wish.orders and open_ones:
        hint = f"--confirm {open_ones[0]} approves it."
        raise BlockedError(f"the content of {open_ones[0]} would be replaced, and nobody is asked", hint=hint)
    if not wish.auto_approve and not _named_everything(document, wish):
        hint = "--auto-approve carries out what is due without a question; a saved plan carries out what was approved."
        raise BlockedError("standard input is not a terminal, so nobody can be asked; nothing was done", hint=hint)
