"""References to secrets, resolved when a backend is opened. No function here puts a value into a message."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from snapplan.models.values import SECRET_REFERENCE, SecretReference

__all__ = ["SecretError", "SecretReference", "resolve"]

MAX_SECRET_BYTES = 64 * 1024


class SecretError(ValueError):
    """A reference cannot be resolved. The message names the variable or file and says why, never a value."""


def resolve(reference: str, base: Path) -> str:
    """Return what ``${env:NAME}`` or ``${file:PATH}`` stands for.

    ``base`` is the folder that a relative path counts from; ``~`` is the user's home. A file's last line end is not part
    of the secret. Raises ``SecretError`` where the variable is not set or empty, or the file cannot be read or is empty.
    """
    if not SECRET_REFERENCE.fullmatch(reference):
        raise SecretError("a secret is a reference: ${env:NAME} or ${file:PATH}")
    kind, _, name = reference[2:-1].partition(":")
    return _from_environment(name) if kind == "env" else _from_file(base, name)


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise SecretError(f"the environment variable {name} is not set")
    if not value:
        raise SecretError(f"the environment variable {name} is empty")
    return value


def _from_file(base: Path, name: str) -> str:
    try:
        path = base / Path(name).expanduser()
        if not path.is_file():
            raise SecretError(f"the secret file {name} {'is not a file' if path.exists() else 'does not exist'}")
        # Without O_NONBLOCK a pipe that was put there since would wait for a writer for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise SecretError(f"the secret file {name} is not a file")
            content = file.read(MAX_SECRET_BYTES + 1)
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise SecretError(f"the secret file {name} is not UTF-8 text") from None
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no home folder"
        raise SecretError(f"the secret file {name} cannot be read: {reason}") from None
    if len(content) > MAX_SECRET_BYTES:
        raise SecretError(f"the secret file {name} is larger than {MAX_SECRET_BYTES // 1024} KiB")
    value = text.removesuffix("\n").removesuffix("\r")
    if not value:
        raise SecretError(f"the secret file {name} is empty")
    return value
