"""What the operating system refused, as the errors of the driver contract."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from snapplan.drivers.directory.linux import shown_path
from snapplan.errors import BackendError, RefusedError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def describe(error: OSError) -> str:
    """Return ``No such file or directory: '/srv/a'``: the system's words and the path, without the number."""
    text = os.strerror(error.errno) if error.errno else str(error)
    return text if error.filename is None else f"{text}: {shown_path(os.fsdecode(error.filename))!r}"


def refusal(backend: str, doing: str, error: OSError) -> BackendError:
    """Return the typed error for ``error``, met while ``doing`` ("take vm/web@x"), after which nothing was done."""
    sentence = f"cannot {doing}: {describe(error)}"
    if error.errno in _FULL:
        return RefusedError(backend, sentence, hint="free some space on the store's filesystem, or raise the quota")
    if error.errno in _FORBIDDEN:
        return RefusedError(
            backend, sentence, hint="run snapplan as a user who may read the targets and write the store"
        )
    if error.errno == errno.EEXIST:
        # What is made is always new, so two names have become one.
        hint = "the filesystem it is copied to takes two names for the same, perhaps as they differ only in case"
        return RefusedError(backend, sentence, hint=hint)
    return BackendError(backend, sentence)


@contextmanager
def refusing(backend: str, doing: str) -> Iterator[None]:
    """Turn an ``OSError`` of the block into a typed error; the block cleans up after itself."""
    try:
        yield
    except OSError as error:
        raise refusal(backend, doing, error) from error


@contextmanager
def reaching(backend: str, doing: str) -> Iterator[None]:
    """Turn an ``OSError`` of a listing into ``UnreachableError``: what was read so far is no answer."""
    try:
        yield
    except OSError as error:
        raise UnreachableError(backend, f"cannot {doing}: {describe(error)}") from error
