"""The requests that arrived, for those who count or compare them."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_KEPT = 10_000


@dataclass
class Journal:
    """How many requests arrived, by method and table, and the latest of them."""

    total: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    latest: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MOST_KEPT))

    def arrived(self, method: str, path: tuple[str, ...], query: Mapping[str, str], body: Any) -> dict[str, Any]:
        """Note a request; what becomes of it is written into what this returns."""
        self.total += 1
        self.counts[f"{method} {path[0] if path else ''}"] += 1
        entry = {"number": self.total, "method": method, "path": "/".join(path), "query": dict(query), "body": body}
        self.latest.append(entry)
        return entry

    def clear(self) -> None:
        """Begin anew."""
        self.total = 0
        self.counts.clear()
        self.latest.clear()

    def document(self, since: int = 0) -> dict[str, Any]:
        """Return the counts and the requests behind number ``since``, as JSON data."""
        kept = [entry for entry in self.latest if entry["number"] > since]
        return {"total": self.total, "counts": dict(self.counts), "requests": kept}
