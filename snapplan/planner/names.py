"""How snapshots are named. Names are derived from identity and never parsed back."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from snapplan.ids import compact_instant

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from snapplan.models.target import Capabilities, Target

DEFAULT_TEMPLATE = "{{ profile }}.{{ period }}.{{ slot }}"
HASH_LENGTH = 8


def scheduled_name(template: str, target: Target, project: str, profile: str, period: str, slot: datetime) -> str:
    """Return the name that the policy's template gives to the snapshot of a slot; the slot is in UTC."""
    if template == DEFAULT_TEMPLATE:
        return f"{profile}.{period}.{compact_instant(slot)}"
    fields = {
        "profile": profile,
        "period": period,
        "slot": compact_instant(slot),
        "project": project,
        "backend": target.backend,
        "scope": str(target.scope),
        "target": target.name,
    }
    return _render(template, fields)


def manual_name(key: str) -> str:
    """Return the name of a manual snapshot."""
    return f"manual.{key}"


def fitting(name: str, identity: str, capabilities: Capabilities, taken: Collection[str] = ()) -> str:
    """Return ``name`` as the backend can carry it: no reserved characters, within its length, unlike all of ``taken``.

    Whatever had to be changed gets a suffix made of ``identity``, so that two identities never share a name.
    """
    reserved = capabilities.reserved_in_names
    clean = "".join("-" if character in reserved or not character.isprintable() else character for character in name)
    if clean == name and clean and len(clean.encode()) <= capabilities.max_name_length and clean not in taken:
        return clean
    for attempt in range(len(taken) + 1):
        seed = identity if attempt == 0 else f"{identity} {attempt}"
        suffix = "-" + hashlib.sha256(seed.encode()).hexdigest()[:HASH_LENGTH]
        shortened = clean.encode()[: capabilities.max_name_length - len(suffix)].decode(errors="ignore")
        candidate = shortened + suffix
        if candidate not in taken:
            return candidate
    raise AssertionError("a name is left: there is one attempt more than there are names taken")


@lru_cache(maxsize=8)
def _compiled(template: str) -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False).from_string(template)


def _render(template: str, fields: Mapping[str, str]) -> str:
    return str(_compiled(template).render(fields))
