"""Section 2.3: the scheduler, what it holds and what it removes."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from snapplan.devtools.vergeos import seed as seeds
from snapplan.devtools.vergeos.rules import events

from .conftest import DAY, NOON, SEED

HOUR = 3600


def periods(sim, *given, **changes):
    """Begin with these periods in the profile gold of web-01."""
    vms = [{"name": "web-01", "profile": "gold", "agent": "8.2"}]
    return sim.seed(profiles=[{"name": "gold", "periods": list(given)}], vms=vms, **changes)


def taken(sim, table="machine_snapshots"):
    rows = sim.get(table, fields="created", sort="created")
    return [datetime.fromtimestamp(row["created"], UTC).strftime("%Y-%m-%d %H:%M") for row in rows]


def daily(**more):
    return {"name": "P", "frequency": "daily", "hour": 2, "retention": "3d", **more}


def test_daily(sim):
    """2.2 A daily period runs at its hour and minute; the snapshot has its period and is not manual."""
    periods(sim, daily(minute=30)).days(2)
    assert taken(sim) == ["2026-11-23 02:30", "2026-11-24 02:30"]
    row = sim.get("machine_snapshots", fields="name,snapshot_period,created_manually,expires,created")[0]
    assert row.pop("expires") - row.pop("created") == 3 * DAY
    assert row == {"name": "P_20261123", "snapshot_period": 1, "created_manually": False}


def test_hourly(sim):
    """2.2 [PV] An hourly period runs at its minute."""
    periods(sim, {"name": "H", "frequency": "hourly", "minute": 15, "retention": "1d"}).step(2 * HOUR)
    assert taken(sim) == ["2026-11-22 12:15", "2026-11-22 13:15"]


@pytest.mark.parametrize(
    ("period", "days", "instants"),
    [
        ({"frequency": "weekly", "day_of_week": "wed"}, 14, ["2026-11-25 02:00", "2026-12-02 02:00"]),
        ({"frequency": "monthly", "day_of_month": 1}, 45, ["2026-12-01 02:00", "2027-01-01 02:00"]),
        ({"frequency": "monthly", "day_of_month": 31}, 40, ["2026-11-30 02:00", "2026-12-31 02:00"]),
        ({"frequency": "yearly", "month": 2, "day_of_month": 28}, 120, ["2027-02-28 02:00"]),
        ({"frequency": "custom", "month": 12, "day_of_month": 1}, 30, []),
    ],
)
def test_frequencies(sim, period, days, instants):
    """2.2 [PV r/snapshot_profiles.py:18] Weekly, monthly, yearly; custom is never due, its encoding being unknown."""
    periods(sim, daily(**period, retention="1y")).step(days * DAY)
    assert taken(sim) == instants


def test_custom_with_a_year(sim):
    """2.2 [G] By a switch custom has a year and runs once."""
    once = daily(frequency="custom", year=2026, month=12, day_of_month=1, retention="1y")
    periods(sim, once, switches={"custom_periods": "year_column"}).step(400 * DAY)
    assert taken(sim) == ["2026-12-01 02:00"]


def test_short_months(sim):
    """2.3 [G] By a switch a month without the day is skipped."""
    monthly = daily(frequency="monthly", day_of_month=31, retention="1y")
    periods(sim, monthly, switches={"short_months": "skip"}).step(40 * DAY)
    assert taken(sim) == ["2026-12-31 02:00"]


@pytest.mark.parametrize(("version", "count"), [("26.1.1", 7), ("26.1.2", 1)])
def test_weekly_on_any_day(sim, version, count):
    """2.2 [VD rn/26-1:542] Weekly on any day ran daily before 26.1.2."""
    periods(sim, daily(frequency="weekly", retention="1y"), version=version).days(7)
    assert len(taken(sim)) == count


@pytest.mark.parametrize(("version", "names"), [("26.1.1", 1), ("26.1.2", 2)])
def test_two_due_together(sim, version, names):
    """2.3 [VD rn/26-1:541] Of two periods due at the same minute only one ran before 26.1.2."""
    periods(sim, daily(), daily(name="Q"), version=version).days(1)
    assert len(taken(sim)) == names


def test_time_zone(sim):
    """2.3 [G] Hours are in the system's zone, over the change of its clocks too; by a switch in UTC."""
    early = {"now": "2027-03-27T00:00:00Z", "time_zone": "Europe/Berlin"}
    periods(sim, daily(hour=4, retention="1y"), **early).step(2 * DAY)
    assert taken(sim) == ["2027-03-27 03:00", "2027-03-28 02:00"]
    periods(sim, daily(hour=4, retention="1y"), **early, switches={"period_time_zone": "utc"}).step(2 * DAY)
    assert taken(sim) == ["2027-03-27 04:00", "2027-03-28 04:00"]


