"""``snapplan init``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from snapplan.cli.console import notice, result
from snapplan.cli.options import repository
from snapplan.cli.session import session

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """\
# yaml-language-server: $schema=schemas/config.schema.json
version: 1
project: {project}            # part of every mark; snapshots of another project are foreign
backends:
  lab:
    driver: directory
    root: lab                 # holds volumes/NAME/, vms/NAME/ and tenants/NAME/
"""

POLICY = """\
# yaml-language-server: $schema=../schemas/policy.schema.json
profiles:
  gold:
    description: Hourly for a day, daily for two weeks
    timezone: UTC
    periods:
      hourly: {{frequency: hourly, retention: 24h}}
      daily: {{frequency: daily, hour: 2, retention: 14d, min_snapshots: 3}}
assignments:
  all-volumes:
    profile: gold
    targets:
      - {{backend: lab, scope: volume}}
"""


@click.command("init")
@click.option("--project", metavar="NAME", help="Name of the project (default: the folder's name).")
@repository
def command(project: str | None) -> int:
    """Start a policy repository: snapplan.yaml, policies/example.yaml, and schemas for editors.

    Nothing that exists is overwritten. After an update of snapplan or of its drivers, snapplan schema prints the schemas
    anew.

    \b
    Examples:
      snapplan init
      snapplan init -C policies --project production-snapshots
    """
    from snapplan.config.schema import file_name, text

    root = session().folder
    name = _project(project, root)
    files = {
        root / "snapplan.yaml": CONFIG.format(project=name),
        root / "policies" / "example.yaml": POLICY.format(),
        **{root / "schemas" / file_name(kind): text(kind) for kind in ("config", "policy")},
    }
    _write(files)
    for path in files:
        result(f"{path}\n")
    notice("Next: name your backend in snapplan.yaml, then  snapplan validate  and  snapplan plan")
    return 0


def _project(given: str | None, root: Path) -> str:
    from snapplan.errors import CommandLineError
    from snapplan.ids import KEY_NAME

    if given is None:
        cleaned = re.sub(r"[^A-Za-z0-9_.-]+", "-", root.resolve().name).strip("-._")[:63]
        return cleaned or "snapshots"
    if not KEY_NAME.match(given):
        raise CommandLineError(f"{given!r} is not a project's name", hint="Use letters, digits, '.', '_' and '-'.")
    return given


def _write(files: dict[Path, str]) -> None:
    """Create all files; none where one of them exists."""
    from snapplan.errors import CommandLineError

    for path in files:
        if path.exists() or path.is_symlink():
            raise CommandLineError(f"{path} exists already; nothing was written")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
