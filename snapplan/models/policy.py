"""What people write: ``snapplan.yaml`` and the policy files, as pydantic models.

The JSON Schemas, the reference of keys and the validation all come from here. Durations are ``timedelta``; instants are
aware UTC datetimes; ``None`` stands for ``forever`` and ``never``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, SecretStr, WithJsonSchema
from pydantic_core import PydanticCustomError

from snapplan.ids import BACKEND_NAME, KEY_NAME, format_instant, parse_instant
from snapplan.models.durations import DURATION_PATTERN, TimeFormatError, format_duration, parse_duration
from snapplan.models.target import Quiesce, RestoreMode, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snapplan.diagnostics import Location


FIRST_YEAR, END_YEAR = 1970, 2400
SECRET_REFERENCE = re.compile(r"\$\{(?:env:[A-Za-z_][A-Za-z0-9_]*|file:[^{}\x00-\x1f]+)\}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
_WALL_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::00)?")


def _positive_duration(value: object) -> timedelta:
    duration = value if isinstance(value, timedelta) else parse_duration(value)
    if duration <= timedelta(0):
        raise TimeFormatError("a duration must be longer than nothing")
    return duration


def _retention(value: object) -> timedelta | None:
    return None if value is None or value == "forever" else _positive_duration(value)


def _instant(value: object) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if not isinstance(value, str):
        raise TimeFormatError("an instant is text such as 2026-11-22T02:00Z")
    if _WALL_TIME.fullmatch(value):
        raise TimeFormatError(f"{value!r} has no UTC offset; write for example {value}Z")
    if not _INSTANT.fullmatch(value):
        raise TimeFormatError(f"{value[:40]!r} is not an instant such as 2026-11-22T02:00Z")
    try:
        instant = parse_instant(value)
    except (ValueError, OverflowError):
        raise TimeFormatError(f"{value!r} is not an instant: there is no such day or time") from None
    return _in_our_time(instant, value)


def _expiration(value: object) -> timedelta | datetime | None:
    if value is None or value == "never":
        return None
    if isinstance(value, timedelta):
        return value
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, str) and "-" in value:
        return _instant(value)
    return _positive_duration(value)


def _wall_time(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise TimeFormatError("a wall time is text such as 2026-12-01T20:00")
    if _INSTANT.fullmatch(value):
        raise TimeFormatError(f"{value!r} carries an offset; a period's time is in the profile's timezone")
    if not _WALL_TIME.fullmatch(value):
        raise TimeFormatError(f"{value[:40]!r} is not a wall time such as 2026-12-01T20:00; slots are whole minutes")
    try:
        wall = datetime.fromisoformat(value)
    except ValueError:
        raise TimeFormatError(f"{value!r} is not a wall time: there is no such day or time") from None
    return _in_our_time(wall, value)


def _in_our_time(instant: datetime, text: str) -> datetime:
    """Refuse years that no calendar and no platform can count with."""
    if not FIRST_YEAR <= instant.year < END_YEAR:
        raise TimeFormatError(f"{text!r} is outside the years {FIRST_YEAR} to {END_YEAR - 1}")
    return instant


def _one(value: object) -> object:
    """``Literal`` compares by ``==``, so it would take ``true`` and ``1.0`` for 1."""
    if type(value) is int:
        return value
    raise PydanticCustomError("literal_error", "must be 1", {"expected": "1"})


def _secret_reference(value: object) -> object:
    """Take references only; a literal is refused without showing it."""
    if isinstance(value, SecretStr):
        return value
    if isinstance(value, str) and SECRET_REFERENCE.fullmatch(value):
        return value
    raise PydanticCustomError("secret", "is a secret: it is given by reference, never as a literal")


def _show_expiration(value: timedelta | datetime | None) -> str:
    if value is None:
        return "never"
    return format_duration(value) if isinstance(value, timedelta) else format_instant(value)


_DURATION_SCHEMA = {"type": "string", "pattern": DURATION_PATTERN, "examples": ["24h", "14d"]}
_INSTANT_SCHEMA = {"type": "string", "pattern": f"^{_INSTANT.pattern}$", "examples": ["2026-11-22T02:00Z"]}

Duration = Annotated[
    timedelta,
    BeforeValidator(_positive_duration),
    PlainSerializer(format_duration),
    WithJsonSchema(_DURATION_SCHEMA),
]
Retention = Annotated[
    timedelta | None,
    BeforeValidator(_retention),
    PlainSerializer(lambda value: "forever" if value is None else format_duration(value)),
    WithJsonSchema({"anyOf": [_DURATION_SCHEMA, {"const": "forever"}]}),
]
Instant = Annotated[
    datetime, BeforeValidator(_instant), PlainSerializer(format_instant), WithJsonSchema(_INSTANT_SCHEMA)
]
Expiration = Annotated[
    timedelta | datetime | None,
    BeforeValidator(_expiration),
    PlainSerializer(_show_expiration),
    WithJsonSchema({"anyOf": [_DURATION_SCHEMA, _INSTANT_SCHEMA, {"const": "never"}]}),
]
WallTime = Annotated[
    datetime,
    BeforeValidator(_wall_time),
    PlainSerializer(lambda value: value.strftime("%Y-%m-%dT%H:%M")),
    WithJsonSchema({"type": "string", "pattern": f"^{_WALL_TIME.pattern}$", "examples": ["2026-12-01T20:00"]}),
]
SecretReference = Annotated[
    SecretStr,
    BeforeValidator(_secret_reference),
    PlainSerializer(lambda value: value.get_secret_value(), when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^{SECRET_REFERENCE.pattern}$", "examples": ["${env:DC1_TOKEN}"]}),
]
"""A secret, by reference only. ``snapplan.config.secrets.resolve`` turns the reference into the value."""
NAME_PATTERN = "^" + KEY_NAME.pattern.replace(r"\Z", "$")
"""pydantic and JSON Schema look for a pattern anywhere in a text, so it is bound at both ends."""
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
BackendName = Annotated[str, Field(pattern="^" + BACKEND_NAME.pattern.replace(r"\Z", "$"))]
Glob = Annotated[str, Field(min_length=1, max_length=1024)]
DurationText = Annotated[str, Field(pattern=DURATION_PATTERN, max_length=64)]
Weekday = Literal["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
Frequency = Literal["hourly", "daily", "weekly", "monthly", "yearly", "custom"]


class Model(BaseModel):
    """Base of all: frozen, unknown keys are errors, validators are built when first used (start-up time)."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, use_enum_values=False)


