"""Who may do what: accounts, their passwords and keys, and sessions."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from snapplan.devtools.vergeos.refusal import Refusal, not_permitted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HOUR = 3600


@dataclass(frozen=True)
class Account:
    """A user: ``keys`` are API keys, ``denied`` tables that the user may not touch; only ``admin`` sees schemas."""

    name: str
    password: str
    keys: tuple[str, ...] = ()
    admin: bool = True
    readonly: bool = False
    denied: tuple[str, ...] = ()

    def check(self, method: str, path: tuple[str, ...]) -> None:
        """Raise Refusal (403) when the user may not do this."""
        schema = path[-1:] == ("$table",)
        denied = bool(path) and path[0] in self.denied
        if denied or (schema and not self.admin) or (self.readonly and method != "GET"):
            raise not_permitted()


@dataclass
class Access:
    """The accounts of a system, its open sessions, and how many requests per hour a user may make (0: any number)."""

    accounts: tuple[Account, ...]
    requests_per_hour: int = 0
    sessions: dict[str, str] = field(default_factory=dict)
    _opened: int = 0
    _recent: dict[str, deque[int]] = field(default_factory=dict)

    def account(self, headers: Mapping[str, str]) -> Account:
        """Return whose request this is; raises Refusal (401)."""
        session = headers.get("x-yottabyte-token")
        if session is not None:
            return self._named(self.sessions.get(session))
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._first(lambda account: credentials in account.keys)
        if scheme.lower() != "basic":
            raise Refusal(401, "Login required")
        name, _, password = _decoded(credentials).partition(":")
        return self._first(lambda account: (account.name, account.password) == (name, password))

    def open(self, name: str, password: str) -> str:
        """Open a session; returns its token; raises Refusal (401)."""
        account = self._first(lambda each: (each.name, each.password) == (name, password))
        self._opened += 1
        token = hashlib.sha1(f"{account.name}/{self._opened}".encode(), usedforsecurity=False).hexdigest()
        self.sessions[token] = account.name
        return token

    def close(self, token: str) -> None:
        """End a session; raises Refusal (404) for one that is not open."""
        if self.sessions.pop(token, None) is None:
            raise Refusal(404, f"Resource '/sys/tokens/{token}' not found during delete")

    def spend(self, account: Account, now: int) -> None:
        """Count a request; raises Refusal (429) for one too many within an hour."""
        if not self.requests_per_hour:
            return
        recent = self._recent.setdefault(account.name, deque())
        while recent and recent[0] <= now - HOUR:
            recent.popleft()
        if len(recent) >= self.requests_per_hour:
            raise Refusal(429, "Too many requests")
        recent.append(now)

    def _named(self, name: str | None) -> Account:
        return self._first(lambda account: account.name == name)

    def _first(self, wanted: Callable[[Account], bool]) -> Account:
        found = next((account for account in self.accounts if wanted(account)), None)
        if found is None:
            raise Refusal(401, "Failed login")
        return found


def _decoded(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
