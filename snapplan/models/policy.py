"""What people write: ``snapplan.yaml`` and the policy files, as pydantic models.

The JSON Schemas, the reference of keys and the validation all come from here; ``snapplan.models.values`` says what a
duration, an instant or a name is.
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from snapplan.models.target import Quiesce, RestoreMode, Scope
from snapplan.models.values import (
    BackendName,
    Duration,
    DurationText,
    Expiration,
    Frequency,
    Glob,
    Instant,
    Name,
    Retention,
    WallTime,
    Weekday,
    only_one,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snapplan.diagnostics import Location


class Model(BaseModel):
    """Base of all: frozen, unknown keys are errors, validators are built when first used (start-up time)."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, use_enum_values=False)


PlatformName = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f]+$")]


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
    platform_name: PlatformName | None = Field(
        None, description="What it is called on a platform that runs its schedule (default: its key)."
    )


class Profile(Model):
    """A snapshot profile: periods, each with a frequency and a retention."""

    description: str = Field("", max_length=4096, description="What the profile is for.")
    timezone: str | None = Field(None, max_length=64, description="IANA time zone of all wall times (default UTC).")
    initial: Literal["immediate", "next_slot"] | None = Field(
        None,
        description="A new target takes its first snapshot at once, or waits for the next slot (default immediate).",
    )
    retroactive: bool = Field(
        False, strict=True, description="A shorter retention also shortens existing snapshots (default false)."
    )
    periods: dict[Name, Period] = Field(min_length=1, description="The periods, by name.")
    platform_name: PlatformName | None = Field(
        None, description="What it is called on a platform that runs its schedule (default: its key)."
    )


class Selector(Model):
    """Which targets: all conditions must hold."""

    backend: Glob = Field(max_length=128, description="Backend name or glob.")
    scope: Scope = Field(description="The level of the targets.")
    names: tuple[Glob, ...] = Field(("*",), description="Any of these globs.", min_length=1)
    tags: tuple[str, ...] = Field((), description="All of these tags.")
    any_tags: tuple[str, ...] = Field((), description="At least one of these tags.")
    exclude: tuple[Glob, ...] = Field((), description="None of these name globs.")


class Assignment(Model):
    """Which targets a profile applies to."""

    profile: str = Field(description="Name of the profile.")
    targets: tuple[Selector, ...] = Field(min_length=1, description="What it applies to: what any of these selects.")
    schedule: Literal["platform", "snapplan"] | None = Field(None, description="Who runs the schedule.")
    take_over: bool = Field(False, strict=True, description="VergeOS: replace a foreign profile on the target.")
    atomic: bool = Field(False, strict=True, description="The targets due at one slot are one set: all or nothing.")
    may_be_empty: bool = Field(
        False, strict=True, description="The targets are empty now and then: that is not suspicious (SP309)."
    )


class ManualSnapshot(Model):
    """A snapshot outside any profile, taken once per target."""

    targets: tuple[Selector, ...] = Field(min_length=1, description="Of what it is taken; several targets are one set.")
    expires: Expiration = Field(description="A duration from taking, an instant, or `never`.")
    description: str = Field("", max_length=4096, description="What it is for, such as the number of a change.")
    quiesce: Quiesce = Field(Quiesce.NEVER, description="Freeze I/O during the capture.")
    immutable: bool = Field(False, strict=True, description="Lock the snapshot on the platform until it expires.")
    private: bool = Field(False, strict=True, description="VergeOS: hide the snapshot from tenants.")
    type: Literal["full", "partial_include", "partial_exclude"] = Field("full", description="VergeOS: partial by tag.")
    partial_tags: tuple[str, ...] = Field((), description="VergeOS: the tags that `type` includes or excludes.")
    quiesce_tags: tuple[str, ...] = Field((), description="VergeOS: quiesce the VMs that carry one of these tags.")


class RestoreSource(Model):
    """Which snapshot a restore takes: `latest` before an instant, or one by name."""

    snapshot: str = Field("latest", description="`latest`, or a snapshot's name.")
    before: Instant | None = Field(None, description="Required with `latest`.")
    via: Scope | None = Field(None, description="Restore out of a snapshot of this scope.")


class Restore(Model):
    """A restore, done once and then recorded."""

    target: str = Field(description="Address of what is restored: `BACKEND/SCOPE/NAME`.")
    source: RestoreSource = Field(alias="from", description="Which snapshot it is restored from.")
    mode: RestoreMode = Field(description="Make a new object, or replace the target's content.")
    as_name: str | None = Field(None, alias="as", min_length=1, max_length=255, description="Name of the clone.")
    power_off: bool = Field(False, strict=True, description="In place: switch the target off first if it is on.")
    power_on: bool = Field(False, strict=True, description="Switch on what was restored.")
    preserve_macs: bool = Field(False, strict=True, description="Clone: keep the addresses of its network cards.")
    not_after: Instant = Field(description="A request goes stale; after this it is not done.")


class Objective(Model):
    """What must be restorable, checked by `snapplan check`."""

    targets: tuple[Selector, ...] = Field(min_length=1, description="The targets that it holds for.")
    rpo: Duration | None = Field(None, description="The newest snapshot is at most this old.")
    keep: dict[DurationText, Duration] = Field(
        {}, description="Up to this age: at least one snapshot per this duration."
    )
    quiesced: bool = Field(False, strict=True, description="Only snapshots taken with I/O frozen count.")


