"""Errors, as a person reads them: one line and what to do, on stderr."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import click

from snapplan.cli.console import err_style, notice
from snapplan.errors import PlanStaleError, PolicyInvalidError, SnapplanError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snapplan.diagnostics import Diagnostic


def show_failure(error: BaseException, *, debug: bool) -> None:
    """Write ``error`` to stderr; its traceback only with ``debug``."""
    if debug:
        notice("".join(traceback.format_exception(error)).rstrip())
    match error:
        case click.ClickException():
            _command_line(error)
        case KeyboardInterrupt() | click.Abort():
            notice("Interrupted.")
        case PolicyInvalidError():
            _findings(error.diagnostics)
        case PlanStaleError() if error.findings:
            _findings(error.findings)
            notice("Nothing was done." + (f" {error.hint}" if error.hint else ""))
        case SnapplanError():
            _line(str(error) or type(error).__name__)
            if error.hint:
                notice(f"  {error.hint}")
        case _:
            _line(f"{type(error).__name__}: {error}")
            if not debug:
                notice("  This should not happen. --debug shows the traceback; please report it.")


def _command_line(error: click.ClickException) -> None:
    if isinstance(error, click.UsageError) and error.ctx is not None:
        notice(error.ctx.get_usage())
    if message := error.format_message():
        _line(message)
    if isinstance(error, click.UsageError) and error.ctx is not None:
        notice(f"  {error.ctx.command_path} --help shows what it takes.")


def _findings(diagnostics: Sequence[Diagnostic]) -> None:
    from snapplan.models.plan import plain
    from snapplan.render.diagnostics import diagnostic_text, ordered

    for finding in ordered([plain(diagnostic) for diagnostic in diagnostics]):
        notice(diagnostic_text(finding, style=err_style()) + "\n")


def _line(message: str) -> None:
    notice(f"{err_style()('error', 'bold', 'red')}: {message}")
