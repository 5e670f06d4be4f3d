"""Plans that are kept: sealed, written to a file and read back. ``snapplan.plan_check`` says what is taken for a plan."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from snapplan.errors import SnapplanError
from snapplan.plan_check import AGAIN, check, checksum, refuse, stale
from snapplan.planner.digest import digest_of
from snapplan.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BYTES = 512 * 1024 * 1024


def sealed(document: Mapping[str, Any], identity: str) -> dict[str, Any]:
    """Return a plan document with the id ``identity``, its digest and its checksum, and without secrets."""
    text = json.dumps(document, ensure_ascii=False)
    hidden = redact(text)
    made: dict[str, Any] = dict(document) if hidden == text else json.loads(hidden)
    made |= {"id": identity, "digest": digest_of(made)}
    return made | {"checksum": checksum(made)}


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Write a plan to a file that only its owner may read; it appears whole or not at all.

    Raises ``SnapplanError``, also where something else than a file is there: a device such as ``/dev/null`` would be
    replaced by a file, and a link may be one that a stranger's checkout brought.
    """
    import tempfile

    if os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode):
        raise SnapplanError(f"the plan cannot be written to {path}: it is not a regular file", hint="Name another one.")
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except (OSError, UnicodeEncodeError) as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SnapplanError(f"the plan cannot be written to {path}: {reason}") from error


def read(path: Path) -> dict[str, Any]:
    """Return the plan in a file, checked; raises ``PlanStaleError`` where it is none or was changed."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SnapplanError(f"the plan {path} cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        refuse(f"{path} is larger than any plan")
    return check(_parsed(content, str(path)), str(path))


def _parsed(content: bytes, what: str) -> Any:
    try:
        return json.loads(content, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise stale("SP501", f"{what} is not a plan: {error}", AGAIN) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key is given twice")
    return made


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no value")
