"""Policy keys and globs for names that a platform lets people choose freely."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from snapplan.ids import KEY_NAME

if TYPE_CHECKING:
    from collections.abc import Container

LONGEST = 63
_FOREIGN = re.compile(r"[^A-Za-z0-9_-]+")
_GLOB_CHARACTERS = re.compile(r"[*?[]")
# What a policy file must not hold in a text, not even escaped.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]")


def key_for(name: str, taken: Container[str], fallback: str) -> str:
    """Return a key made of ``name`` that is not ``taken``; ``fallback`` where nothing of the name can be kept.

    It holds no dot: the default name of a snapshot joins the keys of profile and period by one, so that two pairs could
    end with one name.
    """
    plain = unicodedata.normalize("NFKD", name)
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    base = _FOREIGN.sub("-", plain).strip("-_")[:LONGEST].rstrip("-_") or fallback
    key, number = base, 1
    while key in taken:
        number += 1
        end = f"-{number}"
        key = base[: LONGEST - len(end)] + end
    assert KEY_NAME.match(key)
    return key


def exact_glob(name: str) -> str:
    """Return a glob that matches ``name`` and nothing else."""
    return _GLOB_CHARACTERS.sub(lambda found: f"[{found[0]}]", name)


def name_obstacle(name: str) -> str:
    """Return why no selector can name the target ``name``, or nothing."""
    if not name:
        return "it has no name"
    if _CONTROL.search(name):
        return "its name holds a control character"
    if "@" in name or name.startswith("/") or ".." in name.split("/"):
        return "no address can be made of its name ('@', a leading '/' or '..')"
    if len(exact_glob(name)) > 1024:
        return "its name is too long"
    return ""


def fits_platform_name(name: str) -> bool:
    """Whether ``platform_name`` of a profile or period can hold ``name``."""
    return 1 <= len(name) <= 128 and not re.search("[\x00-\x1f]", name) and not has_control_character(name)


def has_control_character(text: str) -> bool:
    """Whether a policy file cannot hold ``text``."""
    return _CONTROL.search(text) is not None
