"""Profiles and periods of the platform, read, normalised, and written back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vergeos_sim.conftest import Sim

from snapplan.drivers.vergeos.api import Api
from snapplan.drivers.vergeos.profiles import (
    PARTIAL_COLUMNS,
    UnknownTagError,
    has_partial_columns,
    native_periods,
    period_body,
    period_of,
)
from snapplan.drivers.vergeos.reads import ALL
from snapplan.drivers.vergeos.system_profile import SystemProfile, system_profile
from snapplan.drivers.vergeos.tagging import tag_keys, tag_names
from snapplan.models.platform import PlatformPeriod, PlatformProfile
from snapplan.models.target import Scope

from .conftest import Connect
from .world import OURS, inventory, refreshed

VERSIONS = ["26.0", "26.1.3", "26.1.7"]
DAY = 86_400
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

minutes, hours = st.integers(0, 59), st.integers(0, 23)
common: dict[str, Any] = {
    "retention": st.none() | st.integers(1, 10**9),
    "minute": minutes,
    "min_snapshots": st.integers(0, 20),
    "quiesce": st.booleans(),
    "max_tier": st.integers(1, 5),
    "immutable": st.booleans(),
    "private": st.booleans(),
}
partial: dict[str, Any] = {
    "type": st.sampled_from(["partial_include", "partial_exclude"]),
    "partial_tags": st.sets(st.sampled_from(["DB", "Web"])).map(lambda names: tuple(sorted(names))),
    "quiesce_tags": st.sets(st.sampled_from(["DB", "Web"])).map(lambda names: tuple(sorted(names))),
}


def periods_with(kind: dict[str, Any]) -> st.SearchStrategy[PlatformPeriod]:
    day_of_month, month = st.integers(1, 31), st.integers(1, 12)
    own: dict[str, dict[str, Any]] = {
        "hourly": {},
        "daily": {"hour": hours},
        "weekly": {"hour": hours, "day_of_week": st.sampled_from(WEEKDAYS)},
        "monthly": {"hour": hours, "day_of_month": day_of_month},
        "yearly": {"hour": hours, "day_of_month": day_of_month, "month": month},
    }
    return st.one_of(
        st.fixed_dictionaries({"frequency": st.just(frequency), **common, **kind, **fields}).map(
            lambda values: PlatformPeriod(**values)
        )
        for frequency, fields in own.items()
    )


periods = periods_with({}) | periods_with(partial)


def profiles(api: Api, sim: Sim) -> dict[str, PlatformProfile]:
    found = inventory(api, sim).platform
    assert found is not None
    return {profile.name: profile for profile in found.profiles}


class TestRoundTrip:
    @pytest.mark.parametrize("version", VERSIONS)
    @pytest.mark.parametrize("switches", [{}, {"irrelevant_fields": "kept"}], ids=["forced", "kept"])
    @settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(drawn=st.lists(periods, min_size=15, max_size=20))
    def test_what_is_written_is_read(
        self, api: Api, sim: Sim, version: str, switches: dict[str, str], drawn: list[PlatformPeriod]
    ) -> None:
        sim.seed(version=version, switches=switches)
        api.close()
        has = api.at_least(26, 1)
        tags = tag_keys(api.rows("tags", "$key,name,category,category#name as category_name"))
        lost: dict[str, Any] = {} if has else {"type": "full", "partial_tags": (), "quiesce_tags": (), "private": False}
        wanted = {f"P{number}": period._replace(**lost) for number, period in enumerate(drawn)}
        bodies = [period_body(period, tags, partial=has) for period in drawn]
        named = zip(wanted, bodies, strict=True)
        keys = [sim.key("snapshot_profile_periods", {**body, "profile": 1, "name": name}) for name, body in named]
        assert wanted.items() <= profiles(api, sim)["gold"].periods.items()
        for key, body in zip(keys, reversed(bodies), strict=True):
            api.put("snapshot_profile_periods", key, body)
        turned = dict(zip(wanted, reversed(wanted.values()), strict=True))
        assert turned.items() <= profiles(api, sim)["gold"].periods.items()

    @given(periods)
    def test_a_row_of_the_body_is_the_period(self, period: PlatformPeriod) -> None:
        body = period_body(period, {"DB": (1,), "Web": (2,)})
        assert period_of(body, {1: "DB", 2: "Web"}) == period


class TestPeriods:
    def test_every_column_is_written(self, api: Api, sim: Sim) -> None:
        body = period_body(PlatformPeriod("hourly", None), {})
        row = sim.get("snapshot_profile_periods", fields=ALL)[0]
        assert set(row) - set(body) == {"$key", "profile", "name", "estimated_snapshot_count"}
        assert set(body) <= set(row)
        assert set(body) - set(period_body(PlatformPeriod("hourly", None), {}, partial=False)) == set(PARTIAL_COLUMNS)
        assert (body["retention"], body["max_tier"], body["day_of_week"]) == (0, "1", "any")

    def test_a_tag_that_does_not_exist_is_not_written(self) -> None:
        period = PlatformPeriod("hourly", 1, type="partial_include", partial_tags=("DB", "Gone"))
        with pytest.raises(UnknownTagError, match="'Gone'") as caught:
            period_body(period, {"DB": (1,)})
        assert caught.value.name == "Gone"

    def test_tags_are_names_and_what_is_none_stays_visible(self) -> None:
        row = {"retention": 1, "frequency": "daily", "type": "partial_include"}
        tags = {"partial_tags": "2, 9,1", "quiesce_tags": "Web,"}
        period = period_of({**row, **tags}, {1: "DB", 2: "Web"})
        assert (period.partial_tags, period.quiesce_tags) == (("9", "DB", "Web"), ("Web",))

    def test_tags_of_a_full_one_mean_nothing(self) -> None:
        full = {"retention": 1, "frequency": "daily", "type": "full", "partial_tags": "1", "quiesce_tags": "1"}
        assert period_of(full, {1: "DB"}) == PlatformPeriod("daily", 1)

    def test_tags_that_are_kept_in_a_table_of_their_own_are_found(self, api: Api, sim: Sim) -> None:
        hourly = {"name": "H", "frequency": "hourly", "retention": 60, "type": "partial_include"}
        sim.seed(switches={"period_tags": "table"}, profiles=[{"name": "part", "periods": [hourly]}])
        web = sim.get("tags", fields="$key", filter="name eq 'Web'")[0]["$key"]
        refs = {"snapshot_profile_period": 1, "refs": f"tags/{web}"}
        sim.control("POST", "rows/snapshot_profile_period_tags", refs)
        found = inventory(api, sim)
        assert found.platform is not None
        assert found.platform.profiles[0].periods["H"].partial_tags == ("Web",)
        assert found.requests == 15
        assert "GET snapshot_profile_period_tags" in sim.requests()

    @pytest.mark.parametrize("version", VERSIONS)
    def test_without_partial_periods_no_table_of_tags_is_asked_for(self, api: Api, sim: Sim, version: str) -> None:
        sim.seed(version=version, switches={"period_tags": "table"})
        assert inventory(api, sim).requests == 14

    @pytest.mark.parametrize(
        ("row", "seen"),
        [
            ({"frequency": "weekly", "day_of_week": "any"}, {"day_of_week": "any"}),
            ({"frequency": "monthly", "day_of_month": 0}, {"day_of_month": 0}),
            (
                {"frequency": "custom", "day_of_week": "any", "day_of_month": 3, "month": 4, "hour": 5},
                {"day_of_week": "any", "day_of_month": 3, "month": 4, "hour": 5},
            ),
            ({"frequency": "fortnightly", "hour": 5, "day_of_week": "mon"}, {"hour": 5, "day_of_week": "mon"}),
            ({"frequency": None}, {"frequency": ""}),
        ],
    )
    def test_what_cannot_be_expressed_stays_visible(self, row: dict[str, Any], seen: dict[str, Any]) -> None:
        period = period_of({"retention": 60, **row}, {})
        assert period == PlatformPeriod(**{"frequency": row["frequency"], "retention": 60, **seen})

    @pytest.mark.parametrize("column", ["retention", "minute", "max_tier", "min_snapshots"])
    def test_a_number_that_is_none_is_an_error(self, column: str) -> None:
        with pytest.raises(ValueError, match=f"its {column} is 'x'"):
            period_of({"frequency": "daily", "retention": 60, column: "x"}, {})

    def test_the_shipped_profiles_are_read(self, api: Api, sim: Sim) -> None:
        sim.seed(shipped_profiles=True)
        found = profiles(api, sim)
        assert found["HIPAA"].periods["Yearly"] == PlatformPeriod("yearly", None, day_of_month=1, month=1)
        assert found["System Snapshots"].periods["Hourly"] == PlatformPeriod("hourly", 3 * 3600, immutable=True)
        assert found["Volume Antivirus Scan"].periods == {}

    def test_which_periods_are_ours(self) -> None:
        rows = [{"$key": 1, "name": "gold", "description": OURS}, {"$key": 2, "name": "theirs"}]
        of = [{"$key": 7, "profile": 1, "name": "a", "min_snapshots": 2}, {"$key": 8, "profile": 2, "name": "a"}]
        found = native_periods(rows, of, "p")
        assert {key: (profile, *period) for key, (profile, period) in found.items()} == {7: (1, "gold", "a", 2)}

    def test_partial_columns_are_seen_or_known_by_version(self) -> None:
        assert has_partial_columns([{"type": "full"}], (26, 0))
        assert not has_partial_columns([{"name": "a"}], (26, 1, 7))
        assert has_partial_columns([], (26, 1, 7))
        assert not has_partial_columns([], (26, 0))


class TestCapabilities:
    @pytest.mark.parametrize(
        ("version", "switches", "missing", "natively_missing"),
        [
            ("26.1.7", {}, set(), set()),
            ("26.0", {}, {"type", "partial_tags", "quiesce_tags"}, {"type", "partial_tags", "quiesce_tags"}),
            ("26.1.3", {"period_partial_columns": "absent"}, set(), set(PARTIAL_COLUMNS)),
        ],
    )
    def test_fields_are_those_of_this_system(
        self,
        connect: Connect,
        sim: Sim,
        version: str,
        switches: dict[str, str],
        missing: set[str],
        natively_missing: set[str],
    ) -> None:
        sim.seed(version=version, switches=switches)
        found = refreshed(connect(), sim, requests_per_hour=500).capabilities
        fields = ("immutable", *PARTIAL_COLUMNS)
        assert {each for each in fields if not found.honours(each, Scope.CLOUD)} == missing
        assert {each for each in fields if not found.honours(each, Scope.CLOUD, native=True)} == natively_missing
        assert found.honours("quiesce", Scope.VM)
        assert not found.honours("max_tier", Scope.VM)
        assert found.honours("max_tier", Scope.VM, native=True)
        assert found.requests_per_hour == 500

    @pytest.mark.parametrize("version", VERSIONS)
    def test_without_any_period_the_version_tells(self, connect: Connect, sim: Sim, version: str) -> None:
        sim.seed(version=version, profiles=[])
        found = refreshed(connect(), sim).capabilities
        assert found.honours("type", Scope.CLOUD, native=True) is (version != "26.0")


GOLD, SILVER, FOUR = ({"$key": key, "name": name} for key, name in ((4, "gold"), (5, "silver"), (6, "4")))
SETTING = {"key": "system_snapshot_profile", "description": "Snapshot Profile to use for System snapshots (see manual)"}
OTHER = {"key": "max_estimated_snapshots_per_profile", "value": "4", "description": "Maximum estimated snapshots"}


def setting(value: str, **more: Any) -> list[dict[str, Any]]:
    return [OTHER, {**SETTING, "value": value, **more}]


class TestSystemProfile:
    @pytest.mark.parametrize("kind", ["key", "name"])
    @pytest.mark.parametrize("key", ["system_snapshot_profile", "xyz"])
    def test_it_is_found_whatever_its_key_and_its_values_are(self, api: Api, sim: Sim, kind: str, key: str) -> None:
        sim.seed(switches={"system_profile_key": key, "system_profile_value": kind}, system_profile="gold")
        rows = api.rows("snapshot_profiles", ALL)
        found = system_profile(api.rows("settings", ALL), rows)
        assert found == SystemProfile(key, kind == "name", rows[0]["$key"], rows[0]["name"] if kind == "name" else "1")
        assert found.value_for(rows[0]) == found.value
        assert found.value_for(None) == ""

    @pytest.mark.parametrize(
        ("settings", "by_name", "profile"),
        [
            (setting("4"), False, 4),
            (setting("silver"), True, 5),
            (setting("99"), False, None),
            (setting("a name that is gone"), True, None),
            (setting("", default_value="silver"), True, None),
            (setting("", default_value="4"), False, None),
            (setting("0", default_value="4"), False, None),
            ([{"key": "sys.Snapshot.Profile", "value": "4"}], False, 4),
        ],
    )
    def test_its_value_tells_how_it_is_written(
        self, settings: list[dict[str, Any]], by_name: bool, profile: int | None
    ) -> None:
        found = system_profile(settings, [GOLD, SILVER])
        assert (found.blocker, found.by_name, found.profile) == ("", by_name, profile)

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            (None, "may not read"),
            ([], "no setting is"),
            ([{"key": "max_connections", "value": "1"}], "no setting is"),
            ([OTHER, {"key": "snapshot_profile", "value": "4"}], "2 settings may be"),
            (setting("4") + setting("5"), "2 settings may be"),
            (setting(""), "is empty"),
            ([{"key": "max_snapshots_per_profile", "value": "200"}], "names no profile"),
            (setting("4"), "one profile's key and another one's name"),
        ],
    )
    def test_where_it_is_not_clear_nothing_is_known(self, settings: list[dict[str, Any]] | None, said: str) -> None:
        found = system_profile(settings, [GOLD, FOUR])
        assert said in found.blocker
        assert found.blocker.endswith("set it in the UI at System Snapshots > Set Snapshot Profile")
        assert found.profile is None


def test_tags_of_one_name_are_called_after_their_categories() -> None:
    rows = [
        {"$key": 1, "name": "DB", "category_name": "a"},
        {"$key": 2, "name": "DB", "category_name": "b"},
        {"$key": 3, "name": "Web", "category_name": "b"},
    ]
    assert tag_names(rows) == {1: "a/DB", 2: "b/DB", 3: "Web"}
    keys = tag_keys(rows)
    assert (keys["a/DB"], keys["b/DB"], keys["DB"], keys["Web"]) == ((1,), (2,), (1, 2), (3,))
