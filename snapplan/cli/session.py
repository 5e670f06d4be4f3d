"""What the options of the group and of each command set for the whole process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from snapplan.config.load import Loaded
    from snapplan.workspace import Workspace

TRUST_VARIABLE = "SNAPPLAN_TRUST"


class Session:
    """The policy repository's folder and how errors are shown. One per process; click hands it to the commands."""

    def __init__(self) -> None:
        """Start with the working folder and one-line errors."""
        self.directory: Path | None = None
        self.debug = False
        self.commit: str | None = None
        self._trust: str | None = None

    @property
    def folder(self) -> Path:
        """``-C DIR``, or the working folder."""
        return self.directory if self.directory is not None else Path()

    @property
    def root(self) -> Path:
        """The policy repository: the nearest one at or above ``folder``, or ``folder`` where there is none.

        Raises ``CommandLineError`` for one above that somebody else owns: in a folder that many may write to, such as
        ``/tmp``, anybody could put one, and its commands would be run. In the working folder itself, for one that belongs
        neither to a user we trust nor to the folder's owner.
        """
        from snapplan.config.files import absolute, find_root

        found = find_root(self.folder)
        if found is None:
            return self.folder
        config = found / "snapplan.yaml"
        is_above = found != absolute(self.folder)
        if is_above or (self.directory is None and config.lstat().st_uid != found.stat().st_uid):
            _refuse_foreign(config)
        return found

    @property
    def trust(self) -> str | None:
        """``--trust REV``, or what ``SNAPPLAN_TRUST`` says; ``None`` where the checkout is trusted.

        Raises ``CommandLineError`` where the variable is empty: a pipeline that has no commit to put there, as for another
        kind of event, must not come to trust everything.
        """
        if self._trust is not None:
            return self._trust
        named = os.environ.get(TRUST_VARIABLE)
        if named is not None and not named.strip():
            from snapplan.errors import CommandLineError

            hint = "Name the commit to trust, or unset it where the checkout itself is trusted."
            raise CommandLineError(f"{TRUST_VARIABLE} is set and names no commit", hint=hint)
        return named

    @trust.setter
    def trust(self, revision: str | None) -> None:
        self._trust = revision

    def load(self) -> Loaded:
        """Read the policy repository and nothing else, as ``open`` does."""
        if self.trust is not None:
            from snapplan.trust import load_trusted

            return load_trusted(self.root, self.trust).loaded
        from snapplan.config.load import load_repository

        return load_repository(self.root)

    def open(self, *, writable: bool, saves: bool = False, may_be_empty: bool = False) -> Workspace:
        """Open the policy repository with its catalog and its backends; see ``Workspace.open``.

        Raises ``BlockedError`` where something is to be changed and the checkout is not trusted.
        """
        from snapplan.workspace import Workspace

        if writable or saves:
            self.require_trust()
        return Workspace.open(
            self.root, writable=writable, saves=saves, may_be_empty=may_be_empty, commit=self.commit, trust=self.trust
        )

    def require_trust(self) -> None:
        """Raise ``BlockedError`` where the checkout is not trusted; for what changes something."""
        if self.trust is not None:
            from snapplan.errors import BlockedError

            hint = f"Unset {TRUST_VARIABLE} on a runner that applies, and never check out there what anybody may push."
            raise BlockedError("the checkout is not trusted, so nothing is changed from it", hint=hint)


def _refuse_foreign(config: Path) -> None:
    from snapplan.config.checkout import owner_of, trusted_owners

    owner = owner_of(config)
    if owner is not None and owner not in trusted_owners():
        from snapplan.errors import CommandLineError

        hint = f"Where you trust it: -C {config.parent}"
        raise CommandLineError(f"{config} belongs to another user (id {owner}), so it is not used from here", hint=hint)


def session() -> Session:
    """Return the session of the command that is running."""
    found: Session = click.get_current_context().ensure_object(Session)
    return found
