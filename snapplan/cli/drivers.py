"""``snapplan drivers``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from snapplan.cli.console import out_style, result
from snapplan.cli.options import data_format, repository

if TYPE_CHECKING:
    from snapplan.drivers.base import DriverType


@click.group("drivers", invoke_without_command=True)
@repository
@click.pass_context
def command(context: click.Context) -> int:
    """Show the drivers that are installed, and what each can do.

    \b
    Examples:
      snapplan drivers
      snapplan drivers list --format json
    """
    if context.invoked_subcommand is None:
        returned: int = context.invoke(listed, form="text")
        return returned
    return 0


@command.command("list")
@data_format
@repository
def listed(form: str) -> int:
    """List the drivers that are installed.

    \b
    Examples:
      snapplan drivers list --format json
    """
    from snapplan.drivers.registry import installed

    rows = [_row(driver) for driver in installed()]
    if form == "json":
        from snapplan.render.jsonplan import json_text

        result(json_text(rows))
    else:
        from snapplan.render.listing import drivers_text

        result(drivers_text(rows, style=out_style()))
    return 0


def _row(driver: DriverType) -> dict[str, Any]:
    capabilities = driver.capabilities
    return {
        "driver": driver.name,
        "summary": driver.summary,
        "scopes": sorted(capabilities.scopes),
        "quiesce": sorted(capabilities.quiesce),
        "restores": [
            {"target": path.target.value, "source": path.source.value, "mode": path.mode.value}
            for path in sorted(capabilities.restores, key=lambda path: (path.target, path.mode, path.source))
        ],
        "period_fields": sorted(capabilities.period_fields),
        "native_schedule": sorted(capabilities.native_schedule),
        "expires_itself": capabilities.expires_itself,
    }
