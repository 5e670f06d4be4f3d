"""Section 1: transport, authentication, the connect request, responses and errors."""

from __future__ import annotations

import pytest
import requests
from pyvergeos.exceptions import AuthenticationError, ConflictError, NotFoundError, ValidationError


def test_base_url_with_a_port(sim):
    """1.1 [PV connection.py; M] The base URL is https://HOST:PORT/api/v4, the certificate covers the address."""
    assert sim.client().version == "26.1.7"
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"https://{sim.host}/api/v4/system", timeout=5, verify=True)


def test_keep_alive(sim):
    """1.1 [M] Connections are kept: HTTP/1.1."""
    response = sim.raw("GET", "system")
    assert response.raw.version == 11
    assert response.headers.get("connection", "keep-alive").lower() != "close"


def test_basic_authentication(sim):
    """1.2 [PV connection.py; M] Basic authentication on every request, no login call."""
    sim.client().vms.list()
    assert sim.requests() == ["GET system", "GET vms"]


def test_api_key(sim):
    """1.2 [PV; VD rn/26-0] A bearer token is an API key."""
    assert sim.client(token="simulated-key").is_connected
    with pytest.raises(AuthenticationError):
        sim.client(token="another")


def test_session_token(sim):
    """1.2 [VD kb/api-guide:94-125] POST /api/sys/tokens, then x-yottabyte-token, then DELETE."""
    url = f"https://{sim.host}/api/sys/tokens"
    with sim.session() as session:
        made = session.post(url, json={"login": "admin", "password": "admin"}, timeout=5)
        token = made.json()["$key"]
        assert made.status_code == 201
        assert made.json()["location"] == f"/sys/tokens/{token}"
        assert made.json()["dbpath"] == f"tokens/{token}"
        session.headers["x-yottabyte-token"] = token
        assert session.get(f"https://{sim.host}/api/v4/system", timeout=5).status_code == 200
        assert session.delete(f"{url}/{token}", timeout=5).status_code == 200
        assert session.get(f"https://{sim.host}/api/v4/system", timeout=5).status_code == 401
        assert session.post(url, json={"login": "admin", "password": "x"}, timeout=5).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic !"},
        {"Authorization": "Basic YWRtaW4="},
        {"Authorization": "Digest x"},
        {"x-yottabyte-token": "x"},
    ],
)
def test_no_credentials(sim, headers):
    """1.2, 11.1 [VD kb/api-guide] Without credentials, or with wrong ones, 401 with err."""
    with sim.session() as session:
        response = session.get(f"https://{sim.host}/api/v4/vms", headers=headers, timeout=5)
    assert response.status_code == 401
    assert response.json()["err"]


def test_requests_per_hour(sim):
    """1.2 [VD kb/api-guide:81] A limit of requests per hour answers 429, and ends with the hour."""
    sim.seed(requests_per_hour=3)
    assert [sim.raw("GET", "system").status_code for _ in range(4)] == [200, 200, 200, 429]
    sim.step(3600)
    assert sim.raw("GET", "system").status_code == 200


def test_connect_request(sim):
    """1.3 [PV client.py; M] Connecting is one request, whose row has the versions and the system's name."""
    client = sim.client()
    sent = sim.control("GET", "requests")["requests"]
    assert [(each["path"], each["query"]) for each in sent] == [
        ("system", {"fields": "$key,yb_version,os_version,cloud_name"})
    ]
    assert (client.version, client.cloud_name) == ("26.1.7", "simulated")


def test_refused_connection(sim):
    """1.3 [PV client.py] 401 and 403 on connecting are an AuthenticationError."""
    with pytest.raises(AuthenticationError):
        sim.client(password="wrong")
    sim.seed(accounts=[{"name": "admin", "password": "admin", "denied": ["system"]}])
    with pytest.raises(AuthenticationError) as caught:
        sim.client()
    assert caught.value.status_code == 403


def test_statuses_of_success(sim):
    """1.5 [VD kb/api-guide] POST answers 201, GET, PUT and DELETE 200."""
    made = sim.raw("POST", "snapshot_profiles", {"name": "p"})
    path = f"snapshot_profiles/{made.json()['$key']}"
    found = [sim.raw("GET", path), sim.raw("PUT", path, {"description": "d"}), sim.raw("DELETE", path)]
    assert [made.status_code, *(each.status_code for each in found)] == [201, 200, 200, 200]


def test_receipts(sim):
    """1.5 [PV r/base.py:965-982; ANS] A receipt's key is text, a row's is a number; PUT answers {}, DELETE nothing."""
    receipt = sim.post("snapshot_profiles", {"name": "p"})
    key = receipt["$key"]
    assert receipt == {
        "location": f"/v4/snapshot_profiles/{key}",
        "dbpath": f"snapshot_profiles/{key}",
        "$row": int(key),
        "$key": key,
    }
    assert sim.get("snapshot_profiles", filter="name eq 'p'", fields="$key") == [{"$key": int(key)}]
    assert sim.raw("PUT", f"snapshot_profiles/{key}", {"description": "d"}).json() == {}
    assert sim.raw("DELETE", f"snapshot_profiles/{key}").content == b""


def test_keys_of_volumes(sim):
    """1.5 [PV r/base.py] The key of a volume is 40 hexadecimal digits, in rows too."""
    row = sim.get("volumes", fields="$key,id")[0]
    assert row["$key"] == row["id"]
    assert len(row["id"]) == 40


