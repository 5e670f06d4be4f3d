"""Switches that the tests of the sections do not turn, and that every switch is turned somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from snapplan.devtools.vergeos.rules.switches import SWITCHES

from .conftest import DAY

HERE = Path(__file__).parent


def test_status_of_a_profile_in_use(sim):
    """2.5 [G]"""
    sim.put("vms/1", {"snapshot_profile": 1})
    for status in ("409", "422", "400"):
        sim.control("PUT", "switches", {"profile_in_use_status": status})
        assert sim.refused("DELETE", "snapshot_profiles/1")[0] == int(status)


def test_partial_columns_of_periods_may_be_absent(sim):
    """2.2 [G]"""
    sim.seed(switches={"period_partial_columns": "absent"})
    sim.put("snapshot_profile_periods/1", {"type": "partial_include", "private": True})
    assert not {"type", "private", "partial_tags"} & set(sim.get("snapshot_profile_periods/1", fields="all"))


def test_weekly_on_any_day_may_run_daily(sim):
    """2.2 [G]"""
    period = {"name": "P", "frequency": "weekly", "retention": "1y"}
    profiles = [{"name": "gold", "periods": [period]}]
    sim.seed(profiles=profiles, system_profile="gold", switches={"weekly_any": "daily"}).days(7)
    assert len(sim.get("cloud_snapshots")) == 7


def test_names_may_have_minutes(sim):
    """2.2 [G]"""
    sim.seed(system_profile="gold", switches={"scheduled_names": "minute"}).days(1)
    assert sim.names("cloud_snapshots") == ["Daily_20261123_0200"]


@pytest.mark.parametrize(("setting", "count"), [("forgotten", 0), ("kept", 1)])
def test_reference_to_a_deleted_period(sim, setting, count):
    """2.5 [G] A snapshot that forgot its period is not held; by a switch it remembers and is."""
    sim.seed(system_profile="gold", switches={"period_gone": setting}).days(1)
    sim.delete("snapshot_profile_periods/1")
    referred = sim.get("cloud_snapshots", fields="snapshot_period")
    assert referred == [{"snapshot_period": {"forgotten": None, "kept": 1}[setting]}]
    sim.step(8 * DAY)
    assert len(sim.get("cloud_snapshots")) == count


def test_unknown_columns_in_filters_may_match_nothing(sim):
    """1.6 [G]"""
    assert sim.raw("GET", "vms", filter="nothing eq 1").status_code == 422
    sim.control("PUT", "switches", {"unknown_filter_column": "no_match"})
    assert sim.get("vms", filter="nothing eq null") == []


def test_all_may_include_the_key(sim):
    """1.6 [DISPUTED]"""
    sim.control("PUT", "switches", {"all_with_key": "yes"})
    assert sim.get("vms/1", fields="all")["$key"] == 1


def test_status_of_deleting_a_mounted_volume(sim):
    """1.5 [G]"""
    sim.control("PUT", "switches", {"online_drive_status": "500"})
    assert sim.refused("DELETE", f"volumes/{sim.get('volumes')[0]['$key']}")[0] == 500


def test_body_of_a_429(sim):
    """1.2 [G]"""
    sim.seed(requests_per_hour=1, switches={"rate_limit_body": "text"})
    sim.get("vms")
    response = sim.raw("GET", "vms")
    assert (response.status_code, response.text) == (429, "Too many requests")


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: switch.name)
def test_every_switch_is_turned_in_a_test(switch):
    tests = "".join(path.read_text(encoding="utf-8") for path in HERE.glob("test_*.py"))
    assert f'"{switch.name}"' in tests
