"""Section 2, 3.3: profiles, periods, the system's profile."""

from __future__ import annotations

import pytest
from pyvergeos.exceptions import APIError

PERIOD = {"profile": 1, "name": "P", "frequency": "daily", "retention": 3600}


def test_profile_fields(sim):
    """2.1 [PV r/snapshot_profiles.py:851; PS] name is unique and 1 to 128 long, description up to 2048."""
    client = sim.client()
    made = client.snapshot_profiles.create(name="p", description="d")
    assert (made["name"], made["description"], made["ignore_warnings"]) == ("p", "d", False)
    for body in ({"name": ""}, {"name": "x" * 129}, {"name": "y", "description": "x" * 2049}):
        assert sim.refused("POST", "snapshot_profiles", body)[0] == 422


@pytest.mark.parametrize("way", ["action", "path"])
def test_delete_profile(sim, way):
    """2.1, 2.5 [PV r/snapshot_profiles.py:908; GO] Deleted by action or by path; its periods go with it."""
    if way == "action":
        sim.client().snapshot_profiles.delete(1)
    else:
        sim.delete("snapshot_profiles/1")
    assert sim.get("snapshot_profiles") == []
    assert sim.get("snapshot_profile_periods") == []


def test_shipped_profiles(sim):
    """2.1 [VD bdr/snapshot-profiles:38-64] The profiles that every system has."""
    sim.seed(shipped_profiles=True, system_profile="System Snapshots")
    names = ["SOX", "HIPAA", "NAS Volume Syncs", "System Snapshots", "Volume Antivirus Scan"]
    assert sim.names("snapshot_profiles")[:5] == names
    fields = "name,frequency,hour,retention,immutable"
    shipped = sim.get("snapshot_profile_periods", filter="profile eq 4", fields=fields)
    assert [(row["name"], row["retention"], row["immutable"]) for row in shipped] == [
        ("Hourly", 3 * 3600, True),
        ("Midnight", 3 * 86_400, False),
        ("Noon", 86_400, False),
    ]


def test_period_defaults(sim):
    """2.2 [PV r/snapshot_profiles.py; VRG] The defaults of a period."""
    key = sim.key("snapshot_profile_periods", {"profile": 1, "name": "P", "retention": 3600})
    row = sim.get(f"snapshot_profile_periods/{key}", fields="all")
    expected = {"frequency": "daily", "minute": 0, "hour": 0, "day_of_week": "any", "day_of_month": 0, "month": 0}
    more = {"max_tier": "1", "quiesce": False, "min_snapshots": 1, "immutable": False, "type": "full", "private": False}
    assert {name: row[name] for name in (expected | more)} == expected | more


def test_frequency_may_be_required(sim):
    """2.2 [G] By a switch a period must name its frequency."""
    sim.control("PUT", "switches", {"frequency_default": "none"})
    found = sim.refused("POST", "snapshot_profile_periods", {"profile": 1, "name": "P", "retention": 3600})
    assert found == (422, "field 'snapshot_profile_periods.frequency' is required")


@pytest.mark.parametrize(
    "wrong",
    [
        {"frequency": "fortnightly"},
        {"minute": 60},
        {"hour": 24},
        {"day_of_week": "funday"},
        {"day_of_month": 32},
        {"month": 13},
        {"max_tier": "6"},
        {"retention": -1},
        {"min_snapshots": -1},
        {"type": "half"},
    ],
)
def test_period_ranges(sim, wrong):
    """2.2 [PV r/snapshot_profiles.py:543] Words outside their list and numbers outside their range are 422."""
    assert sim.refused("POST", "snapshot_profile_periods", {**PERIOD, **wrong})[0] == 422


def test_period_name_is_unique_in_its_profile(sim):
    """2.2 [VRG, ANS] The name of a period is unique within its profile."""
    other = sim.key("snapshot_profiles", {"name": "other"})
    sim.post("snapshot_profile_periods", PERIOD)
    assert sim.refused("POST", "snapshot_profile_periods", PERIOD)[0] == 409
    sim.post("snapshot_profile_periods", {**PERIOD, "profile": other})