class Period(Model):
    """How often a snapshot is taken, and how long each is kept. Field names and units are VergeOS's."""

    frequency: Frequency | None = Field(None, description="How often; this or `cron`.")
    cron: str | None = Field(
        None, max_length=256, description="A five-field cron expression, in the profile's timezone."
    )
    minute: int = Field(0, strict=True, ge=0, le=59, description="Minute of the hour.")
    hour: int = Field(0, strict=True, ge=0, le=23, description="Hour of the day, for daily and coarser.")
    day_of_week: Weekday | None = Field(None, description="Required for weekly.")
    day_of_month: Annotated[int, Field(ge=1, le=31, strict=True)] | Literal["last"] | None = Field(
        None, description="Required for monthly and yearly; a day beyond the month's end is its last day."
    )
    month: int | None = Field(None, strict=True, ge=1, le=12, description="Required for yearly.")
    at: WallTime | None = Field(None, description="The one wall time of a `custom` period.")
    retention: Retention = Field(
        description="How long each snapshot is kept, from the moment it is taken, or `forever`."
    )
    min_snapshots: int | None = Field(
        None,
        strict=True,
        ge=0,
        le=100_000,
        description="So many of the newest are held past their expiration (default 1; custom: 0).",
    )
    quiesce: Quiesce | None = Field(None, description="Freeze I/O during the capture (default never).")
    max_tier: int | None = Field(
        None, strict=True, ge=1, le=5, description="VergeOS: the highest storage tier to include."
    )
    immutable: bool = Field(False, strict=True, description="Lock the snapshot on the platform until it expires.")
    private: bool = Field(False, strict=True, description="VergeOS: hide the snapshot from tenants.")
    skip_missed: bool | None = Field(
        None, strict=True, description="Do not take a slot that is more than `grace` late (default false)."
    )
    grace: Duration | None = Field(None, description="How late `skip_missed` tolerates (default 1h).")
    type: Literal["full", "partial_include", "partial_exclude"] = Field("full", description="VergeOS: partial by tag.")
    partial_tags: tuple[str, ...] = Field((), description="VergeOS: the tags that `type` includes or excludes.")
    quiesce_tags: tuple[str, ...] = Field((), description="VergeOS: quiesce the VMs that carry one of these tags.")


