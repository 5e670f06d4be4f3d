"""Names of targets and snapshots as folder names, and back.

A folder name is bytes. Those that are not UTF-8 are shown with the odd bytes as ``%E9``, so that a name can be printed,
matched and recorded like any other; the folder keeps its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LONGEST = 255
_ODD_BYTES = range(0xDC80, 0xDD00)


def name_fault(name: str) -> str:
    """Return in a sentence why ``name`` cannot be the name of a folder, or an empty text."""
    if not name or name in {".", ".."}:
        return f"{name!r} is no name for a folder"
    if "/" in name or "\0" in name:
        return f"{name!r} holds a path separator or a NUL character"
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return f"{name!r} is not valid text"
    return f"{name[:40]!r}... is longer than {LONGEST} bytes" if size > LONGEST else ""


def shown_name(folder: str) -> str:
    """Return the name under which the folder ``folder`` (as Python decodes it) is known."""
    if folder.isascii() or not any(ord(character) in _ODD_BYTES for character in folder):
        return folder
    return "".join(
        f"%{ord(character) - 0xDC00:02X}" if ord(character) in _ODD_BYTES else character for character in folder
    )


def folder_named(parent: Path, name: str) -> Path:
    """Return the folder in ``parent`` that is known as ``name``; it need not exist."""
    plain = parent / name
    if "%" not in name or plain.exists():
        return plain
    if not parent.is_dir():
        return plain
    return next((child for child in parent.iterdir() if shown_name(child.name) == name), plain)
