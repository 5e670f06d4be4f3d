"""Snapshot profiles, their periods, and the settings of the system."""

from __future__ import annotations

from snapplan.devtools.vergeos.tables.shape import READ_ONLY, Table, choice, flag, name_column, number, ref, text

FREQUENCIES = "custom hourly daily weekly monthly yearly"
DAYS = "sun mon tue wed thu fri sat any"
TYPES = "full partial_include partial_exclude"
PARTIAL = "26.1"
NAMED = ("period_partial_columns", "present")

PROFILES = Table(
    "snapshot_profiles",
    (
        name_column(),
        text("description", longest=2048),
        flag("ignore_warnings"),
    ),
    unique=(("name",),),
    owned=(("snapshot_profile_periods", "profile"),),
    lists={"periods": ("snapshot_profile_periods", "profile")},
)

PERIODS = Table(
    "snapshot_profile_periods",
    (
        ref("profile", "snapshot_profiles", required=True, access="create"),
        name_column(),
        choice("frequency", FREQUENCIES, "daily", summary=True, when=("frequency_default", "daily")),
        choice("frequency", FREQUENCIES, required=True, summary=True, when=("frequency_default", "none")),
        number("minute", least=0, most=59),
        number("hour", least=0, most=23),
        choice("day_of_week", DAYS, "any"),
        number("day_of_month", least=0, most=31),
        number("month", least=0, most=12),
        number("year", least=0, when=("custom_periods", "year_column")),
        number("retention", 259200, least=0, required=True),
        choice("max_tier", "1 2 3 4 5", "1"),
        flag("quiesce"),
        number("min_snapshots", 1, least=0),
        flag("immutable"),
        number("estimated_snapshot_count", access="r"),
        choice("type", TYPES, "full", since=PARTIAL, when=NAMED),
        text("partial_tags", since=PARTIAL, when=NAMED),
        text("quiesce_tags", since=PARTIAL, when=NAMED),
        flag("private", when=NAMED),
    ),
    unique=(("profile", "name"),),
    indexes=(("profile",),),
    owned=(("snapshot_profile_period_tags", "snapshot_profile_period"),),
    forgotten=(
        ("machine_snapshots", "snapshot_period"),
        ("cloud_snapshots", "snapshot_period"),
        ("volume_snapshots", "_period"),
    ),
)

PERIOD_TAGS = Table(
    "snapshot_profile_period_tags",
    (ref("snapshot_profile_period", "snapshot_profile_periods", required=True), text("refs")),
    indexes=(("snapshot_profile_period",),),
    since=PARTIAL,
)

SETTINGS = Table(
    "settings",
    (
        text("key", access="r", summary=True),
        text("value", summary=True),
        text("default_value", access="r"),
        text("description", access="r"),
    ),
    keys="name",
    methods=frozenset({"GET", "PUT"}),
    display="key",
)

SYSTEM = Table(
    "system",
    (
        text("yb_version", summary=True),
        text("os_version", summary=True),
        text("cloud_name", summary=True),
    ),
    methods=READ_ONLY,
    display="cloud_name",
)

TABLES = (PROFILES, PERIODS, PERIOD_TAGS, SETTINGS, SYSTEM)