class Profile(Model):
    """A snapshot profile: periods, each with a frequency and a retention."""

    description: str = Field("", max_length=4096)
    timezone: str | None = Field(None, max_length=64, description="IANA time zone of all wall times (default UTC).")
    initial: Literal["immediate", "next_slot"] | None = Field(
        None,
        description="A new target takes its first snapshot at once, or waits for the next slot (default immediate).",
    )
    retroactive: bool = Field(
        False, strict=True, description="A shorter retention also shortens existing snapshots (default false)."
    )
    periods: dict[Name, Period] = Field(min_length=1)


class Selector(Model):
    """Which targets: all conditions must hold."""

    backend: Glob = Field(description="Backend name or glob.")
    scope: Scope
    names: tuple[Glob, ...] = Field(("*",), description="Any of these globs.", min_length=1)
    tags: tuple[str, ...] = Field((), description="All of these tags.")
    any_tags: tuple[str, ...] = Field((), description="At least one of these tags.")
    exclude: tuple[Glob, ...] = Field((), description="None of these name globs.")


class Assignment(Model):
    """Which targets a profile applies to."""

    profile: str
    targets: tuple[Selector, ...] = Field(min_length=1)
    schedule: Literal["platform", "snapplan"] | None = Field(None, description="Who runs the schedule.")
    take_over: bool = Field(False, strict=True, description="VergeOS: replace a foreign profile on the target.")
    atomic: bool = Field(False, strict=True, description="The targets due at one slot are one set: all or nothing.")


class ManualSnapshot(Model):
    """A snapshot outside any profile, taken once per target."""

    targets: tuple[Selector, ...] = Field(min_length=1)
    expires: Expiration = Field(description="A duration from taking, an instant, or `never`.")
    description: str = Field("", max_length=4096)
    quiesce: Quiesce = Quiesce.NEVER


class RestoreSource(Model):
    """Which snapshot a restore takes: `latest` before an instant, or one by name."""

    snapshot: str = Field("latest", description="`latest`, or a snapshot's name.")
    before: Instant | None = Field(None, description="Required with `latest`.")
    via: Scope | None = Field(None, description="Restore out of a snapshot of this scope.")


class Restore(Model):
    """A restore, done once and then recorded."""

    target: str
    source: RestoreSource = Field(alias="from")
    mode: RestoreMode
    as_name: str | None = Field(None, alias="as", min_length=1, max_length=255, description="Name of the clone.")
    not_after: Instant = Field(description="A request goes stale; after this it is not done.")


class Objective(Model):
    """What must be restorable, checked by `snapplan check`."""

    targets: tuple[Selector, ...] = Field(min_length=1)
    rpo: Duration | None = Field(None, description="The newest snapshot is at most this old.")
    keep: dict[DurationText, Duration] = Field(
        {}, description="Up to this age: at least one snapshot per this duration."
    )
    quiesced: bool = Field(False, strict=True)


class Moved(Model):
    """A rename of a profile or period that keeps its history."""

    source: str = Field(alias="from", pattern=r"^profiles\.[^.]+(\.[^.]+)?$")
    to: str = Field(pattern=r"^profiles\.[^.]+(\.[^.]+)?$")


class PolicyFile(Model):
    """One policy file. Any number of files may hold any of the sections; they are merged."""

    profiles: dict[Name, Profile] = {}
    assignments: dict[Name, Assignment] = {}
    snapshots: dict[Name, ManualSnapshot] = {}
    restores: dict[Name, Restore] = {}
    objectives: dict[Name, Objective] = {}
    moved: tuple[Moved, ...] = ()


class MaxExpire(Model):
    """Expiries nobody could foresee, per run and per rolling day."""

    percent: float | None = Field(None, strict=True, ge=0, le=100)
    per_day: int | None = Field(None, strict=True, ge=0)


class MaxPercent(Model):
    """A share of a backend's targets."""

    percent: float | None = Field(None, strict=True, ge=0, le=100)