def test_max_tier_is_text(sim):
    """2.2 [PV r/snapshot_profiles.py:567,605; M] max_tier is written and read as text; the SDK converts."""
    client = sim.client()
    made = client.snapshot_profiles.periods(1).create(name="T", frequency="daily", retention=60, max_tier=3)
    assert sim.get(f"snapshot_profile_periods/{made.key}", fields="max_tier") == {"max_tier": "3"}


def test_estimated_count(sim):
    """2.2 [PV] estimated_snapshot_count is read-only and follows retention and frequency."""
    fields = "estimated_snapshot_count"
    assert sim.get("snapshot_profile_periods/1", fields=fields) == {fields: 7}
    assert sim.refused("PUT", "snapshot_profile_periods/1", {fields: 1})[0] == 422


@pytest.mark.parametrize(("version", "columns"), [("26.0", False), ("26.1", True)])
def test_partial_columns(sim, version, columns):
    """2.2 [VD; G names] Partial periods exist from 26.1; before, their columns are dropped."""
    sim.seed(version=version)
    key = sim.key("snapshot_profile_periods", {**PERIOD, "type": "partial_include", "partial_tags": "1"})
    row = sim.get(f"snapshot_profile_periods/{key}", fields="all")
    assert ("partial_tags" in row) is columns
    assert row.get("type", "partial_include") == "partial_include"


def test_update_passes_any_field_through(sim):
    """2.2 [M] The SDK's update sends the partial columns that its create lacks."""
    periods = sim.client().snapshot_profiles.periods(1)
    periods.update(1, type="partial_include", partial_tags="1,2", quiesce_tags="1", private=True)
    row = sim.get("snapshot_profile_periods/1", fields="type,partial_tags,quiesce_tags,private")
    assert row == {"type": "partial_include", "partial_tags": "1,2", "quiesce_tags": "1", "private": True}


def test_skip_missed(sim):
    """2.2 [CL #139] The platform takes skip_missed with 200 and drops it."""
    assert sim.put("snapshot_profile_periods/1", {"skip_missed": True}) == {}
    assert "skip_missed" not in sim.get("snapshot_profile_periods/1", fields="all,skip_missed")


@pytest.mark.parametrize(("setting", "hour"), [("forced", 0), ("kept", 5)])
def test_irrelevant_fields(sim, setting, hour):
    """2.2 [GO/TF] Fields that a frequency does not use get their defaults, or (by a switch) stay."""
    sim.control("PUT", "switches", {"irrelevant_fields": setting})
    key = sim.key("snapshot_profile_periods", {**PERIOD, "frequency": "hourly", "hour": 5})
    assert sim.get(f"snapshot_profile_periods/{key}", fields="hour") == {"hour": hour}


def use_by_vm(sim):
    sim.put("vms/1", {"snapshot_profile": 1})


def use_by_volume(sim):
    sim.put(f"volumes/{sim.get('volumes')[0]['$key']}", {"snapshot_profile": 1})


def use_by_system(sim):
    sim.put("settings/system_snapshot_profile", {"value": "1"})


@pytest.mark.parametrize("use", [use_by_vm, use_by_volume, use_by_system])
def test_profile_in_use(sim, use):
    """2.4, 2.5 [PV r/snapshot_profiles.py:908; DISPUTED] A profile that something uses is not deleted."""
    use(sim)
    with pytest.raises(APIError):
        sim.client().snapshot_profiles.delete(1)
    assert sim.names("snapshot_profiles") == ["gold"]


@pytest.mark.parametrize("use", [use_by_vm, use_by_volume, use_by_system])
def test_profile_in_use_detaches(sim, use):
    """2.5 [VRG, ANS; DISPUTED] By a switch, deleting a profile detaches what uses it."""
    sim.control("PUT", "switches", {"profile_in_use": "detach"})
    use(sim)
    sim.delete("snapshot_profiles/1")
    assert sim.get("machines", filter="snapshot_profile ne null") == []
    assert sim.get("settings/system_snapshot_profile", fields="value") == {"value": ""}


def test_snapshots_stay(sim):
    """2.5 Existing snapshots stay when their period or profile is deleted."""
    sim.put("vms/1", {"snapshot_profile": 1})
    sim.days(1)
    sim.delete("snapshot_profile_periods/1")
    rows = sim.get("machine_snapshots", fields="name,snapshot_period")
    assert rows == [{"name": "Daily_20261123", "snapshot_period": None}]


