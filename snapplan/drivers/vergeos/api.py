"""One VergeOS system over HTTPS: reads are tried again, writes never, and every failure says what is known of its outcome.

The SDK's own session would repeat a write after a 5xx or a lost connection, so it is given one that repeats nothing. That
session takes no settings from the environment: there ``REQUESTS_CA_BUNDLE`` would overrule what the policy says.
"""

from __future__ import annotations

import re
import ssl
import threading
import warnings
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import requests
import stamina
from pyvergeos import VergeClient
from pyvergeos.exceptions import VergeError

from snapplan import clock
from snapplan.drivers.vergeos.failures import ReadError, judged_connection, judged_read, judged_write
from snapplan.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from snapplan.drivers.base import Meter, Permit
    from snapplan.drivers.vergeos.options import VergeosOptions

Row = dict[str, Any]

Answer = TypeVar("Answer")

ATTEMPTS = 4
LONGEST = 60.0
"""Seconds after which a read is not tried again."""
OLDEST_PLATFORM = (26, 0)


class Api:
    """A connection to one system. Each thread has a client of its own, as the SDK's is not made for several."""

    def __init__(
        self, backend: str, options: VergeosOptions, base: Path, meter: Meter, permit: Permit | None = None
    ) -> None:
        self.backend = backend
        self._permit = permit
        self._options = options
        self._ca_file = None if options.ca_file is None else base / Path(options.ca_file).expanduser()
        self._meter = meter
        self._local = threading.local()
        self._clients: list[VergeClient] = []
        self._lock = threading.Lock()
        self.requests = 0
        self.clock_ahead = timedelta(0)
        """By how much the system's clock is ahead of ours, as its last answer said."""
        # What is tried again is said when it fails for good; stamina's own hook would write to the terminal.
        stamina.instrumentation.set_on_retry_hooks(())

    @property
    def version(self) -> str:
        """The platform's version, such as ``26.1.7``."""
        return self._client().version or ""

    @property
    def version_numbers(self) -> tuple[int, ...]:
        """The platform's version as numbers, such as ``(26, 1, 7)``."""
        return numbers(self.version)

    @property
    def cloud_name(self) -> str:
        """The name that the system has given itself."""
        return self._client().cloud_name or ""

    def at_least(self, *version: int) -> bool:
        """Whether the platform's version is ``version`` or newer."""
        return self.version_numbers >= version

    def now(self) -> datetime:
        """Return the system's own time, by which it expires snapshots; any answer of it tells that."""
        self._client()
        return clock.now() + self.clock_ahead

    def rows(
        self, table: str, fields: str, *, where: str | None = None, sort: str | None = None, limit: int | None = None
    ) -> list[Row]:
        """Return the rows of a table that fulfil the filter ``where``.

        Raises ``UnreachableError`` where no whole answer came, or another ``BackendError``.
        """
        asked = {"fields": fields, "filter": where, "sort": sort, "limit": limit}
        answer = self._read(table, {name: value for name, value in asked.items() if value is not None})
        if answer is None or answer == "":
            return []
        found = [answer] if isinstance(answer, dict) else answer
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise BackendError(self.backend, f"{self.backend}: the answer to {table} is not a list of rows")
        return found

    def row(self, table: str, key: str | int, fields: str) -> Row | None:
        """Return one row, ``None`` where there is none."""
        try:
            answer = self._read(f"{table}/{key}", {"fields": fields})
        except ReadError as error:
            if error.status == 404:
                return None
            raise
        if isinstance(answer, list):
            return answer[0] if answer else None
        return answer or None

    def schema(self, table: str) -> Row | None:
        """Return the schema of a table, ``None`` where the system has no such table or does not show it to us."""
        try:
            return self.shown_schema(table)
        except ReadError as error:
            if error.status in (400, 403, 404, 405, 422):
                return None
            raise

    def shown_schema(self, table: str) -> Row | None:
        """Return the schema of a table; raises ``ReadError`` with the status that the system refuses it with."""
        answer = self._read(f"{table}/$table", {})
        return answer if isinstance(answer, dict) else None

    def post(self, table: str, body: Mapping[str, Any]) -> Row:
        """Create a row or begin an action; return the receipt, whose ``$key`` is text.

        Raises a ``RefusedError`` where nothing was done, ``OutcomeUnknownError`` where that is not known, ``FencedError``
        where the run may write no more.
        """
        answer = self._write("POST", table, body)
        return answer if isinstance(answer, dict) else {}

    def put(self, table: str, key: str | int, body: Mapping[str, Any]) -> None:
        """Change a row; raises as ``post`` does."""
        self._write("PUT", f"{table}/{key}", body)

    def delete(self, table: str, key: str | int) -> None:
        """Delete a row; raises as ``post`` does, ``NotFoundError`` where it is gone."""
        self._write("DELETE", f"{table}/{key}", None)

    def close(self) -> None:
        """Give up all connections."""
        with self._lock:
            clients, self._clients = self._clients, []
        for client in clients:
            client.disconnect()
        self._local = threading.local()

    def _read(self, path: str, params: Mapping[str, Any]) -> Any:
        client = self._client()

        def read() -> Any:
            try:
                return self._send("GET", path, client, params=dict(params))
            except (VergeError, requests.RequestException, ValueError) as error:
                raise judged_read(self.backend, path, error, host=self._options.host) from error

        return _again(read)

    def _write(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        client = self._client()  # before, so that what cannot be reached is not an unknown outcome
        if self._permit is not None:
            self._permit.check()
        try:
            return self._send(method, path, client, json_data=None if body is None else dict(body))
        except (VergeError, requests.RequestException, ValueError) as error:
            raise judged_write(self.backend, f"{method} {path}", error) from error

    def _send(self, method: str, path: str, client: VergeClient, **arguments: Any) -> Any:
        self._count()
        return client._request(method, path, timeout=self._seconds, **arguments)

    def _client(self) -> VergeClient:
        client: VergeClient | None = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = self._connected()
        return client

    def _connected(self) -> VergeClient:
        client = _again(self._sdk_client)
        version = client.version or ""
        if numbers(version) < OLDEST_PLATFORM:
            client.disconnect()
            wanted = ".".join(map(str, OLDEST_PLATFORM))
            raise BackendError(
                self.backend,
                f"{self.backend}: the system runs VergeOS {version or 'of unknown version'}",
                hint=f"the driver needs {wanted} or newer",
            )
        with self._lock:
            self._clients.append(client)
        return client

    def _sdk_client(self) -> VergeClient:
        options, session = self._options, self._session()
        self._count()
        try:
            return VergeClient(
                options.host,
                username=options.username,
                password=None if options.password is None else options.password.get_secret_value(),
                token=None if options.token is None else options.token.get_secret_value(),
                timeout=self._seconds,
                session=session,
                close_session=True,
            )
        except (VergeError, requests.RequestException, OSError, ValueError) as error:
            session.close()
            status: int | None = getattr(self._local, "status", None)
            raise judged_connection(self.backend, options.host, error, status) from error

    def _session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        # A write that is sent elsewhere would become a read there, and its answer look like a success.
        session.max_redirects = 0
        session.hooks["response"].append(self._note)
        self._local.status = None
        if self._ca_file is not None:
            session.verify = self._authorities(self._ca_file)
        elif self._options.insecure:
            import urllib3

            session.verify = False
            # Said once by the driver; urllib3 would say it at every request.
            warnings.filterwarnings("ignore", category=urllib3.exceptions.InsecureRequestWarning)
        return session

    def _authorities(self, file: Path) -> str:
        """Return the path of ``file`` once it is known to hold certificates: requests would say little of it."""
        if not file.is_file():
            raise BackendError(self.backend, f"{self.backend}: there is no ca_file {file}")
        try:
            ssl.create_default_context(cafile=file)
        except (ssl.SSLError, OSError) as error:
            raise BackendError(self.backend, f"{self.backend}: ca_file {file} holds no certificate: {error}") from error
        return str(file)

    def _note(self, response: requests.Response, *_: Any, **__: Any) -> None:
        self._local.status = response.status_code
        # JSON is UTF-8. Without this, requests would guess at the encoding of megabytes where a header does not tell it.
        response.encoding = "utf-8"
        try:
            theirs = parsedate_to_datetime(response.headers.get("Date", ""))
        except (TypeError, ValueError):
            return
        if theirs.tzinfo is not None:
            self.clock_ahead = theirs.astimezone(UTC) - clock.now()

    @property
    def _seconds(self) -> int:
        return max(1, int(self._options.timeout.total_seconds()))

    def _count(self) -> None:
        with self._lock:
            self.requests += 1
        self._meter.count()


def numbers(version: str) -> tuple[int, ...]:
    """Return ``26.1.7`` as numbers; what follows the last number, as in ``26.1.7-beta``, does not count."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def quoted(text: str) -> str:
    """Return ``text`` as a literal of a filter: a brace would silently be taken for a function (API reference, filters)."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("{", "\\{")
    return f"'{escaped}'"


def any_of(column: str, values: Sequence[str | int]) -> str:
    """Return a filter that holds where ``column`` is one of ``values``."""
    return " or ".join(f"{column} eq {value if isinstance(value, int) else quoted(value)}" for value in values)


def _again(read: Callable[[], Answer]) -> Answer:
    """Return what ``read`` returns; what may pass is tried again, with growing pauses."""
    for attempt in stamina.retry_context(
        on=_worth_retrying, attempts=ATTEMPTS, timeout=LONGEST, wait_initial=0.2, wait_max=5, wait_jitter=0.2
    ):
        with attempt:
            return read()
    raise AssertionError("unreachable")


def _worth_retrying(error: Exception) -> bool:
    return isinstance(error, ReadError) and error.passing
