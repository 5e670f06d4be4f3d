"""What the options of the group and of each command set for the whole process."""

from __future__ import annotations

from pathlib import Path

import click


class Session:
    """The policy repository's folder and how errors are shown. One per process; click hands it to the commands."""

    def __init__(self) -> None:
        """Start with the working folder and one-line errors."""
        self.directory: Path | None = None
        self.debug = False

    @property
    def folder(self) -> Path:
        """``-C DIR``, or the working folder."""
        return self.directory if self.directory is not None else Path()

    @property
    def root(self) -> Path:
        """The policy repository: the nearest one at or above ``folder``, or ``folder`` where there is none."""
        from snapplan.config.files import find_root

        return find_root(self.folder) or self.folder


def session() -> Session:
    """Return the session of the command that is running."""
    found: Session = click.get_current_context().ensure_object(Session)
    return found
