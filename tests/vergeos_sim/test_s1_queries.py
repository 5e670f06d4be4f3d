"""Section 1.6: the query dialect."""

from __future__ import annotations

import pytest

ODD = ["plain", "it's", "back\\slash", "a{b}c", "ac", "open{", "Plain", "x+y", "50%"]


@pytest.fixture
def odd(sim):
    """Profiles with odd names; the seed's own is deleted."""
    sim.delete("snapshot_profiles/1")
    for name in ODD:
        sim.post("snapshot_profiles", {"name": name, "description": name[:1]})
    return lambda text: sim.names("snapshot_profiles", filter=text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("name eq 'plain'", ["plain"]),
        ("name ne 'plain'", [name for name in ODD if name != "plain"]),
        ("name bw 'P'", ["Plain"]),
        ("name ew 'lain'", ["plain", "Plain"]),
        ("name cs 'la'", ["back\\slash", "plain", "Plain"]),
        ("name ct 'PLAIN'", ["plain", "Plain"]),
        ("name cs 'PLAIN'", []),
        ("$key le 1", ["plain"]),
        ("$key gt 1 and $key lt 5", ["it's", "back\\slash", "a{b}c"]),
        ("$key ge 8", ["x+y", "50%"]),
    ],
)
def test_operators(odd, text, names):
    """1.6 [PV filters.py; VD kb/api-guide:390-412] eq ne gt ge lt le bw ew cs ct; only ct ignores case."""
    assert sorted(odd(text)) == sorted(names)


def test_no_precedence(sim):
    """1.6 [PV filters.py #103] and/or run strictly from left to right; parentheses group."""
    left_to_right = "name eq 'web-01' or name eq 'db-01' and os_family eq 'none'"
    assert sim.names("vms", filter=left_to_right) == []
    assert sim.names("vms", filter="name eq 'web-01' or (name eq 'db-01' and os_family eq 'none')") == ["web-01"]


@pytest.mark.parametrize(("text", "name"), [(r"it\'s", "it's"), (r"back\\slash", "back\\slash"), (r"a\{b}c", "a{b}c")])
def test_escapes(odd, text, name):
    """1.6 [PV filters.py #100] A backslash escapes backslash, quote and brace in a literal."""
    assert odd(f"name eq '{text}'") == [name]


def test_doubled_quote(sim):
    """1.6 [PV filters.py #100] A quote doubled as in SQL is 422."""
    assert sim.refused("GET", "snapshot_profiles", filter="name eq 'it''s'")[0] == 422


def test_balanced_braces_vanish(odd):
    """1.6 [PV filters.py #100] A balanced {...} in a literal is swallowed: the wrong row answers."""
    assert odd("name eq 'a{b}c'") == ["ac"]
    assert odd("name eq 'a{b{x}}c'") == ["ac"]


def test_unbalanced_brace(sim):
    """1.6 [PV filters.py #100] An unbalanced { in a literal is 422."""
    assert sim.refused("GET", "snapshot_profiles", filter="name eq 'open{'")[0] == 422


def test_literals(sim):
    """1.6 [PV filters.py] Numbers, true and false stand without quotes."""
    assert sim.names("vms", filter="is_snapshot eq false and $key eq 1") == ["web-01"]
    assert sim.names("vms", filter="is_snapshot eq true") == []


def test_null(sim):
    """1.6 [PV filters.py] null finds what refers to nothing."""
    assert len(sim.get("machines", filter="snapshot_profile eq null")) == 2
    sim.put("vms/1", {"snapshot_profile": 1})
    assert len(sim.get("machines", filter="snapshot_profile eq null")) == 1
    assert len(sim.get("machines", filter="snapshot_profile ne null")) == 1


