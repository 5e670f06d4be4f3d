"""Names are bytes that mean UTF-8, whatever the locale says: a folder must not be another target under another locale.

Python decodes file names, arguments and output by the locale. Under ISO-8859-1 the folder ``Büro`` would read as
``BÃ¼ro``: a target that nobody knows, and the known one would be gone.
"""

from __future__ import annotations

import os
import sys

from snapplan.errors import SnapplanError

UTF8 = "utf-8"


def is_utf8() -> bool:
    """Whether this process reads and writes names as UTF-8."""
    return sys.getfilesystemencoding() == UTF8


def restart_as_utf8() -> None:
    """Start this process anew in Python's UTF-8 mode, unless it reads names as UTF-8 already.

    The environment stays as it is, so that the commands we run (freeze, thaw) find the locale that they were written for.
    Returns where that is not possible; ``require_utf8`` refuses then.
    """
    if is_utf8() or sys.flags.utf8_mode or not sys.executable:
        return
    arguments = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
    try:
        os.execv(sys.executable, arguments)
    except OSError:
        return


def require_utf8() -> None:
    """Raise ``SnapplanError`` where names would be read in another encoding than UTF-8."""
    if not is_utf8():
        raise SnapplanError(
            f"this process reads names as {sys.getfilesystemencoding()}, and snapplan needs UTF-8; nothing was done",
            hint="Set LC_ALL=C.UTF-8 or PYTHONUTF8=1.",
        )
