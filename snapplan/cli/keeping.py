"""How ``plan`` keeps a plan for a later ``apply``: in a file, in the catalog, or both."""

from __future__ import annotations

import secrets
import shlex
from typing import TYPE_CHECKING, Any

from snapplan.cli.planning import apply_command, command_words
from snapplan.errors import CommandLineError

if TYPE_CHECKING:
    from pathlib import Path

    from snapplan.workspace import Workspace

SHOWN_DIGITS = 12


def refuse_in_memory(workspace: Workspace) -> None:
    """Raise ``CommandLineError`` where the catalog ends with the command: nobody could tell that the plan was used."""
    if workspace.catalog.url == "memory:":
        raise CommandLineError(
            "with the catalog in memory a plan cannot be kept: nobody could tell later that it was used",
            hint="Set catalog: in snapplan.yaml to a file.",
        )


def kept(
    workspace: Workspace, document: dict[str, Any], out: Path | None, *, save: bool, seal: bool
) -> tuple[dict[str, Any], str]:
    """Seal a plan (where it is kept, or with ``seal``) and keep it; return it and the command that carries it out."""
    if out is None and not save and not seal:
        return document, apply_command(document)
    from snapplan.plan_file import sealed, write

    document = sealed(document, secrets.token_hex(16))
    following = apply_command(document)
    if save:
        _save(workspace, document)
        following = shlex.join(command_words("apply", "--approved", document["digest"][:SHOWN_DIGITS]))
    if out is not None:
        write(out, document)
        following = shlex.join(command_words("apply", str(out)))
    return document, following


def _save(workspace: Workspace, document: dict[str, Any]) -> None:
    from snapplan import clock
    from snapplan.catalog.owner import current_owner

    workspace.catalog.save_plan(document, current_owner(), clock.now())