def test_now(sim):
    """1.6 [PV r/alarms.py:489; GO] {$now} and {$add({$now},N)} are the system's time."""
    now = sim.system.now
    for name, expires in (("soon", now + 60), ("late", now + 6000)):
        sim.post("cloud_snapshots", {"name": name, "expires": expires})
    assert sim.names("cloud_snapshots", filter="expires gt {$now}") == ["soon", "late"]
    assert sim.names("cloud_snapshots", filter="expires gt {$add({$now},600)}") == ["late"]
    assert sim.names("cloud_snapshots", filter="expires lt {$add({$now}, -600)}") == []


@pytest.mark.parametrize(
    "text",
    [
        "machine#name eq 'web-01'",
        "snapshot_profile eq 1",
        "upper(name) eq 'X'",
        "name in ('a')",
        "name matches 'a'",
        "name eq",
        "name eq 'a' xor name eq 'b'",
        "(name eq 'a'",
        "name eq bare",
        "name eq 'a",
        "name eq {$then}",
    ],
)
def test_refused_filters(sim, text):
    """1.6 [PV filters.py #103] Joined fields, functions, other operators and broken grammar are 422."""
    assert sim.refused("GET", "vms", filter=text) == (422, "Invalid argument")


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("^pl", ["plain"]),
        ("l[a-m]i", ["plain", "Plain"]),
        ("[[:upper:]]lain", ["Plain"]),
        ("", ODD),
        (r"\\d", []),
        ("(?i)PLAIN", []),
        (r"x\\+y", ["x+y"]),
        ("[", []),
    ],
)
def test_regular_expressions(odd, pattern, names):
    r"""1.6 [PV filters.py #103] rx is POSIX ERE, partial; empty matches all; \d and (?i) match nothing."""
    assert sorted(odd(f"name rx '{pattern}'")) == sorted(names)


def test_all(sim):
    """1.6 [PV r/base.py #117] all is the table's own columns: nothing joined, and not $key."""
    row = sim.get("vms/1", fields="all")
    assert row["machine"] == 500001
    assert row["running"] is None
    assert "$key" not in row
    assert "snapshot_profile" not in row
    assert sim.get("vms/1", fields="all,$key")["$key"] == 1


def test_default_fields(sim):
    """1.6 [PV r/base.py #191] Without fields a short set answers, which lacks the parent."""
    sim.post("machine_snapshots", {"machine": 500001, "name": "a"})
    row = sim.get("machine_snapshots")[0]
    assert row["name"] == "a"
    assert "machine" not in row


def test_views(sim):
    """1.6 [VD kb/api-guide] most and summary are views of the schema."""
    assert set(sim.get("vms/1", fields="summary")) < set(sim.get("vms/1", fields="most"))


def test_alias_and_traversal(sim):
    """1.6 [PV r/vms.py] a#b#c as z follows references."""
    row = sim.get("vms/1", fields="$key,name as n,machine#status#running as running,machine#status#status as status")
    assert row == {"$key": 1, "n": "web-01", "running": True, "status": "running"}


def test_traversal_without_alias(sim):
    """1.6 [VD kb/api-guide] Without an alias the entry itself is the name."""
    assert sim.get("vms/1", fields="machine#name") == {"machine#name": "web-01"}


def test_null_reference(sim):
    """1.6 [VD kb/api-guide] A traversal through a null reference leaves the name out."""
    fields = "$key,machine#snapshot_profile as p,machine#snapshot_profile#name as pn"
    assert sim.get("vms/1", fields=fields) == {"$key": 1, "p": None}
    sim.put("vms/1", {"snapshot_profile": 1})
    assert sim.get("vms/1", fields=fields) == {"$key": 1, "p": 1, "pn": "gold"}


def test_display(sim):
    """1.6 [PV r/nas_volumes.py:289] ref#$display is the name of what is referred to."""
    assert sim.get("volumes", fields="service#$display as s,display(service) as d") == [{"s": "nas", "d": "nas"}]
    assert sim.get("machine_status", fields="display(status) as d")[0] == {"d": "Running"}


