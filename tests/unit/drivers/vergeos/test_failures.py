"""What a failure says of the outcome, for those that a simulator cannot bring about."""

from __future__ import annotations

import ssl

import pytest
import requests
import urllib3
from pyvergeos.exceptions import APIError, VergeConnectionError, VergeError, VergeTimeoutError

from snapplan.drivers.vergeos.failures import ReadError, judged_connection, judged_read, judged_write
from snapplan.errors import BackendError, OutcomeUnknownError, UnreachableError


def wrapped(reason: Exception) -> VergeConnectionError:
    """Return what the SDK raises for a failure below requests."""
    pool = urllib3.HTTPSConnectionPool("dc1")
    tried = urllib3.exceptions.MaxRetryError(pool, "/api/v4/vms", reason)
    made = VergeConnectionError("Connection to dc1 failed")
    made.__cause__ = requests.exceptions.ConnectionError(tried)
    return made


def timed_out(kind: type[requests.exceptions.Timeout]) -> VergeTimeoutError:
    made = VergeTimeoutError("timed out")
    made.__cause__ = kind("slow")
    return made


REFUSED = urllib3.exceptions.NewConnectionError(None, "Failed to establish: [Errno 111] Connection refused")  # type: ignore[arg-type]
UNTRUSTED = urllib3.exceptions.SSLError(ssl.SSLCertVerificationError(1, "self-signed certificate"))
BROKEN_TLS = urllib3.exceptions.SSLError(ssl.SSLEOFError(8, "EOF occurred in violation of protocol"))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (wrapped(REFUSED), UnreachableError),
        (wrapped(UNTRUSTED), UnreachableError),
        (timed_out(requests.exceptions.ConnectTimeout), UnreachableError),
        (wrapped(BROKEN_TLS), OutcomeUnknownError),
        (timed_out(requests.exceptions.ReadTimeout), OutcomeUnknownError),
        (wrapped(urllib3.exceptions.ProtocolError("reset")), OutcomeUnknownError),
        (requests.exceptions.ChunkedEncodingError("half"), OutcomeUnknownError),
        (ValueError("no JSON"), OutcomeUnknownError),
        (VergeError("?"), OutcomeUnknownError),
        (APIError("?"), OutcomeUnknownError),
        (APIError("?", status_code=301), OutcomeUnknownError),
    ],
)
def test_a_write_is_undone_only_where_it_cannot_have_gone_out(error: Exception, kind: type[BackendError]) -> None:
    found = judged_write("dc1", "POST vms", error)
    assert type(found) is kind
    assert str(found).startswith("dc1: POST vms: ")


@pytest.mark.parametrize(
    ("error", "passing", "said"),
    [
        (wrapped(REFUSED), True, r"no connection to dc1 \(\[Errno 111\] Connection refused\)"),
        (wrapped(UNTRUSTED), False, "the certificate of dc1 is not accepted"),
        (wrapped(BROKEN_TLS), True, "no connection to dc1"),
        (timed_out(requests.exceptions.ReadTimeout), True, "no answer in time"),
        (requests.exceptions.ChunkedEncodingError("half"), True, "broke off"),
        (APIError("?"), True, "broke off"),
        (APIError("no such thing", status_code=404), False, r"no such thing \(HTTP 404\)"),
    ],
)
def test_a_read_is_tried_again_where_that_may_help(error: Exception, passing: bool, said: str) -> None:
    with pytest.raises(ReadError, match=said) as caught:
        raise judged_read("dc1", "vms", error, host="dc1")
    assert caught.value.passing is passing


def test_an_error_that_is_judged_already_stays_as_it_is() -> None:
    judged = BackendError("dc1", "said")
    assert judged_read("dc1", "vms", judged) is judged
    assert judged_write("dc1", "vms", judged) is judged
    assert judged_connection("dc1", "dc1", judged, 200) is judged
