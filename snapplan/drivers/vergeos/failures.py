"""What a failed request means: was it done, may it be tried again, what can the operator do."""

from __future__ import annotations

import ssl

import requests
from pyvergeos.exceptions import APIError, VergeConnectionError, VergeError, VergeTimeoutError
from urllib3.exceptions import NewConnectionError

from snapplan.errors import (
    BackendError,
    NameTakenError,
    NotFoundError,
    OutcomeUnknownError,
    RefusedError,
    RequestBudgetError,
    UnreachableError,
)

TAKEN = ("already exists", "already in use")
HOST_HINT = "check host of this backend in snapplan.yaml"
CREDENTIALS_HINT = "check token, or username and password, of this backend in snapplan.yaml"


class ReadError(UnreachableError):
    """A read failed. ``status`` is the HTTP status, ``None`` without an answer; ``passing`` says it may be tried again."""

    def __init__(
        self, backend: str, message: str, *, status: int | None = None, passing: bool = False, hint: str = ""
    ) -> None:
        super().__init__(backend, message, hint=hint)
        self.status = status
        self.passing = passing


def judged_connection(backend: str, host: str, error: Exception, status: int | None) -> BackendError:
    """Return what to raise where the first request failed.

    The SDK hides what became of it behind one exception; ``status`` is the one of the answer, ``None`` without any.
    """
    if isinstance(error, BackendError) or status is None or isinstance(error, APIError):
        return judged_read(backend, "system", error, host=host)
    where = f"{backend}: {host}"
    if status == 429:
        return _too_many(backend, where, f"HTTP {status}")
    if status < 300:
        text = f"{where}: what answers is not a VergeOS system"
        return ReadError(backend, text, status=status, passing=True, hint=HOST_HINT)
    text = f"{where}: the system does not let us connect (HTTP {status})"
    return ReadError(backend, text, status=status, passing=status >= 500, hint=HOST_HINT if status < 500 else "")


def judged_read(backend: str, path: str, error: Exception, host: str = "") -> BackendError:
    """Return what to raise for a read that failed with ``error``."""
    if isinstance(error, BackendError):
        return error
    where = f"{backend}: {path}"
    if isinstance(error, APIError) and error.status_code is not None:
        return _answered(backend, where, error, error.status_code)
    untrusted = _cause(error, ssl.SSLCertVerificationError)
    if untrusted is not None:
        text = f"{backend}: the certificate of {host or 'the system'} is not accepted ({_short(untrusted)})"
        return ReadError(backend, text, hint="give the certificate of the authority that signed it in ca_file")
    if isinstance(error, VergeTimeoutError) or _cause(error, requests.exceptions.Timeout) is not None:
        return ReadError(
            backend, f"{where}: no answer in time", passing=True, hint="timeout of the backend sets how long"
        )
    if _cause(error, requests.exceptions.TooManyRedirects) is not None:
        return ReadError(backend, f"{where}: {host} answers with a redirect", hint=HOST_HINT)
    if isinstance(error, (VergeConnectionError, requests.exceptions.ConnectionError)):
        return ReadError(backend, f"{where}: no connection to {host} ({_short(error)})", passing=True, hint=HOST_HINT)
    return ReadError(backend, f"{where}: the answer broke off or is not JSON ({type(error).__name__})", passing=True)


def _answered(backend: str, where: str, error: APIError, status: int) -> ReadError:
    if status == 401:
        return ReadError(backend, f"{where}: the system refuses the credentials", status=status, hint=CREDENTIALS_HINT)
    if status == 403:
        hint = "snapplan drivers check shows which permissions are missing"
        return ReadError(backend, f"{where}: this user may not read it ({error})", status=status, hint=hint)
    if status == 429:
        return _too_many(backend, where, str(error))
    return ReadError(backend, f"{where}: {error} (HTTP {status})", status=status, passing=status >= 500)


def _too_many(backend: str, where: str, text: str) -> ReadError:
    hint = "it limits the requests of an hour; try again later"
    return ReadError(backend, f"{where}: too many requests ({text})", status=429, passing=True, hint=hint)


def judged_write(backend: str, what: str, error: Exception) -> BackendError:
    """Return what to raise for a write that failed with ``error``: a refusal, or an outcome that nobody knows.

    A 4xx was decided before anything was done, but for a 408, which a gateway may answer. After that, a 5xx, a timeout, a
    lost connection or half an answer it may or may not have been done (API reference, timeouts and retries).
    """
    if isinstance(error, BackendError):
        return error
    where = f"{backend}: {what}"
    if isinstance(error, APIError):
        if error.status_code is not None and 400 <= error.status_code < 500 and error.status_code != 408:
            return _refused(backend, where, error, error.status_code)
        return OutcomeUnknownError(backend, f"{where}: {error} (HTTP {error.status_code})")
    if _never_connected(error):
        return UnreachableError(backend, f"{where}: no connection ({_short(error)})")
    if isinstance(error, VergeTimeoutError):
        return OutcomeUnknownError(backend, f"{where}: no answer in time")
    if isinstance(error, (VergeError, requests.exceptions.ConnectionError)):
        return OutcomeUnknownError(backend, f"{where}: the connection was lost")
    return OutcomeUnknownError(backend, f"{where}: the answer broke off or is not JSON")


def _refused(backend: str, where: str, error: APIError, status: int) -> BackendError:
    text = str(error)
    if status == 401:
        return RefusedError(backend, f"{where}: the system refuses the credentials", hint=CREDENTIALS_HINT)
    if status == 403:
        return RefusedError(backend, f"{where}: this user may not do that ({text})")
    if status == 404:
        return NotFoundError(backend, f"{where}: {text}")
    if status == 429:
        return RequestBudgetError(backend, f"{where}: too many requests ({text})", hint="try again later")
    if status == 409 or (status == 422 and any(part in text for part in TAKEN)):
        return NameTakenError(backend, f"{where}: {text}")
    return RefusedError(backend, f"{where}: {text} (HTTP {status})")


def _never_connected(error: Exception) -> bool:
    """Say whether the request cannot have been sent: no connection came about, or its certificate was not accepted.

    Any other failure of TLS may be one of a connection that the request went out on.
    """
    kinds = (requests.exceptions.ConnectTimeout, NewConnectionError, ssl.SSLCertVerificationError)
    return _cause(error, *kinds) is not None


def _cause(error: BaseException, *kinds: type[Exception]) -> Exception | None:
    """Return the first of ``kinds`` that ``error`` came of: urllib3 and requests hand theirs on as arguments."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        if isinstance(each, kinds):
            return each
        seen.add(id(each))
        waiting += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
    return None


def _short(error: Exception) -> str:
    """Return what went wrong in a few words: the deepest reason, without the objects that urllib3 prints before it."""
    deepest: BaseException = error
    while True:
        inner = [deepest.__cause__, getattr(deepest, "reason", None), *deepest.args]
        below = next((each for each in inner if isinstance(each, BaseException)), None)
        if below is None:
            break
        deepest = below
    return str(deepest).rpartition(": ")[2] or type(deepest).__name__
