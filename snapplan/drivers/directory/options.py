"""The keys that a backend of driver ``directory`` has in ``snapplan.yaml``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from snapplan.drivers.directory.names import name_fault
from snapplan.models.policy import Model
from snapplan.models.values import Glob


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


class NamedPath(Model):
    """A folder that is a target under a name of its own; as a shorthand the path alone may be written."""

    path: Folder = Field(description="The folder, relative to the policy repository.")
    tags: tuple[str, ...] = Field((), description="Tags of this target.")


Named = Annotated[NamedPath, BeforeValidator(_mapping, json_schema_input_type=str | NamedPath)]


class DirectoryOptions(Model):
    """Folders as targets. Paths count from the policy repository; ``~`` is the user's home."""

    root: Folder | None = Field(
        None, description="A folder that holds `volumes/NAME/`, `vms/NAME/` and `tenants/NAME/`."
    )
    store: Folder | None = Field(
        None, description="Where snapshots are kept (default `ROOT/.snapplan`; required without `root`)."
    )
    volumes: dict[ObjectName, Named] = Field({}, description="Folders that are volumes, by name.")
    vms: dict[ObjectName, Named] = Field({}, description="Folders that are VMs, by name.")
    tenants: dict[ObjectName, Named] = Field({}, description="Folders that are tenants, by name.")
    tags: dict[Glob, tuple[str, ...]] = Field({}, description="Tags of targets, by `scope/name` glob.")
    content_hashes: bool = Field(
        False,
        strict=True,
        description="Keep a SHA-256 of each file in the manifest, and check it on restore.",
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
