"""``snapplan drivers``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from snapplan.cli.console import out_style, result
from snapplan.cli.exit_codes import ExitCode, exit_code
from snapplan.cli.options import data_format, repository, trust
from snapplan.cli.session import session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from snapplan.drivers.base import CheckFinding, DriverType
    from snapplan.models.policy import Backend, ConfigFile

STATES = ("ok", "note", "warning", "problem")


@click.group("drivers", invoke_without_command=True)
@repository
@click.pass_context
def command(context: click.Context) -> int:
    """Show the drivers that are installed and what each can do, and check a backend.

    \b
    Examples:
      snapplan drivers
      snapplan drivers list --format json
      snapplan drivers check dc1
      snapplan drivers init lab
    """
    if context.invoked_subcommand is None:
        returned: int = context.invoke(listed, form="text")
        return returned
    return 0


@command.command("list")
@data_format
@repository
def listed(form: str) -> int:
    """List the drivers that are installed.

    \b
    Examples:
      snapplan drivers list --format json
    """
    from snapplan.drivers.registry import installed

    rows = [_row(driver) for driver in installed()]
    if form == "json":
        from snapplan.render.jsonplan import json_text

        result(json_text(rows))
    else:
        from snapplan.render.listing import drivers_text

        result(drivers_text(rows, style=out_style()))
    return 0


@command.command("check")
@click.argument("backend")
@data_format
@trust
@repository
def check(backend: str, form: str) -> int:
    """Examine a backend: can it be reached, are the credentials and permissions enough, what does it offer.

    Nothing is written to it. Each finding is ok, a note, a warning or a problem; with a problem the exit code is 1.

    \b
    Examples:
      snapplan drivers check dc1
      snapplan drivers check dc1 --format json
    """
    config, root = _config()
    _check_name(backend, config)
    document = _checked(backend, config.backends[backend], config.project, root)
    if form == "json":
        from snapplan.render.jsonplan import json_text

        result(json_text(document))
    else:
        from snapplan.render.checks import checks_text

        result(checks_text(document, style=out_style()))
    return exit_code(ExitCode.FAILED if document["counts"]["problem"] else None)


@command.command("init")
@click.argument("backend")
@repository
def init(backend: str) -> int:
    """Make the store of a backend, where its driver keeps one on this machine, and print its id.

    An apply makes a store by itself where the catalog knows nothing of the backend yet. With a catalog that is kept nowhere
    (memory:), and in place of a store that is lost for good, this command does. A store that is there stays as it is.

    \b
    Examples:
      snapplan drivers init lab
    """
    from snapplan.drivers.registry import init_store

    session().require_trust()
    config, root = _config()
    _check_name(backend, config)
    result(f"{init_store(backend, config.backends[backend], project=config.project, base=root)}\n")
    return 0


def _check_name(backend: str, config: ConfigFile) -> None:
    if backend not in config.backends:
        from snapplan.errors import CommandLineError

        raise CommandLineError(f"there is no backend {backend!r}", hint=f"There is {', '.join(config.backends)}.")


def _config() -> tuple[ConfigFile, Path]:
    """Return what ``snapplan.yaml`` says; the policy files may have errors. Raises ``PolicyInvalidError``.

    With ``--trust`` it is the trusted commit's, without the backends that must not be contacted.
    """
    from snapplan.config.load import load_file
    from snapplan.errors import PolicyInvalidError

    root, trust = session().root, session().trust
    if trust is not None:
        from snapplan.trust import load_trusted

        loaded, _, withheld = load_trusted(root, trust, may_be_empty=True)
        if loaded.policy is not None:
            backends = {name: each for name, each in loaded.policy.config.backends.items() if name not in withheld}
            return loaded.policy.config.model_copy(update={"backends": backends}), root
    else:
        loaded = load_file(root / "snapplan.yaml")
    if loaded.policy is None:
        raise PolicyInvalidError(loaded.diagnostics)
    return loaded.policy.config, root


def _checked(backend: str, config: Backend, project: str, base: Path) -> dict[str, Any]:
    findings = [
        {"state": found.state, "subject": found.subject, "text": found.text}
        for found in _findings(backend, config, project, base)
    ]
    counts = {state: sum(found["state"] == state for found in findings) for state in STATES}
    return {"backend": backend, "driver": config.driver, "findings": findings, "counts": counts}


def _findings(backend: str, config: Backend, project: str, base: Path) -> Iterator[CheckFinding]:
    """Yield what the driver finds; what keeps it from going on is a problem like others."""
    from snapplan.drivers.base import CheckFinding
    from snapplan.drivers.registry import check_backend
    from snapplan.errors import BackendError

    try:
        found = check_backend(backend, config, project=project, base=base)
        if found is None:
            yield CheckFinding(
                "note", "check", f"driver {config.driver} has no check of its own; snapplan plan tries it"
            )
        else:
            yield from found
    except BackendError as error:
        yield CheckFinding("problem", "check", f"{error}" + (f"; {error.hint}" if error.hint else ""))


def _row(driver: DriverType) -> dict[str, Any]:
    capabilities = driver.capabilities
    return {
        "driver": driver.name,
        "summary": driver.summary,
        "scopes": sorted(capabilities.scopes),
        "quiesce": sorted(capabilities.quiesce),
        "restores": [
            {"target": path.target.value, "source": path.source.value, "mode": path.mode.value}
            for path in sorted(capabilities.restores, key=lambda path: (path.target, path.mode, path.source))
        ],
        "period_fields": sorted(capabilities.period_fields),
        "native_schedule": sorted(capabilities.native_schedule),
        "expires_itself": capabilities.expires_itself,
    }
