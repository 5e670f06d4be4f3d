"""Worlds written in a few readable lines, one target a line.

    vm/web: disk=AAAA, def=one
    volume/a: f=1, sub/g=2
    tenant/acme/vm/db: disk=X

A line that begins with a tenant is an object inside it: part of the tenant's content, not a target. The content of a
tenant has paths such as ``vm/db/disk``; that of the cloud has paths such as ``tenant/acme/vm/db/disk``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.models.target import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class WorldTarget(NamedTuple):
    """One target with its bytes by path."""

    scope: Scope
    name: str
    files: Mapping[str, bytes]

    @property
    def path(self) -> str:
        """``vm/web``."""
        return f"{self.scope}/{self.name}"


def parse_world(text: str) -> list[WorldTarget]:
    """Return the targets that the lines of ``text`` describe. Raises ``ValueError`` for a line that is not one."""
    found: dict[tuple[Scope, str], dict[str, bytes]] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        path, colon, content = line.partition(":")
        scope, _, rest = path.partition("/")
        if not colon or not rest:
            raise ValueError(f"{line!r} is not SCOPE/NAME: PATH=CONTENT, ...")
        name, inside = rest, ""
        if scope == Scope.TENANT:
            name, _, inside = rest.partition("/")
        files = found.setdefault((Scope(scope), name), {})
        for part in filter(None, map(str.strip, content.split(","))):
            file, _, data = part.partition("=")
            files[f"{inside}/{file}" if inside else file] = data.encode()
    return [WorldTarget(scope, name, files) for (scope, name), files in found.items()]


def content_of(targets: Iterable[WorldTarget], path: str) -> dict[str, bytes]:
    """Return the bytes by path of the target at ``path`` (``vm/web``, or ``cloud`` for all)."""
    if path == Scope.CLOUD:
        return {f"{each.path}/{file}": data for each in targets for file, data in each.files.items()}
    return next(dict(each.files) for each in targets if each.path == path)
