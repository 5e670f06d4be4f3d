"""What the catalog remembers of a backend, in place of a listing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.catalog.reconcile import later
from snapplan.models.world import BackendState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snapplan.catalog.base import Catalog, KnownSnapshot
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.target import Capabilities
    from snapplan.models.world import Drift


def recalled(
    catalog: Catalog, backend: str, capabilities: Capabilities, live_runs: frozenset[str], drift: Sequence[Drift]
) -> BackendState:
    """Return a backend as the last refresh that was recorded found it; its identity and its clock stay unknown."""
    return BackendState(
        name=backend,
        capabilities=capabilities,
        targets=tuple(catalog.known_targets(backend)),
        snapshots=[_decided(record) for record in catalog.known(backend).values()],
        live_runs=live_runs,
        drift=tuple(entry for entry in drift if entry.subject.partition("/")[0] == backend),
    )


def _decided(record: KnownSnapshot) -> Snapshot:
    mark = record.snapshot.mark
    if mark is None:
        return record.snapshot
    return record.snapshot._replace(mark=mark._replace(expires_at=later(mark.expires_at, record.expires_at)))
