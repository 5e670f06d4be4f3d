"""``snapplan why``."""

from __future__ import annotations

import re
from typing import Any

import click

from snapplan.cli.console import out_style, result
from snapplan.cli.options import data_format, repository, trust
from snapplan.cli.session import session

CODE = re.compile(r"SP[0-9]{3}\Z", re.IGNORECASE)


@click.command("why")
@click.argument("subject", metavar="SNAPSHOT|CODE")
@data_format
@trust
@repository
def command(subject: str, form: str) -> int:
    """Explain why a snapshot is kept or expires, or what a code means.

    \b
    Examples:
      snapplan why lab/vm/web-01@gold.daily.20261121T0200Z
      snapplan why SP104
    """
    document = _code(subject.upper()) if CODE.match(subject) else _snapshot(subject)
    if form == "json":
        from snapplan.render.jsonplan import json_text

        result(json_text(document))
    else:
        from snapplan.render.explanation import code_text, explanation_text

        text = code_text if CODE.match(subject) else explanation_text
        result(text(document, style=out_style()))
    return 0


def _code(code: str) -> dict[str, Any]:
    from snapplan import codes
    from snapplan.errors import CommandLineError

    explained = codes.CODES.get(code)
    if explained is None:
        raise CommandLineError(
            f"there is no code {code}", hint=f"The codes go from {min(codes.CODES)} to {max(codes.CODES)}."
        )
    return explained._asdict()


def _snapshot(text: str) -> dict[str, Any]:
    from snapplan import clock
    from snapplan.errors import CommandLineError, SnapplanError
    from snapplan.ids import parse_snapshot
    from snapplan.planner.explain import explain

    try:
        address = parse_snapshot(text)
    except ValueError as error:
        raise CommandLineError(f"{error}; nor is it a code such as SP104") from None
    now = clock.now()
    with session().open(writable=False, may_be_empty=True) as workspace:
        world = workspace.observe(now, backends=(address.target.backend,))
        explained = explain(workspace.policy, world, now, str(address))
    if explained is None:
        raise SnapplanError(f"there is no snapshot {address}", hint="snapplan list snapshots shows what there is.")
    return explained.document()