def test_unknown_fields(sim):
    """1.6, 11.4 [CL #139; pyVergeOS 0a65706] Unknown names are absent, without an error."""
    assert sim.get("cloud_snapshots", fields="$key,retention") == []
    assert sim.get("vms/1", fields="name,skip_missed,a#b as c,nosuch(name) as d") == {"name": "web-01"}


def test_no_names(sim):
    """1.6 [PV r/base.py #101] A list without names answers the number of rows."""
    assert sim.get("vms", fields=",") == [{"$count": 2}]


def test_sub_select(sim):
    """1.6 [VD kb/api-guide:365-388] rows[...] selects from the rows below, ref[...] from the row referred to."""
    row = sim.get("machines", fields="drives[name,disksize] as d,status[status]", filter="name eq 'db-01'")[0]
    assert row == {
        "d": [{"name": "disk0", "disksize": 6}, {"name": "disk1", "disksize": 6}],
        "status[status]": {"status": "stopped"},
    }


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("count(drives)", 2),
        ("sum(drives[disksize])", 12),
        ("avg(drives[disksize])", 6.0),
        ("min(drives[disksize])", 6),
        ("max(drives[orderid])", 1),
        ("collapse(drives[name])", "disk0"),
        ("upper(name)", "DB-01"),
        ("lower(name)", "db-01"),
        ("hex($key)", "7a122"),
        ("sha1(name)", "11ad09cf4b0f3b4c2a1ec6cd5a2b6cb2ab8ad6b5"),
        ("diskspace($key)", "488.28 KB"),
        ("datetime($key)", "1970-01-06 18:53:22"),
        ("display(type)", "Vm"),
    ],
)
def test_functions(sim, entry, value):
    """1.6 [VD kb/api-guide:365-388] The functions of a projection."""
    found = sim.get("machines", fields=f"{entry} as v", filter="name eq 'db-01'")[0]["v"]
    if entry.startswith("sha1"):
        assert len(found) == 40
    else:
        assert found == value


def test_sort(sim):
    """1.6 [VD kb/api-guide:413; M] +name and -name, the plus encoded or as the space that it decodes to."""
    for sort in ("+name", "name", " name"):
        assert sim.names("vms", sort=sort) == ["db-01", "web-01"]
    assert sim.names("vms", sort="-name") == ["web-01", "db-01"]
    assert sim.names("vms", sort="+$key") == ["web-01", "db-01"]


def test_limit_and_offset(sim):
    """1.6 [VD kb/api-guide:419] limit 0 is no limit; offset skips."""
    assert sim.names("vms", limit="1") == ["web-01"]
    assert sim.names("vms", limit="0") == ["web-01", "db-01"]
    assert sim.names("vms", limit="1", offset="1") == ["db-01"]
    assert sim.names("vms", offset="2") == []
    assert sim.refused("GET", "vms", limit="many")[0] == 422


def test_encoding(sim):
    """1.6 [M] A plus in the query is a space, an encoded one a plus."""
    url = f"https://{sim.host}/api/v4/vms?filter=name+eq+%27web-01%27&fields=%24key&sort=%2Bname"
    assert sim.http.get(url, timeout=5).json() == [{"$key": 1}]


def test_collection_and_row(sim):
    """1.6 [PV] A collection is an array, empty when there is nothing; a row is an object."""
    assert sim.get("vms", filter="name eq 'x'") == []
    assert isinstance(sim.get("vms/1"), dict)


def test_get_by_name(sim):
    """1.6 [PV r/base.py:909] get(name=) is a filtered list of one."""
    assert sim.client().vms.get(name="web-01").key == 1


def test_paging(sim):
    """1.6 [PV r/base.py:1187] iter_all reads pages until a short one."""
    for number in range(7):
        sim.post("snapshot_profiles", {"name": f"p{number}"})
    assert len(list(sim.client().snapshot_profiles.iter_all(page_size=3))) == 8