@pytest.mark.parametrize(("version", "count"), [("26.1.1", 0), ("26.1.2", 1)])
def test_deletions_are_audited(sim, version, count):
    """2.5 [VD rn/26-1:546] From 26.1.2 deletions of profiles and periods write audit rows."""
    sim.seed(version=version)
    sim.delete("snapshot_profile_periods/1")
    rows = sim.get("logs", filter="object_type eq 'snapshot_profile'", fields="level,object_name")
    assert rows == [{"level": "audit", "object_name": "Daily"}] * count


def test_assign_to_a_vm(sim):
    """3.1 [PS; TF; M] snapshot_profile is written through vms, on create too, and read through the machine."""
    client = sim.client()
    client.vms.update(1, snapshot_profile=1)
    made = sim.key("vms", {"name": "new", "snapshot_profile": 1})
    fields = "machine#snapshot_profile as p,machine#snapshot_profile#name as n"
    assert sim.get(f"vms/{made}", fields=fields) == {"p": 1, "n": "gold"}
    assert sim.get("machines", filter="snapshot_profile eq 1", fields="name") == [{"name": "web-01"}, {"name": "new"}]
    assert "snapshot_profile" not in client.vms.get(1)


def test_unassign_a_vm(sim):
    """3.1 [M] null unassigns."""
    client = sim.client()
    client.vms.update(1, snapshot_profile=1)
    client.vms.update(1, snapshot_profile=None)
    assert sim.get("machines", filter="snapshot_profile ne null") == []


def test_zero_unassigns_by_a_switch(sim):
    """3.1 [G] By a switch 0 unassigns, where by default it is 404."""
    sim.control("PUT", "switches", {"zero_reference": "null"})
    assert sim.put("vms/1", {"snapshot_profile": 0}) == {}


def test_filtering_by_the_joined_column(sim):
    """3.1 [PV filters.py #103] The joined column cannot be filtered."""
    assert sim.refused("GET", "vms", filter="machine#snapshot_profile eq 1")[0] == 422


def test_assign_to_a_volume(sim):
    """3.2 [PV r/nas_volumes.py:289; PS] A volume's profile is written, shown with its name, and unassigned by null."""
    client = sim.client()
    volume = client.nas_volumes.get(name="shared")
    updated = client.nas_volumes.update(volume.key, snapshot_profile=1)
    assert updated["snapshot_profile_display"] == "gold"
    client.nas_volumes.update(volume.key, snapshot_profile=None)
    assert sim.get("volumes", fields="snapshot_profile") == [{"snapshot_profile": 1}]
    client._request("PUT", f"volumes/{volume.key}", json_data={"snapshot_profile": None})
    assert sim.get("volumes", fields="snapshot_profile") == [{"snapshot_profile": None}]


def test_system_profile(sim):
    """3.3 [VD adv:53; PV r/system.py; G key] A setting, described as the Snapshot Profile of system snapshots."""
    rows = sim.get("settings", fields="all,$key")
    found = [row for row in rows if row["description"].startswith("Snapshot Profile to use for System snapshots")]
    assert len(found) == 1
    assert {"key", "value", "default_value", "description", "$key"} == set(found[0])
    sim.client().system.settings.update(found[0]["key"], "1")
    sim.days(1)
    assert sim.names("cloud_snapshots") == ["Daily_20261123"]


@pytest.mark.parametrize("encoding", ["key", "name"])
def test_system_profile_value(sim, encoding):
    """3.3 [G] The setting holds the profile's key, or by a switch its name."""
    sim.seed(switches={"system_profile_value": encoding, "system_profile_key": "sysprof"}, system_profile="gold")
    assert sim.get("settings/sysprof", fields="value") == {"value": {"key": "1", "name": "gold"}[encoding]}
    sim.days(1)
    assert len(sim.get("cloud_snapshots")) == 1


def test_settings_are_written_by_value_only(sim):
    """3.3 [CL #86] key and default_value are read-only."""
    for column in ("key", "default_value"):
        assert sim.refused("PUT", "settings/cloud_name", {column: "x"})[0] == 422
