"""The connection, against the simulator over HTTPS: what is tried again, what is not, and what is said of it."""

from __future__ import annotations

import shutil
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import stamina
from vergeos_sim.conftest import Sim

from snapplan.devtools.vergeos.web.certificate import certificate
from snapplan.drivers.vergeos.api import Api, any_of, numbers, quoted
from snapplan.drivers.vergeos.failures import ReadError
from snapplan.errors import (
    BackendError,
    NameTakenError,
    NotFoundError,
    OutcomeUnknownError,
    RefusedError,
    RequestBudgetError,
    UnreachableError,
)

from .conftest import Connect


class Moved(NamedTuple):
    """A system that answers everything but the connection with "it has moved"."""

    host: str
    ca_file: Path
    asked: list[str]


@pytest.fixture
def moved(tmp_path: Path) -> Iterator[Moved]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            path = self.path.partition("?")[0].removeprefix("/api/v4/")
            asked.append(f"{self.command} {path}")
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(200 if path == "system" else 302)
            self.send_header("location", "/api/v4/elsewhere")
            body = b'{"yb_version": "26.1.7"}'
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    made = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.server)
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Moved(f"127.0.0.1:{server.server_port}", made.authority, asked)
        server.shutdown()
        thread.join()


def fault(sim: Sim, kind: str, **more: Any) -> None:
    sim.control("POST", "faults", {"kind": kind, **more})


def names(api: Api) -> list[str]:
    return [row["name"] for row in api.rows("vms", "$key,name", where="is_snapshot eq false")]


class TestConnecting:
    def test_a_connection_is_one_request_and_knows_the_system(self, api: Api, sim: Sim) -> None:
        assert (api.version, api.version_numbers, api.cloud_name) == ("26.1.7", (26, 1, 7), "simulated")
        assert api.at_least(26, 1)
        assert not api.at_least(26, 2)
        assert sim.requests() == ["GET system"]
        assert api.requests == 1

    def test_a_token_is_accepted(self, connect: Connect) -> None:
        assert names(connect(token="${env:TOKEN}", username=None, password=None)) == ["web-01", "db-01"]

    @pytest.mark.parametrize("token", [None, "${env:TOKEN}"])
    def test_wrong_credentials_are_said_at_once(self, connect: Connect, sim: Sim, token: str | None) -> None:
        user = {"token": token, "username": None, "password": None} if token else {}
        with pytest.raises(UnreachableError, match="refuses the credentials") as caught:
            names(connect(secret="canary-uYkTnRvLqWz52", **user))
        assert "token, or username and password" in caught.value.hint
        assert "canary-uYkTnRvLqWz52" not in f"{caught.value}{caught.value.__cause__}"
        assert len(sim.requests()) == 1

    def test_credentials_that_expire_are_said(self, api: Api, sim: Sim) -> None:
        names(api)
        fault(sim, "expired", times=0)
        with pytest.raises(UnreachableError, match="vms: the system refuses the credentials"):
            names(api)

    def test_nobody_there_is_said_with_the_reason(self, connect: Connect) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            free = taken.getsockname()[1]
        with pytest.raises(UnreachableError, match=r"no connection to 127\.0\.0\.1:\d+ \(.*refused\)") as caught:
            names(connect(host=f"127.0.0.1:{free}"))
        assert "host" in caught.value.hint

    def test_a_name_that_does_not_exist_is_said(self, connect: Connect) -> None:
        with pytest.raises(UnreachableError, match=r"no connection to no-such-host\.invalid"):
            names(connect(host="no-such-host.invalid"))

    def test_what_is_no_such_system_is_said(self, connect: Connect, sim: Sim) -> None:
        fault(sim, "truncate", path="system", times=0)
        with pytest.raises(UnreachableError, match="what answers is not a VergeOS system"):
            names(connect())

    @pytest.mark.parametrize(
        ("status", "said", "tries"),
        [(500, "HTTP 500", 4), (429, "too many requests", 4), (404, "HTTP 404", 1), (403, "may not read it", 1)],
    )
    def test_a_status_at_the_door_is_said(self, connect: Connect, sim: Sim, status: int, said: str, tries: int) -> None:
        fault(sim, "status_before", path="system", times=0, status=status)
        with pytest.raises(UnreachableError, match=said):
            names(connect())
        assert len(sim.requests()) == tries

    def test_a_connection_is_tried_again(self, connect: Connect, sim: Sim) -> None:
        fault(sim, "status_before", path="system", times=2)
        with stamina.set_testing(False):
            assert names(connect()) == ["web-01", "db-01"]
        assert sim.requests().count("GET system") == 3

    @pytest.mark.parametrize("version", ["25.4", "4.12.6"])
    def test_an_old_platform_is_refused_with_what_is_needed(self, connect: Connect, sim: Sim, version: str) -> None:
        sim.seed(version=version)
        with pytest.raises(BackendError, match=f"runs VergeOS {version}") as caught:
            names(connect())
        assert caught.value.hint == "the driver needs 26.0 or newer"

    def test_each_thread_has_a_client_of_its_own(self, api: Api, sim: Sim) -> None:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(3) as pool:
            found = list(pool.map(lambda _: names(api), range(6)))
        assert found == [["web-01", "db-01"]] * 6
        assert 1 <= sim.requests().count("GET system") <= 3

    def test_after_close_it_connects_anew(self, api: Api) -> None:
        names(api)
        api.close()
        assert names(api) == ["web-01", "db-01"]


