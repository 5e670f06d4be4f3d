"""Options and argument types that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from snapplan.cli.session import TRUST_VARIABLE, Session

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    Parameter = click.ParamType[Any]
else:
    Parameter = click.ParamType  # generic only since click 8.2

F = TypeVar("F", bound="Callable[..., Any]")


def _set_directory(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        context.ensure_object(Session).directory = value


def _set_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Session).debug = True


def repository(command: F) -> F:
    """Add ``-C DIR`` and ``--debug``, which every command has."""
    command = click.option(
        "--debug", is_flag=True, expose_value=False, callback=_set_debug, help="Show tracebacks of errors."
    )(command)
    return click.option(
        "-C",
        "directory",
        type=click.Path(file_okay=False, exists=True, path_type=Path),
        metavar="DIR",
        expose_value=False,
        is_eager=True,
        callback=_set_directory,
        help="The policy repository (default: the working folder).",
    )(command)


def _set_commit(context: click.Context, _: click.Parameter, value: str | None) -> None:
    context.ensure_object(Session).commit = value or None


def commit(command: F) -> F:
    """Add ``--commit SHA``, for checkouts that git cannot read."""
    return click.option(
        "--commit",
        metavar="SHA",
        envvar="SNAPPLAN_COMMIT",
        show_envvar=True,
        expose_value=False,
        callback=_set_commit,
        help="The commit of the policy where git cannot read the checkout, such as one of another user in a container.",
    )(command)


def _set_trust(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        if not value:
            raise click.BadParameter("names no commit")
        context.ensure_object(Session).trust = value


def trust(command: F) -> F:
    """Add ``--trust REV``, for checkouts that anybody may have changed."""
    return click.option(
        "--trust",
        metavar="REV",
        expose_value=False,
        callback=_set_trust,
        help=f"Take snapplan.yaml and what it names from this commit, for changes of strangers ({TRUST_VARIABLE}).",
    )(command)


def no_budget(command: F) -> F:
    """Add ``--no-budget``."""
    text = "In an emergency: make as many requests as it takes, whatever requests_per_hour says; needs --reason."
    return click.option("--no-budget", is_flag=True, help=text)(command)


def data_format(command: F) -> F:
    """Add ``--format text|json``."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="How the result is printed.",
    )(command)


def focus(command: F) -> F:
    """Add ``--target GLOB`` and ``--backend GLOB``."""
    command = click.option(
        "--backend", "backends", multiple=True, metavar="GLOB", help="Only these backends; may be repeated."
    )(command)
    return click.option(
        "--target", "targets", multiple=True, metavar="GLOB", help="Only these targets; may be repeated."
    )(command)


class InstantType(Parameter):
    """An instant with its offset, such as ``2026-11-22T02:00Z``; an aware ``datetime`` in UTC."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the instant, or fail with a sentence that says what is wrong."""
        from snapplan.ids import parse_instant

        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]
        try:
            return parse_instant(value)
        except ValueError as error:
            text = str(error)
            self.fail(
                text if "offset" in text else f"{value!r} is not an instant such as 2026-11-22T02:00Z", param, ctx
            )


class DurationType(Parameter):
    """A duration with its unit, such as ``36h``; a ``timedelta``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the duration, or fail with a sentence that says what is wrong."""
        from snapplan.models.durations import parse_duration

        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class ExpirationType(Parameter):
    """A duration from now on, an instant, or ``never``. ``never`` stays text, as ``None`` means that none was given."""

    name = "expiration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta | datetime | str:
        """Return the duration, the instant or ``never``, or fail with a sentence that says what is wrong."""
        if not isinstance(value, str) or value == "never":
            return value  # type: ignore[no-any-return]
        return (INSTANT if "-" in value else DURATION).convert(value, param, ctx)


INSTANT = InstantType()
DURATION = DurationType()
EXPIRATION = ExpirationType()