def test_the_hour_that_comes_twice(sim):
    """2.3 [G] An hourly period runs in both of the hours that a clock set back has; their names differ."""
    hourly = {"name": "H", "frequency": "hourly", "retention": "1d"}
    periods(sim, hourly, now="2026-10-24T23:30:00Z", time_zone="Europe/Berlin").step(3 * HOUR)
    assert taken(sim) == ["2026-10-25 00:00", "2026-10-25 01:00", "2026-10-25 02:00"]
    names = ["H_20261025_0200", "H_20261025_0200 (1)", "H_20261025_0300"]
    assert sim.names("machine_snapshots", sort="created") == names


def test_retention_is_stamped(sim):
    """2.3 [G] A changed retention does not touch what is there; by a switch it does."""
    periods(sim, daily()).days(1)
    before = sim.get("machine_snapshots", fields="expires")
    sim.put("snapshot_profile_periods/1", {"retention": DAY})
    assert sim.get("machine_snapshots", fields="expires") == before
    sim.control("PUT", "switches", {"retention_change": "existing_too"})
    sim.put("snapshot_profile_periods/1", {"retention": 2 * DAY})
    assert sim.get("machine_snapshots", fields="expires")[0]["expires"] == before[0]["expires"] - DAY


@pytest.mark.parametrize(("setting", "expires"), [("forever", 0), ("expired", None)])
def test_retention_zero(sim, setting, expires):
    """2.2 [VRG; DISPUTED] Retention 0 keeps for ever, or by a switch not at all."""
    periods(sim, daily(retention=0, min_snapshots=0), switches={"retention_zero": setting}).days(2)
    assert [row["expires"] for row in sim.get("machine_snapshots", fields="expires")] == [expires] * 2 * (expires == 0)


def test_retention_zero_refused(sim):
    """2.2 [TF/GO; DISPUTED] By a switch retention 0 is 422."""
    sim.control("PUT", "switches", {"retention_zero": "refuse"})
    period = {"profile": 1, "name": "Z", "retention": 0}
    assert sim.refused("POST", "snapshot_profile_periods", period)[0] == 422


def test_expiry(sim):
    """2.3 The platform removes at expires by itself."""
    periods(sim, daily()).days(6)
    assert taken(sim) == ["2026-11-26 02:00", "2026-11-27 02:00", "2026-11-28 02:00"]


def test_min_snapshots(sim):
    """2.2, 2.3 [VD bdr/snapshot-profiles:102-106] Expired but needed is kept, until a newer one replaces it."""
    weekly = daily(frequency="weekly", day_of_week="mon", retention="1d", min_snapshots=2)
    periods(sim, weekly).step(21 * DAY)
    assert taken(sim) == ["2026-11-30 02:00", "2026-12-07 02:00"]


def test_held_status(sim):
    """2.3, 4.1 [VD bdr/snapshot-profiles:102-106] A system snapshot kept past its expiration is held."""
    weekly = daily(frequency="weekly", day_of_week="mon", retention="1d", min_snapshots=1)
    periods(sim, weekly, system_profile="gold").step(3 * DAY)
    assert sim.get("cloud_snapshots", fields="name,status") == [{"name": "P_20261123", "status": "held"}]
    sim.step(7 * DAY)
    assert sim.names("cloud_snapshots") == ["P_20261130"]


def test_held_until_removed(sim):
    """3.5 [VD bdr/snapshot-profiles:183-200] After unassigning, the last snapshots stay until somebody deletes them."""
    periods(sim, daily()).days(2)
    sim.put("vms/1", {"snapshot_profile": None})
    sim.step(60 * DAY)
    rows = sim.get("machine_snapshots", fields="$key,name,snapshot_period")
    assert [row["name"] for row in rows] == ["P_20261124"]
    assert rows[0]["snapshot_period"] == 1
    sim.delete(f"machine_snapshots/{rows[0]['$key']}")
    assert taken(sim) == []


