"""The ``snapplan`` command. ``--version`` is answered before anything else is imported (start-up time)."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; exits with the codes of ``docs/reference/exit-codes.md``."""
    if sys.argv[1:] == ["--version"]:
        from snapplan.version import __version__

        sys.stdout.write(f"snapplan {__version__}\n")
        return
    if sys.getfilesystemencoding() != "utf-8":
        from snapplan.encoding import restart_as_utf8

        restart_as_utf8()
    # Looking for pydantic plugins reads the metadata of all installed packages; we use none (start-up time).
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from snapplan.cli.main import run

    run()


if __name__ == "__main__":
    main()