MOVED_PATTERN = r"^profiles\.[^.]+(\.[^.]+)?$"


class Moved(Model):
    """A rename of a profile or period that keeps its history."""

    source: str = Field(alias="from", pattern=MOVED_PATTERN, description="The old name: `profiles.NAME[.PERIOD]`.")
    to: str = Field(pattern=MOVED_PATTERN, description="The new name, in the same form.")


class PolicyFile(Model):
    """One policy file. Any number of files may hold any of the sections; they are merged."""

    profiles: dict[Name, Profile] = Field({}, description="Snapshot profiles, by name.")
    assignments: dict[Name, Assignment] = Field({}, description="Which targets get which profile, by name.")
    snapshots: dict[Name, ManualSnapshot] = Field({}, description="Manual snapshots, by key; each is taken once.")
    restores: dict[Name, Restore] = Field({}, description="Restores, by key; each is done once.")
    objectives: dict[Name, Objective] = Field({}, description="What must be restorable, by name.")
    moved: tuple[Moved, ...] = Field((), description="Renames of profiles and periods that keep their history.")


class MaxExpire(Model):
    """Expiries nobody could foresee, in any 30 days and in any 24 hours."""

    percent: float | None = Field(
        None,
        strict=True,
        ge=0,
        le=100,
        description="Of the owned complete snapshots of a backend, in any 30 days (default 20).",
    )
    per_day: int | None = Field(None, strict=True, ge=0, description="So many in any 24 hours (default 500).")


class MaxPercent(Model):
    """A share of what a backend holds."""

    percent: float | None = Field(
        None, strict=True, ge=0, le=100, description="Of the targets or owned snapshots of a backend, in one run."
    )


class Guards(Model):
    """Limits that stop a run before it does more than anybody meant."""

    max_expire: MaxExpire = Field(
        MaxExpire.model_construct(), description="Expiries that the recorded expirations did not announce."
    )
    max_expire_scheduled: MaxPercent = Field(
        MaxPercent.model_construct(),
        description="Announced expiries that were over before the last apply and stayed until now (default 20 %).",
    )
    max_unassign: MaxPercent = Field(
        MaxPercent.model_construct(), description="Targets whose protection ends (default 10 %)."
    )
    inventory: MaxPercent = Field(
        MaxPercent.model_construct(),
        description="Targets or snapshots that vanished since the last apply (default 20 %).",
    )


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

    timezone: str | None = Field(None, max_length=64, description="Of profiles that name none.")
    initial: Literal["immediate", "next_slot"] | None = Field(
        None, description="When a new target of a profile that does not say takes its first snapshot."
    )
    min_snapshots: int | None = Field(None, strict=True, ge=0, le=100_000, description="Of periods that do not say.")
    quiesce: Quiesce | None = Field(None, description="Of periods that do not say.")
    skip_missed: bool | None = Field(None, strict=True, description="Of periods that do not say.")
    grace: Duration | None = Field(None, description="Of periods that do not say.")


class QuiesceCommands(Model):
    """Commands that freeze and thaw the targets which match."""

    freeze: tuple[str, ...] = Field(min_length=1, description="Program and arguments; no shell.")
    thaw: tuple[str, ...] = Field(min_length=1, description="Always run after freeze, whatever happens.")
    timeout: Duration = Field(timedelta(seconds=60), description="Of each command, and the longest time frozen.")


class Backend(Model):
    """Keys that every backend has; its driver's own keys stand beside them."""

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)

    driver: str = Field(max_length=64, description="Which driver speaks to it; `snapplan drivers` lists them.")
    timezone: str | None = Field(None, max_length=64, description="The platform's own time zone.")
    schedule: Literal["platform", "snapplan"] | None = Field(None, description="Who runs the schedule.")
    quiesce_commands: dict[str, QuiesceCommands] = Field({}, description="By `scope/name` glob.")

    @property
    def options(self) -> dict[str, Any]:
        """The driver's own keys."""
        return dict(self.model_extra or {})


class ConfigFile(Model):
    """``snapplan.yaml``."""

    version: Annotated[Literal[1], BeforeValidator(only_one)] = Field(description="Of this format.")
    project: Name = Field(description="Part of every mark; snapshots of another project are foreign.")
    backends: dict[BackendName, Backend] = Field(
        min_length=1, description="The systems that can snapshot, by the name that addresses begin with."
    )
    catalog: str | None = Field(None, description="`sqlite:///PATH`, `postgresql://...` or `memory:`.")
    include: tuple[Glob, ...] = Field(
        ("policies/**/*.yaml", "policies/**/*.yml"), description="The policy files, as globs.", min_length=1
    )
    guards: Guards = Field(
        Guards.model_construct(), description="Limits that stop a run before it does more than anybody meant."
    )
    orphans: Orphans | None = Field(
        None, description="When the minimum of orphans stops holding them. Without it, it holds for ever."
    )
    naming: Naming = Field(Naming.model_construct(), description="How snapshots are named.")
    defaults: Defaults = Field(
        Defaults.model_construct(), description="Values for periods and profiles that do not say otherwise."
    )
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
