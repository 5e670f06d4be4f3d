"""The keys that a backend of driver ``directory`` has in ``snapplan.yaml``."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from snapplan.drivers.directory.names import name_fault
from snapplan.models.policy import Model
from snapplan.models.values import Glob

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def _object_name(name: str) -> str:
    fault = name_fault(name)
    if fault:
        raise ValueError(fault)
    return name


def _folder(path: str) -> str:
    if "\0" in path:
        raise ValueError("a path holds no NUL character")
    return path


def _mapping(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


Folder = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_folder)]
ObjectName = Annotated[str, AfterValidator(_object_name)]


class Traits(Model):
    """How the captures of one target are judged."""

    unreadable: Literal["report", "skip"] = Field(
        "report", description="`skip` where what cannot be read may be left out: then that is no gap in a snapshot."
    )
    mounts: Literal["skip", "error"] = Field(
        "skip", description="`error` where a filesystem that is mounted inside the target, and left out, is a gap."
    )
    may_be_empty: bool = Field(
        False, strict=True, description="Whether the target may lose all its content without being suspicious."
    )


class NamedPath(Traits):
    """A folder that is a target under a name of its own; as a shorthand the path alone may be written."""

    path: Folder = Field(description="The folder, relative to the policy repository.")
    tags: tuple[str, ...] = Field((), description="Tags of this target.")


Named = Annotated[NamedPath, BeforeValidator(_mapping, json_schema_input_type=str | NamedPath)]


class DirectoryOptions(Traits):
    """Folders as targets. Paths count from the policy repository; ``~`` is the user's home."""

    root: Folder | None = Field(
        None, description="A folder that holds `volumes/NAME/`, `vms/NAME/` and `tenants/NAME/`."
    )
    store: Folder | None = Field(
        None, description="Where snapshots are kept (default `ROOT/.snapplan`; required without `root`)."
    )
    store_id: str | None = Field(
        None,
        pattern="[0-9a-f]{32}",
        description="The id of the store, as `snapplan drivers init` gives it: another one in its place is not read, and"
        " none is made. Worth writing where the catalog is `memory:`.",
    )
    volumes: dict[ObjectName, Named] = Field({}, description="Folders that are volumes, by name.")
    vms: dict[ObjectName, Named] = Field({}, description="Folders that are VMs, by name.")
    tenants: dict[ObjectName, Named] = Field({}, description="Folders that are tenants, by name.")
    tags: dict[Glob, tuple[str, ...]] = Field({}, description="Tags of targets, by `scope/name` glob.")
    targets: dict[Glob, Traits] = Field(
        {},
        description="`unreadable`, `mounts` and `may_be_empty` of single targets, by `scope/name` glob; the first counts.",
    )
    content_hashes: bool | None = Field(
        None,
        strict=True,
        description="Keep a SHA-256 of each file in the manifest, and check it on restore and by `snapplan verify`. By"
        " default of the files whose data is copied anyway, not of those that share it (reflink); `true` reads those too.",
    )
    parallel: int = Field(4, strict=True, ge=1, le=16, description="How many snapshots may be under way at once.")

    store_lock: Literal["shared", "local"] = Field(
        "shared",
        description="`local` where nobody on another machine writes to this store, although its filesystem is shared: locks"
        " there do not reach other machines.",
    )
    store_permissions: Literal["check", "ignore"] = Field(
        "check", description="`ignore` where the store's filesystem has neither owners nor modes."
    )

    @model_validator(mode="after")
    def _has_targets_and_store(self) -> DirectoryOptions:
        if self.root is None and not (self.volumes or self.vms or self.tenants):
            raise ValueError("give a root, or named paths under volumes, vms or tenants")
        if self.root is None and self.store is None:
            raise ValueError("without a root, store says where snapshots are kept")
        return self

    def traits(self, key: str) -> Traits:
        """Return how captures of the target ``scope/name`` are judged: as its own entry says, else as the backend does."""
        scope, _, name = key.partition("/")
        named: dict[str, NamedPath] = {"volume": self.volumes, "vm": self.vms, "tenant": self.tenants}.get(scope, {})
        matching = next((traits for glob, traits in self.targets.items() if fnmatchcase(key, glob)), None)
        fields = {field: getattr(self, field) for field in Traits.model_fields}
        for own in (matching, named.get(name)):
            if own is not None:
                fields |= {field: getattr(own, field) for field in fields if field in own.model_fields_set}
        return Traits(**fields)


def nested(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the named targets that lie inside another one, as their paths are written: (``volume/a``, ``volume/b``).

    What only the disk can tell, behind a link, is found when the folders are listed.
    """
    places = sorted((key, os.path.normpath(path)) for key, path in _named_paths(options))
    at: dict[str, list[str]] = {}
    for key, path in places:
        at.setdefault(path, []).append(key)
    for inner, path in places:
        yield from ((outer, inner) for outer in at[path] if outer < inner)
        above = path
        while (following := os.path.dirname(above)) not in (above, ""):  # noqa: PTH120
            above = following
            yield from ((outer, inner) for outer in at.get(above, ()))


def _named_paths(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for scope in ("tenant", "vm", "volume"):
        entries = options.get(f"{scope}s")
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            path = entry.get("path") if isinstance(entry, dict) else entry
            if isinstance(path, str):
                yield f"{scope}/{name}", path
