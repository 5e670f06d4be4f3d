"""The reference of all keys that people write, made from the models that validate them."""

from __future__ import annotations

import typing
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel

from snapplan.drivers import registry
from snapplan.models import policy
from snapplan.models.durations import DURATION_PATTERN, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snapplan.drivers.base import DriverType

DRIVER_FIELDS = tuple(
    name
    for name in policy.Period.model_fields
    if name in ("quiesce", "max_tier", "immutable", "private", "type", "partial_tags", "quiesce_tags")
)
"""The period fields that not every driver honours (``Capabilities.period_fields``)."""


class Level(NamedTuple):
    """A mapping that holds keys: its path in the file, and the model behind it."""

    path: str
    model: type[BaseModel]


CONFIG = (
    Level("", policy.ConfigFile),
    Level("backends.NAME", policy.Backend),
    Level("backends.NAME.quiesce_commands.GLOB", policy.QuiesceCommands),
    Level("guards", policy.Guards),
    Level("guards.max_expire", policy.MaxExpire),
    Level("guards.max_expire_scheduled, guards.max_unassign, guards.inventory", policy.MaxPercent),
    Level("orphans", policy.Orphans),
    Level("naming", policy.Naming),
    Level("defaults", policy.Defaults),
)
POLICY = (
    Level("", policy.PolicyFile),
    Level("profiles.NAME", policy.Profile),
    Level("profiles.NAME.periods.NAME", policy.Period),
    Level("assignments.NAME", policy.Assignment),
    Level("targets[] of assignments, snapshots and objectives", policy.Selector),
    Level("snapshots.NAME", policy.ManualSnapshot),
    Level("restores.NAME", policy.Restore),
    Level("restores.NAME.from", policy.RestoreSource),
    Level("objectives.NAME", policy.Objective),
    Level("moved[]", policy.Moved),
)


def lines() -> Iterator[str]:
    """Yield the page, line by line."""
    drivers = registry.installed()
    yield from (
        "# Policy keys",
        "",
        "Made from the models by `python -m docs.generate`; do not edit.",
        "",
        "Durations carry a unit: `s` `m` `h` `d` (86,400 seconds) `w` (7 d) `y` (365 d); `1d12h` adds up. Instants carry a",
        "UTC offset (`2026-11-22T02:00Z`), wall times carry none. Globs know `*` `?` and `[...]`; `*` also matches `/`.",
        "A key that is not listed is an error.",
        "",
        "## `snapplan.yaml`",
        "",
    )
    for level in CONFIG:
        yield from _section(level, drivers)
    for driver in drivers:
        for level in driver_levels(driver):
            yield from _section(level, drivers)
    yield from ("## Policy files", "", "Any number of files may hold any of the sections; they are merged.", "")
    for level in POLICY:
        yield from _section(level, drivers)


def driver_levels(driver: DriverType) -> list[Level]:
    """Return the keys of a driver, level by level: its own, and those of the mappings below them."""
    levels = [Level(f"backends.NAME with driver: {driver.name}", driver.options)]
    for level in levels:
        for name, field in level.model.model_fields.items():
            for model, many in _models_in(field.annotation, ""):
                path = f"{name}{many}" if level.model is driver.options else f"{level.path.split(' ')[0]}.{name}{many}"
                if all(known.model is not model for known in levels):
                    levels.append(Level(f"{path} of driver: {driver.name}", model))
    return levels


def _models_in(annotation: Any, many: str) -> Iterator[tuple[type[BaseModel], str]]:
    """Yield the models that a field holds, each with what its path ends in: ``[]`` in a list, ``.NAME`` in a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, many
    inside = {dict: ".NAME", tuple: "[]"}.get(typing.get_origin(annotation), many)
    for argument in typing.get_args(annotation):
        yield from _models_in(argument, inside)


def _section(level: Level, drivers: list[DriverType]) -> Iterator[str]:
    schema = level.model.model_json_schema(by_alias=True)
    by_period = level.model is policy.Period
    if level.path:
        yield from (f"### `{level.path}`", "")
    yield from (_sentence(schema.get("description", "")), "")
    yield "| key | type | default | meaning |" + (" drivers |" if by_period else "")
    yield "|---|---|---|---|" + ("---|" if by_period else "")
    required = schema.get("required", ())
    for name, field in level.model.model_fields.items():
        key = field.alias or name
        shape = schema["properties"][key]
        default = "required" if key in required else _default(field.get_default(call_default_factory=True))
        cells = [f"`{key}`", _type(shape, schema.get("$defs", {})), default, field.description or ""]
        if by_period:
            cells.append(honouring(name, drivers))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def honouring(field: str, drivers: list[DriverType]) -> str:
    """Return the names of the drivers that honour a period field."""
    if field not in DRIVER_FIELDS:
        return "all"
    names = [driver.name for driver in drivers if field in driver.capabilities.period_fields]
    return ", ".join(names) or "none yet"


def _sentence(text: str) -> str:
    return " ".join(text.split()).replace("``", "`")


def _default(value: object) -> str:
    if value is None or value == "" or isinstance(value, BaseModel) or value in ({}, ()):
        return ""
    if isinstance(value, timedelta):
        return f"`{format_duration(value)}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{value.value if isinstance(value, Enum) else value}`"


def _type(shape: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Return in a few words what a value may look like."""
    if "$ref" in shape:
        return _type(definitions[shape["$ref"].rsplit("/", 1)[1]], definitions)
    if "anyOf" in shape:
        parts = [_type(part, definitions) for part in shape["anyOf"] if part.get("type") != "null"]
        return " or ".join(dict.fromkeys(parts))
    if "const" in shape:
        return f"`{shape['const']}`"
    if "enum" in shape:
        return " ".join(f"`{choice}`" for choice in shape["enum"])
    if "properties" in shape:
        return "mapping"
    return _plain_type(shape, definitions)


def _plain_type(shape: dict[str, Any], definitions: dict[str, Any]) -> str:
    kind = shape.get("type")
    if kind == "string":
        return _text_type(shape)
    if kind in ("integer", "number"):
        word = "whole number" if kind == "integer" else "number"
        low, high = shape.get("minimum"), shape.get("maximum")
        return word if low is None else f"{word} {low:g} to {high:g}" if high is not None else f"{word} from {low:g}"
    if kind == "array":
        return f"list of {_type(shape.get('items', {}), definitions)}"
    if kind == "object":
        values = shape.get("additionalProperties") or next(iter(shape.get("patternProperties", {}).values()), {})
        return f"mapping to {_type(values, definitions)}" if isinstance(values, dict) and values else "mapping"
    return {"boolean": "`true` `false`"}.get(str(kind), "any")


def _text_type(shape: dict[str, Any]) -> str:
    if shape.get("pattern") == DURATION_PATTERN:
        return "duration"
    example = str(next(iter(shape.get("examples", ())), ""))
    if example.endswith("Z"):
        return "instant"
    if example.startswith("${"):
        return "secret reference"
    return "wall time" if example[:2] == "20" else "text"