def test_error_body(sim):
    """1.5 [PV client.py:_extract_error_message] An error is a JSON object with the text in err."""
    response = sim.raw("GET", "snapshot_profiles/99")
    assert (response.status_code, list(response.json())) == (404, ["err"])


@pytest.mark.parametrize(
    ("method", "path", "body", "error"),
    [
        ("GET", "vms/99", None, NotFoundError),
        ("GET", "no_such_table", None, NotFoundError),
        ("POST", "snapshot_profiles", {"name": "gold"}, ConflictError),
        ("POST", "snapshot_profiles", {}, ValidationError),
    ],
)
def test_statuses_and_exceptions(sim, method, path, body, error):
    """1.5 [VD kb/api-guide:426-432; PV exceptions.py] 404, 409 and 422 are the SDK's exceptions of the same meaning."""
    with pytest.raises(error):
        sim.client()._request(method, path, json_data=body)


def test_not_permitted(sim):
    """1.5 [VD kb/api-guide] What a table does not allow is 405."""
    assert sim.raw("POST", "machine_status", {}).status_code == 405


def test_bad_request(sim):
    """1.5 [VD kb/api-guide] A body that is no JSON object is 400."""
    url = f"https://{sim.host}/api/v4/vms"
    assert sim.http.post(url, data=b"{", timeout=5).status_code == 400
    assert sim.http.post(url, data=b"[]", timeout=5).status_code == 400


def test_permission_denied(sim):
    """1.5 [VD kb/api-guide] A missing permission is 403, for one table or for all writes."""
    sim.seed(accounts=[{"name": "admin", "password": "admin", "readonly": True, "denied": ["tenants"], "admin": False}])
    assert sim.raw("GET", "vms").status_code == 200
    assert sim.refused("GET", "tenants")[0] == 403
    assert sim.refused("POST", "cloud_snapshots", {"name": "a"})[0] == 403


@pytest.mark.parametrize(("version", "status"), [("26.0", 422), ("26.1.3", 422), ("26.1.4", 409), ("26.1.7", 409)])
def test_unique_constraint(sim, version, status):
    """1.5 [VD rn/26-1:389] A duplicate is 409 from 26.1.4, 422 before."""
    sim.seed(version=version)
    assert sim.refused("POST", "snapshot_profiles", {"name": "gold"})[0] == status


@pytest.mark.parametrize(
    ("table", "body", "text"),
    [
        ("cloud_snapshots", {"name": "a"}, "This name already exists"),
        ("tenant_snapshots", {"name": "a", "tenant": 1}, "This name already exists"),
        ("machine_snapshots", {"name": "a", "machine": 500001}, "This name is already in use"),
    ],
)
def test_duplicate_names(sim, table, body, text):
    """1.5 [VD kb/snapshot-sync-errors; PS; ANS] The texts for a name that is taken."""
    sim.post(table, body)
    assert sim.refused("POST", table, body) == (409, text)


def test_invalid_argument(sim):
    """1.5 [PV filters.py #103] A filter that cannot be read is 422, Invalid argument."""
    assert sim.refused("GET", "vms", filter="name like 'w'") == (422, "Invalid argument")


def test_read_only_column(sim):
    """1.5 [CL #86] Writing a read-only column is 422 with its name."""
    assert sim.refused("PUT", "settings/cloud_name", {"key": "x"}) == (422, "field 'key' is readonly")


def test_unknown_action(sim):
    """1.5 [CL #112, #23] An unknown action is 422 with the action's name; vm_actions has no snapshot."""
    found = sim.refused("POST", "vm_actions", {"vm": 1, "action": "snapshot"})
    assert found == (422, "value 'snapshot' is not in list for field 'action'")


def test_required_column(sim):
    """1.5 [ANS] A missing required column is 422 with table and column."""
    found = sim.refused("POST", "machine_snapshots", {"name": "a"})
    assert found == (422, "field 'machine_snapshots.machine' is required")


@pytest.mark.parametrize("reference", [0, 99])
def test_bad_reference(sim, reference):
    """1.5 [CL #107] A reference to a row that does not exist, 0 included, is 404; null means not set."""
    status, text = sim.refused("PUT", "vms/1", {"snapshot_profile": reference})
    assert status == 404
    assert text.startswith("error setting field 'snapshot_profile'")
    assert text.endswith("No such file or directory")
    assert sim.put("vms/1", {"snapshot_profile": None}) == {}


def test_delete_of_a_missing_row(sim):
    """1.5 [VD kb/snapshot-sync-errors] The text for deleting a row that is not there."""
    found = sim.refused("DELETE", "cloud_snapshots/1")
    assert found == (404, "Resource '/v4/cloud_snapshots/1' not found during delete")


def test_mounted_volume(sim):
    """1.5 [IT live_support.py] A mounted volume cannot be deleted; an offline one can."""
    key = sim.get("volumes")[0]["$key"]
    assert sim.refused("DELETE", f"volumes/{key}") == (422, "Unable to delete online drive")
    sim.post("volume_actions", {"volume": key, "action": "disable"})
    sim.delete(f"volumes/{key}")
    assert sim.get("volumes") == []


def test_unknown_members(sim):
    """1.5, 11.4 [CL #139] Members of a body that no column knows are dropped without an error."""
    period = {"profile": 1, "name": "H", "frequency": "hourly", "retention": 60, "skip_missed": True}
    key = sim.key("snapshot_profile_periods", period)
    assert "skip_missed" not in sim.get(f"snapshot_profile_periods/{key}", fields="all")
    assert sim.put(f"snapshot_profile_periods/{key}", {"skip_missed": True}) == {}
