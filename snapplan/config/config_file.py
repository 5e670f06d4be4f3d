"""``snapplan.yaml`` as a model: its own keys, the keys of each backend's driver, and where secrets may stand."""

from __future__ import annotations

import re
import typing
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretStr, ValidationError

from snapplan.config.explain import kind, report, show, suggest
from snapplan.config.structure import SECTIONS, read
from snapplan.errors import SnapplanError
from snapplan.models.policy import Backend, ConfigFile
from snapplan.models.values import SECRET_REFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from snapplan.config.source import Findings, Source
    from snapplan.config.yaml import Path
    from snapplan.drivers.base import DriverType

CONFIG_FILE = "snapplan.yaml"
CONFIG = "config"
BROKEN_BACKEND = Backend.model_construct(driver="")
"""What stands for a backend that had errors of its own; later checks leave it out."""

MAX_BACKENDS = 2_000
LONGEST_URL = 2_000


def read_config(source: Source, findings: Findings) -> ConfigFile | None:
    """Return ``snapplan.yaml`` as far as it can be read; its errors are in ``findings`` under ``("config", ...)``."""
    data = source.document.data
    if not isinstance(data, dict):
        if source.document.complete:
            where = source.locate(())[0]
            hint = "it needs at least version, project and backends; snapplan init writes one"
            findings.in_file(source, "SP106", where, f"{CONFIG_FILE} must be a mapping, not {kind(data)}", hint=hint)
        return None
    raw = {key: value for key, value in data.items() if not _is_section(key, findings)}
    if isinstance(backends := raw.get("backends"), dict):
        if len(backends) > MAX_BACKENDS:
            summary = f"there are {len(backends):,} backends; {MAX_BACKENDS:,} at most"
            findings.error("SP103", (CONFIG, "backends"), summary, hint="split the repository")
            return None
        drivers: dict[str, DriverType | None] = {}
        raw["backends"] = {name: _backend(source, name, value, findings, drivers) for name, value in backends.items()}
    _refuse_password(raw.get("catalog"), source, findings)
    for path, text in _texts({key: value for key, value in data.items() if key != "backends"}, ()):
        if _has_reference(text):
            _refuse_reference((CONFIG, *path), findings)
    return read(ConfigFile, raw, (CONFIG,), findings, noun=CONFIG_FILE)


def _is_section(key: str, findings: Findings) -> bool:
    if key not in SECTIONS and key != "moved":
        return False
    hint = "move it to a policy file, such as policies/main.yaml"
    findings.error("SP104", (CONFIG, key), f'"{key}" belongs in a policy file, not in {CONFIG_FILE}', hint=hint)
    return True


def _backend(
    source: Source, name: str, raw: object, findings: Findings, drivers: dict[str, DriverType | None]
) -> Backend:
    """Check one backend: the keys that all have, then those of its driver. ``drivers`` are those that were looked for."""
    path = (CONFIG, "backends", name)
    backend = read(Backend, raw, path, findings, noun="a backend")
    if backend is None or not isinstance(raw, dict):
        return BROKEN_BACKEND
    driver = drivers.get(backend.driver)
    if driver is None and backend.driver in drivers:
        findings.error("SP203", (*path, "driver"), f"there is no driver {show(backend.driver)}", value=True)
    elif driver is None:
        driver = drivers[backend.driver] = _driver(backend.driver, path, findings)
    if driver is None:
        return BROKEN_BACKEND
    secrets = {place: value for pattern in secret_paths(driver.options) for place, value in _places(raw, pattern, ())}
    for place, value in secrets.items():
        if not (isinstance(value, str) and SECRET_REFERENCE.fullmatch(value)):
            source.hide(("backends", name, *place))
    own = {key: value for key, value in raw.items() if key not in Backend.model_fields}
    try:
        driver.options.model_validate(own)
    except ValidationError as error:
        noun = f"a backend of driver {driver.name}"
        report(error, own, path, findings, model=driver.options, noun=noun, also=list(Backend.model_fields))
    for place, text in _texts(raw, ()):
        if _has_reference(text) and place not in secrets:
            _refuse_reference((*path, *place), findings)
    return backend


def _driver(name: str, path: Path, findings: Findings) -> DriverType | None:
    from snapplan.drivers import registry

    try:
        driver = registry.find(name)
    except SnapplanError as error:
        findings.error("SP203", (*path, "driver"), str(error), value=True, hint=error.hint)
        return None
    if driver is None:
        hint = suggest(name, registry.names())
        findings.error("SP203", (*path, "driver"), f"there is no driver {show(name)}", value=True, hint=hint)
    return driver


def secret_paths(model: type[BaseModel]) -> set[Path]:
    """Return the paths of the keys of ``model`` that hold secrets, at any depth; ``*`` is any key or position."""
    fields = model.model_fields.items()
    return {(field.alias or name, *inner) for name, field in fields for inner in _secrets_in(field.annotation)}


def _secrets_in(annotation: Any) -> set[Path]:
    if annotation is SecretStr:
        return {()}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return secret_paths(annotation)
    inner = {path for member in typing.get_args(annotation) for path in _secrets_in(member)}
    holds_many = typing.get_origin(annotation) in (dict, list, tuple, set, frozenset)
    return {("*", *path) for path in inner} if holds_many else inner


def _places(value: object, pattern: Path, above: Path) -> Iterator[tuple[Path, object]]:
    """Yield each value below ``value`` that ``pattern`` finds, with its path."""
    if not pattern:
        yield above, value
        return
    items: Mapping[str, object] = {}
    if isinstance(value, dict):
        items = value
    elif isinstance(value, list):
        items = {str(index): item for index, item in enumerate(value)}
    for key, item in items.items():
        if pattern[0] in ("*", key):
            yield from _places(item, pattern[1:], (*above, key))


def _refuse_password(catalog: object, source: Source, findings: Findings) -> None:
    """Refuse a password in the catalog's address; the database client has places of its own for it."""
    if isinstance(catalog, str) and re.search(r"://[^/\s@]*:[^/\s@]+@|[?&]password=", catalog[:LONGEST_URL]):
        source.hide(("catalog",))
        hint = "leave it out and set PGPASSWORD, or write a ~/.pgpass"
        findings.error("SP117", (CONFIG, "catalog"), '"catalog" holds a password', value=True, hint=hint)


def _has_reference(text: str) -> bool:
    """Whether ``${...}`` stands in a text; in one pass, whatever the text is."""
    start = text.find("${")
    return start >= 0 and text.find("}", start) >= 0


def _refuse_reference(path: Path, findings: Findings) -> None:
    summary = f"{show(path[-1])} is not a secret: references such as ${{env:NAME}} stand only where a secret does"
    findings.error("SP118", path, summary, value=True, hint="write the value itself")


def _texts(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    """Yield every text in ``value`` with its path. ``value`` is no deeper than the reader allows."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        inner: Mapping[str, object] = value
        for key, item in inner.items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, str(index)))