class Guards(Model):
    """Limits that stop a run before it does more than anybody meant."""

    max_expire: MaxExpire = MaxExpire.model_construct()
    max_unassign: MaxPercent = MaxPercent.model_construct()
    inventory: MaxPercent = MaxPercent.model_construct()


class Orphans(Model):
    """When the minimum of orphans stops holding them. Without it, it holds for ever."""

    keep_min: int = Field(1, strict=True, ge=0, description="So many of the newest stay held.")
    grace: Duration = Field(timedelta(days=30), description="Counted from when they became orphans.")


class Naming(Model):
    """How snapshots are named; identity never depends on it."""

    template: str = Field(
        "{{ profile }}.{{ period }}.{{ slot }}",
        max_length=512,
        description="Jinja expressions only, no statements.",
    )


class Defaults(Model):
    """Values for periods and profiles that do not say otherwise."""

    timezone: str | None = Field(None, max_length=64)
    initial: Literal["immediate", "next_slot"] | None = None
    min_snapshots: int | None = Field(None, strict=True, ge=0, le=100_000)
    quiesce: Quiesce | None = None
    skip_missed: bool | None = Field(None, strict=True)
    grace: Duration | None = None


class QuiesceCommands(Model):
    """Commands that freeze and thaw the targets which match."""

    freeze: tuple[str, ...] = Field(min_length=1, description="Program and arguments; no shell.")
    thaw: tuple[str, ...] = Field(min_length=1, description="Always run after freeze, whatever happens.")
    timeout: Duration = Field(timedelta(seconds=60), description="Of each command, and the longest time frozen.")


class Backend(Model):
    """Keys that every backend has; its driver's own keys stand beside them."""

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)

    driver: str = Field(max_length=64)
    timezone: str | None = Field(None, max_length=64, description="The platform's own time zone.")
    schedule: Literal["platform", "snapplan"] | None = Field(None, description="Who runs the schedule.")
    quiesce_commands: dict[str, QuiesceCommands] = Field({}, description="By `scope/name` glob.")

    @property
    def options(self) -> dict[str, Any]:
        """The driver's own keys."""
        return dict(self.model_extra or {})


class ConfigFile(Model):
    """``snapplan.yaml``."""

    version: Annotated[Literal[1], BeforeValidator(_one)]
    project: Name = Field(description="Part of every mark; snapshots of another project are foreign.")
    backends: dict[BackendName, Backend] = Field(min_length=1)
    catalog: str | None = Field(None, description="`sqlite:///PATH`, `postgresql://...` or `memory:`.")
    include: tuple[Glob, ...] = Field(
        ("policies/**/*.yaml", "policies/**/*.yml"), description="The policy files, as globs.", min_length=1
    )
    guards: Guards = Guards.model_construct()
    orphans: Orphans | None = None
    naming: Naming = Naming.model_construct()
    defaults: Defaults = Defaults.model_construct()
    max_plan_age: Duration = Field(timedelta(days=7), description="An older saved plan expires and restores nothing.")


class Policy(NamedTuple):
    """A whole policy repository: the files merged, the defaults filled in.

    ``where`` gives the place of every key by its path, such as ``("profiles", "gold", "periods", "daily", "retention")``.
    ``commit`` is the git commit of the files and ``dirty`` whether they differ from it; both ``None`` outside git.
    Every period has ``min_snapshots``, ``quiesce``, ``skip_missed`` and ``grace`` set, every profile ``timezone`` and
    ``initial``.
    """

    config: ConfigFile
    profiles: Mapping[str, Profile] = MappingProxyType({})
    assignments: Mapping[str, Assignment] = MappingProxyType({})
    snapshots: Mapping[str, ManualSnapshot] = MappingProxyType({})
    restores: Mapping[str, Restore] = MappingProxyType({})
    objectives: Mapping[str, Objective] = MappingProxyType({})
    moved: tuple[Moved, ...] = ()
    where: Mapping[tuple[str, ...], Location] = MappingProxyType({})
    commit: str | None = None
    dirty: bool | None = None

    def location(self, *path: str) -> Location | None:
        """Return the place of the key at ``path``, or of the nearest key above it."""
        while path:
            if path in self.where:
                return self.where[path]
            path = path[:-1]
        return None
