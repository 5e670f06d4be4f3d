"""The JSON Schemas (draft 2020-12) of policy files, of ``snapplan.yaml`` and of plan documents, made from the models.

They say what one value may look like; what values mean together is for ``snapplan validate``. ``python -m
snapplan.config.schema FOLDER`` writes them to files.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import types
import typing
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema

from snapplan.models.durations import DURATION_PATTERN
from snapplan.models.plan import FORMAT, INTERNAL, Plan
from snapplan.models.policy import ConfigFile, PolicyFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import BaseModel

    from snapplan.drivers.base import DriverType

NAMES = ("policy", "config", "plan")
DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]

_TITLES = {
    "policy": "A snapplan policy file",
    "config": "snapplan.yaml",
    "plan": "A snapplan plan",
}
_REFERENCE = "#/$defs/{model}"
_INSTANT = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
}
_SCALARS: dict[object, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    type(None): {"type": "null"},
    datetime: _INSTANT,
    timedelta: {"type": "string", "pattern": f"^-?{DURATION_PATTERN.removeprefix('^')}"},
    Any: {},
}


def schema(name: str) -> Schema:
    """Return the JSON Schema called ``policy``, ``config`` or ``plan``; raise ``KeyError`` for any other name.

    ``config`` knows the keys of every installed driver.
    """
    from snapplan.drivers import registry

    return _schema(name, registry.installed() if name == "config" else ())


def file_name(name: str) -> str:
    """Return the name of a schema's file. It is its ``$id`` too: relative, so that nothing is looked up on a network."""
    return f"{name}.schema.json"


def text(name: str) -> str:
    """Return the schema ``name`` as the text of a file."""
    return _text(schema(name))


def write(folder: Path) -> list[Path]:
    """Write all schemas into ``folder`` and return the files. Only the drivers of this package are in them."""
    from snapplan.drivers import registry

    drivers = [driver for driver in registry.installed() if driver.name in registry.BUILT_IN]
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in NAMES:
        path = folder / file_name(name)
        path.write_text(_text(_schema(name, drivers)), encoding="utf-8")
        written.append(path)
    return written


def _text(made: Schema) -> str:
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def _schema(name: str, drivers: Iterable[DriverType]) -> Schema:
    makers = {"policy": lambda: _of_model(PolicyFile), "config": lambda: _config(drivers), "plan": _plan}
    body = makers[name]()
    return {"$schema": DIALECT, "$id": file_name(name), **body, "title": _TITLES[name]}


class _Generator(GenerateJsonSchema):
    """pydantic's own, without a title for each field, and with keys that must match where their pattern is given."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def dict_schema(self, schema: Any) -> Schema:
        made = super().dict_schema(schema)
        if "patternProperties" in made:
            made["additionalProperties"] = False
        return made


def _of_model(model: type[BaseModel]) -> Schema:
    return model.model_json_schema(by_alias=True, ref_template=_REFERENCE, schema_generator=_Generator)


def _config(drivers: Iterable[DriverType]) -> Schema:
    """A backend has its own keys and those of its driver; of a driver that is not known here, anything goes."""
    made = _of_model(ConfigFile)
    definitions: dict[str, Schema] = made["$defs"]
    backend = definitions["Backend"]
    common = backend["properties"]
    backend["allOf"] = []
    for driver in drivers:
        own = _of_model(driver.options)
        definitions.update(own.pop("$defs", {}))
        title = f"{driver.name} backend"
        definitions[title] = {**own, "title": title, "properties": {**common, **own.get("properties", {})}}
        backend["allOf"].append(
            {
                "if": {"properties": {"driver": {"const": driver.name}}, "required": ["driver"]},
                "then": {"$ref": f"#/$defs/{driver.name}%20backend"},
            }
        )
    names = [driver.name for driver in drivers]
    common["driver"] = {**common["driver"], "examples": names}
    return made


def _plan() -> Schema:
    """The document of ``Plan.document()``; a later minor format may have more keys and has a schema of its own."""
    definitions: dict[str, Schema] = {}
    _of_class(Plan, definitions)
    plan = definitions.pop("Plan")
    plan["properties"]["format"] = {"const": FORMAT}
    return {**plan, "$defs": dict(sorted(definitions.items()))}


def _of_type(annotation: Any, definitions: dict[str, Schema]) -> Schema:
    """Return the schema of what ``snapplan.models.plan.plain`` makes of a value of this type."""
    if annotation in _SCALARS:
        return dict(_SCALARS[annotation])
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [_of_type(member, definitions) for member in arguments]}
    if origin is dict:
        return {"type": "object"}
    if origin is tuple:
        return _of_tuple(arguments, definitions)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return {"enum": [member.value for member in annotation]}
    return _of_class(annotation, definitions)


def _of_tuple(members: Sequence[Any], definitions: dict[str, Schema]) -> Schema:
    if len(members) == 2 and members[1] is Ellipsis:
        return {"type": "array", "items": _of_type(members[0], definitions)}
    items = [_of_type(member, definitions) for member in members]
    return {"type": "array", "prefixItems": items, "items": False, "minItems": len(items)}


def _of_class(cls: type, definitions: dict[str, Schema]) -> Schema:
    """Add a data class or named tuple to ``definitions`` and return a reference to it."""
    name = cls.__name__
    if name not in definitions:
        definitions[name] = {}
        # What is only for the applier may be of a type that is not known here.
        unknown = dict.fromkeys(("Triple", "ProfileRequest", "AssignRequest"), str)
        hints = typing.get_type_hints(cls, localns=unknown)
        fields = [field.name for field in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else list(hints)
        shown = [field for field in fields if field not in INTERNAL]
        definitions[name] = {
            "type": "object",
            "description": " ".join((cls.__doc__ or "").split("\n\n")[0].split()),
            "properties": {field: _of_type(hints[field], definitions) for field in shown},
            "required": shown,
            "additionalProperties": False,
        }
    return {"$ref": f"#/$defs/{name}"}


if __name__ == "__main__":
    for _path in write(Path(sys.argv[1] if len(sys.argv) > 1 else "schemas")):
        print(_path)