class TestCertificates:
    def test_another_authority_is_not_trusted(self, connect: Connect, tmp_path: Path, sim: Sim) -> None:
        with pytest.raises(UnreachableError, match=r"the certificate of 127.* is not accepted") as caught:
            names(connect(ca_file=str(certificate(tmp_path).authority)))
        assert "ca_file" in caught.value.hint
        assert sim.requests() == []

    def test_without_a_ca_file_the_usual_authorities_count(self, connect: Connect) -> None:
        with pytest.raises(UnreachableError, match="is not accepted"):
            names(connect(ca_file=None))

    def test_a_missing_ca_file_is_said(self, connect: Connect) -> None:
        with pytest.raises(BackendError, match=r"there is no ca_file .*/nothing\.pem"):
            names(connect(ca_file="nothing.pem"))

    def test_a_ca_file_counts_from_the_policy(self, connect: Connect, sim: Sim, tmp_path: Path) -> None:
        shutil.copy(sim.ca_file, tmp_path / "ca.pem")
        assert names(connect(ca_file="ca.pem"))

    def test_a_ca_file_that_is_none_is_said(self, connect: Connect, tmp_path: Path) -> None:
        (tmp_path / "ca.pem").write_text("no certificate")
        with pytest.raises(BackendError, match=r"ca_file .*ca\.pem"):
            names(connect(ca_file="ca.pem"))

    @pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
    def test_the_environment_changes_nothing(
        self, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
    ) -> None:
        monkeypatch.setenv(variable, str(certificate(tmp_path).authority))
        assert names(connect())
        assert names(connect(insecure=True, ca_file=None))

    def test_no_proxy_of_the_environment_is_used(self, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
        assert names(connect())

    def test_unverified_is_not_repeated_at_every_request(self, connect: Connect) -> None:
        api = connect(insecure=True, ca_file=None)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            names(api)
            names(api)
        assert said == []


class TestReading:
    @pytest.mark.parametrize("kind", ["status_before", "drop_before", "drop_after", "truncate", "cut"])
    def test_a_read_is_tried_again(
        self, api: Api, sim: Sim, kind: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        fault(sim, kind, path="vms", times=2)
        assert names(api) == ["web-01", "db-01"]
        assert sim.requests().count("GET vms") == 3
        assert api.requests == 4
        assert capfd.readouterr() == ("", "")
        assert [record for record in caplog.records if record.name.startswith("stamina")] == []

    @pytest.mark.parametrize(
        ("kind", "more", "said"),
        [
            ("status_before", {"status": 500, "text": "boom"}, r"vms: boom \(HTTP 500\)"),
            ("status_before", {"status": 429, "text": "slow"}, r"vms: too many requests \(slow\)"),
            ("drop_before", {}, "vms: no connection to"),
            ("truncate", {}, "vms: the answer broke off or is not JSON"),
            ("cut", {}, "vms: (the answer broke off|no connection to)"),
        ],
    )
    def test_what_lasts_is_said(self, api: Api, sim: Sim, kind: str, more: dict[str, Any], said: str) -> None:
        fault(sim, kind, path="vms", times=0, **more)
        with pytest.raises(UnreachableError, match=said):
            names(api)
        assert sim.requests().count("GET vms") == 4

    def test_a_system_that_does_not_answer_is_said(self, connect: Connect, sim: Sim) -> None:
        api = connect(timeout="1s")
        fault(sim, "latency", path="vms", seconds=1.5, times=1)
        assert names(api), "the first answer came too late"
        assert sim.requests().count("GET vms") == 2

    def test_a_table_that_this_user_may_not_read_is_named(self, connect: Connect, sim: Sim) -> None:
        sim.seed(accounts=[{"name": "admin", "password": "admin", "denied": ["vms"]}])
        with pytest.raises(ReadError, match="dc1: vms: this user may not read it") as caught:
            names(connect())
        assert (caught.value.status, caught.value.passing) == (403, False)
        assert "drivers check" in caught.value.hint
        assert sim.requests().count("GET vms") == 1

    def test_a_row_that_is_not_there_is_none(self, api: Api) -> None:
        assert api.row("vms", 99, "name") is None
        assert api.row("vms", 1, "name") == {"name": "web-01"}

    def test_filters_take_what_is_quoted_literally(self, api: Api, sim: Sim) -> None:
        odd = "it's {$now} \\ 100%"
        key = sim.key("vms", {"name": odd})
        sim.key("vms", {"name": "it's"})
        assert api.rows("vms", "$key", where=f"name eq {quoted(odd)}") == [{"$key": key}]
        assert len(api.rows("vms", "$key", where=any_of("name", [odd, "it's"]))) == 2

    def test_a_schema_is_shown_to_administrators_only(self, connect: Connect, sim: Sim) -> None:
        assert (connect().schema("vms") or {})["name"] == "vms"
        assert connect().schema("no_such_table") is None
        sim.seed(accounts=[{"name": "admin", "password": "admin", "admin": False}])
        assert connect().schema("vms") is None
        with pytest.raises(ReadError) as caught:
            connect().shown_schema("vms")
        assert caught.value.status == 403

    def test_a_redirect_is_not_followed(self, connect: Connect, moved: Moved) -> None:
        api = connect(host=moved.host, ca_file=str(moved.ca_file))
        with pytest.raises(UnreachableError, match="answers with a redirect"):
            names(api)
        with pytest.raises(OutcomeUnknownError):
            api.post("tag_categories", {"name": "a"})
        assert moved.asked == ["GET system", "GET vms", "POST tag_categories"]


class TestClock:
    def test_the_time_of_the_system_is_told(self, api: Api, sim: Sim) -> None:
        names(api)
        assert api.clock_ahead == timedelta(0)
        sim.step(7 * 60)
        names(api)
        assert api.clock_ahead == timedelta(minutes=7)
        assert f"{api.now():%H:%M}" == "12:07"

    def test_a_clock_that_is_behind_is_told(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SNAPPLAN_NOW", "2026-11-23T12:00:00Z")
        names(api)
        assert api.clock_ahead == -timedelta(days=1)


CATEGORY = {"name": "a category"}


def categories(sim: Sim) -> int:
    return sim.names("tag_categories").count("a category")


class TestWriting:
    def test_a_receipt_is_returned_and_rows_change_and_go(self, api: Api, sim: Sim) -> None:
        key = api.post("tag_categories", CATEGORY)["$key"]
        api.put("tag_categories", key, {"description": "changed"})
        assert sim.get(f"tag_categories/{key}", fields="description") == {"description": "changed"}
        api.delete("tag_categories", key)
        with pytest.raises(NotFoundError):
            api.delete("tag_categories", key)

    @pytest.mark.parametrize(
        ("kind", "made"),
        [
            ("status_before", 0),
            ("status_after", 1),
            ("drop_before", 0),
            ("drop_after", 1),
            ("truncate", 1),
            ("cut", 1),
        ],
    )
    def test_a_write_is_sent_once_and_its_outcome_not_known(self, api: Api, sim: Sim, kind: str, made: int) -> None:
        fault(sim, kind, method="POST", times=0)
        with pytest.raises(OutcomeUnknownError):
            api.post("tag_categories", CATEGORY)
        assert sim.requests().count("POST tag_categories") == 1
        assert categories(sim) == made

    def test_a_write_without_an_answer_in_time_is_not_known(self, connect: Connect, sim: Sim) -> None:
        api = connect(timeout="1s")
        fault(sim, "latency", method="POST", seconds=1.5)
        with pytest.raises(OutcomeUnknownError, match="no answer in time"):
            api.post("tag_categories", CATEGORY)

    def test_a_write_that_never_went_out_did_nothing(self, api: Api, sim: Sim, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            free = taken.getsockname()[1]
        names(api)
        client = api._client()
        client._connection.api_base_url = f"https://127.0.0.1:{free}/api/v4"  # type: ignore[union-attr]
        with pytest.raises(UnreachableError, match="refused"):
            api.post("tag_categories", CATEGORY)

    @pytest.mark.parametrize(
        ("status", "text", "kind"),
        [
            (400, "no", RefusedError),
            (401, "no", RefusedError),
            (403, "no", RefusedError),
            (404, "gone", NotFoundError),
            (409, "exists", NameTakenError),
            (422, "This name already exists", NameTakenError),
            (422, "This name is already in use", NameTakenError),
            (422, "fails validation", RefusedError),
            (429, "slow", RequestBudgetError),
            (408, "late", OutcomeUnknownError),
            (502, "gateway", OutcomeUnknownError),
        ],
    )
    def test_a_status_says_whether_anything_was_done(
        self, api: Api, sim: Sim, status: int, text: str, kind: type[BackendError]
    ) -> None:
        fault(sim, "status_before", method="PUT", status=status, text=text)
        with pytest.raises(BackendError) as caught:
            api.put("tag_categories", 1, {})
        assert type(caught.value) is kind

    def test_a_name_that_is_taken_is_known_on_every_version(self, connect: Connect, sim: Sim) -> None:
        for version in ("26.0", "26.1.3", "26.1.7"):
            sim.seed(version=version)
            with pytest.raises(NameTakenError, match="already exists"):
                connect().post("tag_categories", {"name": "backup"})


def test_versions_are_compared_as_numbers() -> None:
    assert numbers("26.1.10") > numbers("26.1.9") > numbers("26.0")
    assert numbers("26.1.7-beta") == (26, 1, 7)
    assert numbers("") == numbers("unknown") == ()
