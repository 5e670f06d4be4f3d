"""Which drivers there are, and how a backend of the policy is opened with its driver.

The drivers of this package are a static table, imported one by one when they are asked for, as reading the entry points
of all installed packages costs start-up time. Others register under the entry-point group ``snapplan.drivers``. A
built-in name cannot be taken over by another package.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from snapplan.drivers.base import DriverType, Settings
from snapplan.drivers.metering import ProcessMeter
from snapplan.errors import BackendError, NotSupportedError, SnapplanError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from importlib.metadata import EntryPoint
    from pathlib import Path

    from pydantic import BaseModel

    from snapplan.drivers.base import CheckFinding, Driver, Meter, Permit
    from snapplan.models.policy import Backend

NO_OTHERS: Mapping[str, Backend] = MappingProxyType({})
GROUP = "snapplan.drivers"
BUILT_IN = {
    "directory": "snapplan.drivers.directory:DRIVER",
    "memory": "snapplan.drivers.memory:DRIVER",
    "vergeos": "snapplan.drivers.vergeos:DRIVER",
}


def find(name: str) -> DriverType | None:
    """Return the driver called ``name``, ``None`` where no package offers it.

    Raises ``SnapplanError`` where a package offers it but it cannot be loaded; the message names the package.
    """
    if name in BUILT_IN:
        return _built_in(name)
    entries = [entry for entry in _entry_points() if entry.name == name]
    return _load(name, entries) if entries else None


def names() -> list[str]:
    """Return the names of all drivers, sorted; nothing is imported, so one of them may turn out not to load."""
    return sorted({*BUILT_IN, *(entry.name for entry in _entry_points())})


def installed() -> list[DriverType]:
    """Return all drivers that load, by name. ``broken`` has the others."""
    return [driver for driver in map(_try, names()) if isinstance(driver, DriverType)]


def broken() -> list[SnapplanError]:
    """Return an error for each driver that does not load."""
    return [failure for failure in map(_try, names()) if isinstance(failure, SnapplanError)]


def open_backend(
    backend: str,
    config: Backend,
    *,
    project: str,
    base: Path,
    read_only: bool,
    meter: Meter | None = None,
    permit: Permit | None = None,
    others: Mapping[str, Backend] = NO_OTHERS,
    store_id: str = "",
    may_create_store: bool = True,
) -> Driver:
    """Connect to the backend called ``backend``, as ``config`` describes it.

    ``base`` is the folder that relative paths count from. With ``read_only`` the driver writes nothing. ``meter`` counts
    its requests; without one they are counted as long as the connection is open. ``others`` are all backends of the
    configuration: what they keep on this machine is no part of this one's targets. ``store_id`` and
    ``may_create_store`` say which store it may write to (``Settings``). Raises ``BackendError`` where the driver
    is missing, its options are wrong, a secret cannot be read or the backend refuses.
    """
    driver = _required(backend, config.driver)
    options = _options(backend, driver, config.options, base)
    return driver.open(
        Settings(
            backend=backend,
            project=project,
            options=options,
            base=base,
            quiesce_commands=config.quiesce_commands,
            read_only=read_only,
            meter=meter or ProcessMeter(),
            permit=permit,
            stores=tuple(_stores(backend, others, project, base)),
            store_id=store_id,
            may_create_store=may_create_store,
        )
    )


def _stores(backend: str, others: Mapping[str, Backend], project: str, base: Path) -> Iterator[Path]:
    """Yield where the other backends keep their snapshots on this machine; what is wrong with one of them is its own."""
    for name, config in others.items():
        if name == backend:
            continue
        try:
            driver = _required(name, config.driver)
            if driver.stores is not None:
                options = driver.options.model_validate(config.options)
                yield from driver.stores(Settings(name, project, options, base, read_only=True))
        except (BackendError, ValueError):
            continue


def check_backend(backend: str, config: Backend, *, project: str, base: Path) -> Iterator[CheckFinding] | None:
    """Examine the backend called ``backend``; nothing is written to it. ``None`` where its driver has no check.

    Raises ``BackendError`` as ``open_backend`` does, also while the findings are taken.
    """
    driver = _required(backend, config.driver)
    if driver.check is None:
        return None
    options = _options(backend, driver, config.options, base)
    return driver.check(Settings(backend, project, options, base, config.quiesce_commands, read_only=True))


def init_store(backend: str, config: Backend, *, project: str, base: Path) -> str:
    """Make the store of the backend called ``backend`` unless it is there, and return its id. Raises ``BackendError``."""
    driver = _required(backend, config.driver)
    if driver.init is None:
        raise NotSupportedError(backend, f"driver {config.driver!r} keeps no store of its own")
    return driver.init(Settings(backend, project, _options(backend, driver, config.options, base), base))


def adopt_store(backend: str, config: Backend, old: str, *, project: str, base: Path) -> int:
    """Take over the snapshots in the store of ``backend`` that were made in the store ``old``; return how many.

    Raises ``BackendError``.
    """
    driver = _required(backend, config.driver)
    if driver.adopt_store is None:
        raise NotSupportedError(backend, f"driver {config.driver!r} keeps no store of its own")
    options = _options(backend, driver, config.options, base)
    return driver.adopt_store(Settings(backend, project, options, base), old)


def _required(backend: str, name: str) -> DriverType:
    try:
        driver = find(name)
    except SnapplanError as error:
        raise BackendError(backend, str(error), hint=error.hint) from error
    if driver is None:
        known = ", ".join(names())
        raise BackendError(backend, f"there is no driver {name!r}", hint=f"installed drivers: {known}")
    return driver


def _options(backend: str, driver: DriverType, written: dict[str, Any], base: Path) -> BaseModel:
    from pydantic import ValidationError

    try:
        return _with_secrets(driver.options.model_validate(written), base)
    except ValidationError as error:
        # The values are left out: a secret written into the wrong key must not reach a log.
        findings = error.errors(include_input=False, include_url=False)
        text = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'options'}: {each['msg']}" for each in findings)
        raise BackendError(backend, text, hint="snapplan validate shows the places") from None
    except ValueError as error:
        raise BackendError(backend, str(error)) from None


def _with_secrets(options: BaseModel, base: Path) -> BaseModel:
    """Return ``options`` with the secret references in it, at any depth, replaced by what they refer to."""
    changed = {name: new for name, value in options if (new := _resolved(value, base)) is not value}
    return options.model_copy(update=changed) if changed else options


def _resolved(value: Any, base: Path) -> Any:
    """Return ``value`` itself where no secret is in it."""
    from pydantic import BaseModel, SecretStr

    if isinstance(value, SecretStr):
        from snapplan.config.secrets import resolve
        from snapplan.redaction import remember

        secret = resolve(value.get_secret_value(), base)
        remember(secret)
        return SecretStr(secret)
    if isinstance(value, BaseModel):
        return _with_secrets(value, base)
    if isinstance(value, dict):
        replaced = {key: _resolved(item, base) for key, item in value.items()}
        return replaced if any(replaced[key] is not value[key] for key in value) else value
    if isinstance(value, (list, tuple)):
        items = [_resolved(item, base) for item in value]
        return type(value)(items) if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def _try(name: str) -> DriverType | SnapplanError | None:
    try:
        return find(name)
    except SnapplanError as error:
        return error


def _built_in(name: str) -> DriverType:
    module, _, attribute = BUILT_IN[name].partition(":")
    try:
        driver: DriverType = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise SnapplanError(
            f"driver {name!r} needs {error.name}, which is not installed", hint=f"pip install 'snapplan[{name}]'"
        ) from error
    return driver


def _entry_points() -> Sequence[EntryPoint]:
    from importlib.metadata import entry_points

    return [entry for entry in entry_points(group=GROUP) if entry.name not in BUILT_IN]


def _load(name: str, entries: Sequence[EntryPoint]) -> DriverType:
    packages = ", ".join(sorted({_package(entry) for entry in entries}))
    if len({entry.value for entry in entries}) > 1:
        raise SnapplanError(
            f"driver {name!r} is offered by more than one package: {packages}", hint="remove all but one"
        )
    try:
        driver = entries[0].load()
    except Exception as error:  # any error of foreign code, when it is imported
        reason = f"{type(error).__name__}: {error}"
        raise SnapplanError(
            f"driver {name!r} of package {packages} does not load ({reason})",
            hint=f"reinstall or upgrade {packages}",
        ) from error
    if not isinstance(driver, DriverType):
        raise SnapplanError(f"driver {name!r} of package {packages} is not a DriverType", hint=f"upgrade {packages}")
    return driver


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else entry.value
