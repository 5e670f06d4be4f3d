"""``snapplan schema``."""

from __future__ import annotations

import click

from snapplan.cli.console import result
from snapplan.cli.options import repository


@click.command("schema")
@click.argument("name", type=click.Choice(["policy", "config", "plan"]))
@repository
def command(name: str) -> int:
    """Print a JSON Schema: of policy files, of snapplan.yaml, or of plan documents.

    Editors use it through a first line in the file:  # yaml-language-server: $schema=../schemas/policy.schema.json

    \b
    Examples:
      snapplan schema policy > schemas/policy.schema.json
      snapplan schema plan
    """
    from snapplan.config.schema import schema
    from snapplan.render.jsonplan import json_text

    result(json_text(schema(name)))
    return 0