def test_scheduled_system_snapshot(sim):
    """2.2, 4.1 [PV r/cloud_snapshots.py:256] Named by period and date; it has profile, period and minimum."""
    periods(sim, daily(min_snapshots=3, immutable=True, private=True), system_profile="gold").days(1)
    fields = "name,snapshot_profile,snapshot_period,min_snapshots,immutable_status,private,type"
    assert sim.get("cloud_snapshots", fields=fields) == [
        {
            "name": "P_20261123",
            "snapshot_profile": 1,
            "snapshot_period": 1,
            "min_snapshots": 3,
            "immutable_status": "locked",
            "private": True,
            "type": "full",
        }
    ]


def test_immutable_is_for_system_snapshots(sim):
    """2.2 [PV r/snapshot_profiles.py:525] immutable matters to system snapshots only: others are deleted freely."""
    periods(sim, daily(immutable=True)).days(1)
    sim.delete("machine_snapshots/1")
    assert taken(sim) == []


def test_scheduled_quiesce(sim):
    """2.2 [VD :122] A period's quiesce reaches VM snapshots, by what the agent does."""
    periods(sim, daily(quiesce=True)).days(1)
    sim.control("PUT", "agent/web-01", {"version": ""})
    sim.days(1)
    assert [row["quiesced"] for row in sim.get("machine_snapshots", fields="quiesced")] == [True, False]


def test_scheduled_volume(sim):
    """2.4, 3.2 A volume with a profile is snapshotted; a remote one cannot be."""
    volumes = [{"name": "a", "profile": "gold"}, {"name": "b", "fs_type": "nfs", "profile": "gold"}]
    periods(sim, daily(quiesce=True), volumes=volumes).days(5)
    rows = sim.get("volume_snapshots", fields="name,volume#name as v,created_manually,quiesce,expires_type")
    row = {"v": "a", "created_manually": False, "quiesce": True, "expires_type": "date"}
    assert rows == [{"name": f"P_202611{day}", **row} for day in (25, 26, 27)]


def test_partial_period(sim):
    """2.2, 4.2 [#129; G names] A partial period captures by tag; tags by name are silently ignored."""
    partial = daily(type="partial_include", partial_tags="1")
    sim.seed(profiles=[{"name": "gold", "periods": [partial]}], system_profile="gold").days(1)
    assert sim.names("cloud_snapshot_vms") == ["db-01"]
    sim.put("snapshot_profile_periods/1", {"partial_tags": "DB"})
    sim.days(1)
    assert sim.names("cloud_snapshot_vms", filter="cloud_snapshot eq 2") == []


def test_period_tags_in_a_table(sim):
    """2.2 [ANS; G] By a switch a period's tags are rows of snapshot_profile_period_tags."""
    partial = daily(type="partial_include", partial_tags="2")
    sim.seed(
        profiles=[{"name": "gold", "periods": [partial]}], system_profile="gold", switches={"period_tags": "table"}
    )
    sim.post("snapshot_profile_period_tags", {"snapshot_profile_period": 1, "refs": "tags/1"})
    sim.days(1)
    assert sim.names("cloud_snapshot_vms") == ["db-01"]


def test_changed_period(sim):
    """2.3 A period that was changed runs at its new time only."""
    periods(sim, daily())
    sim.put("snapshot_profile_periods/1", {"hour": 5})
    sim.days(1)
    assert taken(sim) == ["2026-11-23 05:00"]


def test_a_year_of_hours_is_fast():
    """2.3 A year in hourly steps: 3 VMs, a volume and the system, hourly and daily; below 10 s of CPU."""
    hourly = {"name": "H", "frequency": "hourly", "retention": "3h", "min_snapshots": 2}
    profile = {"name": "gold", "periods": [hourly, daily(retention="30d")]}
    seed = {**SEED, "profiles": [profile], "system_profile": "gold", "timings": {"building": 60}}
    seed |= {"vms": [{"name": "vm-{}", "count": 3, "profile": "gold"}]}
    seed |= {"volumes": [{"name": "v", "profile": "gold"}]}
    system, _ = seeds.grow(seeds.parse(seed), NOON)
    before = time.process_time()
    for _ in range(365 * 24):
        events.advance(system, system.now + HOUR)
    assert time.process_time() - before < 10
    kept = {
        table: len(system.store.rows(table)) for table in ("machine_snapshots", "volume_snapshots", "cloud_snapshots")
    }
    assert kept == {"machine_snapshots": 99, "volume_snapshots": 33, "cloud_snapshots": 33}
