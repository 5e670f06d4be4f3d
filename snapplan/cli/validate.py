"""``snapplan validate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from snapplan.cli.console import out_style, result
from snapplan.cli.exit_codes import ExitCode, exit_code
from snapplan.cli.options import repository, trust
from snapplan.cli.session import session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snapplan.diagnostics import Diagnostic


@click.command("validate")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="[PATH]...")
@click.option("--strict", is_flag=True, help="Warnings are errors too.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="How findings are printed; github makes annotations.",
)
@trust
@repository
def command(paths: tuple[Path, ...], strict: bool, form: str) -> int:
    """Check the policy files; offline, no backend is contacted.

    PATH is a policy repository or a single file, checked as it is; without one, the repository of -C or the working folder
    is checked, with --trust against the snapplan.yaml of that commit. All
    findings are printed at once, each with its place, and the exit code is 4 if there are errors.

    \b
    Examples:
      snapplan validate
      snapplan validate --strict --format github
      snapplan validate policies/production.yaml
    """
    found, files = _check(paths)
    _print(found, files, form)
    stops = {"error", "warning"} if strict else {"error"}
    return exit_code(ExitCode.INVALID if any(finding.severity in stops for finding in found) else None)


def _check(paths: Sequence[Path]) -> tuple[list[Diagnostic], int]:
    from snapplan.config.load import load_file, load_repository

    if not paths:
        whole = session().load()
        return whole.diagnostics, len(whole.files)
    found: list[Diagnostic] = []
    files = 0
    for path in paths:
        loaded = load_repository(path) if path.is_dir() else load_file(path)
        found.extend(loaded.diagnostics)
        files += len(loaded.files)
    return found, files


def _print(found: Sequence[Diagnostic], files: int, form: str) -> None:
    from snapplan.models.plan import plain
    from snapplan.render.diagnostics import diagnostics_github, diagnostics_json, diagnostics_text

    findings = [plain(finding) for finding in found]
    match form:
        case "json":
            result(diagnostics_json(findings, files=files))
        case "github":
            result(diagnostics_github(findings))
        case _:
            result(diagnostics_text(findings, files=files, style=out_style()))
