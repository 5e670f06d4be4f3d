"""A whole refresh of one system: the reads, what they show it to offer, and the inventory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.drivers.vergeos.inventory import Circumstances, inventory_of
from snapplan.drivers.vergeos.objects import vms_of
from snapplan.drivers.vergeos.probes import Offers, capabilities_of, probe
from snapplan.drivers.vergeos.reads import read_system

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snapplan.drivers.vergeos.api import Api
    from snapplan.drivers.vergeos.options import VergeosOptions
    from snapplan.models.request import Inventory
    from snapplan.models.target import Capabilities


class Refreshed(NamedTuple):
    """What a refresh found; ``offers`` may be handed to the next one of the same connection, which then asks less.

    ``vm_keys`` are the keys in ``vms`` by VM id, so that a profile is assigned without looking each up again.
    """

    inventory: Inventory
    capabilities: Capabilities
    offers: Offers
    vm_keys: Mapping[str, int]


def refresh(
    api: Api, options: VergeosOptions, project: str, static: Capabilities, offers: Offers | None = None
) -> Refreshed:
    """Read a system: at most 17 requests, whatever it holds.

    ``static`` is the most that any system can do. Raises ``UnreachableError`` or another ``BackendError``; never returns a
    part.
    """
    before = api.requests
    rows = read_system(api)
    known = probe(api, rows) if offers is None else offers
    capabilities = capabilities_of(static, rows, known, options.requests_per_hour)
    about = Circumstances(
        backend=api.backend,
        project=project,
        now=api.now(),
        ahead=api.clock_ahead,
        requests=api.requests - before,
        insecure=options.insecure,
        capabilities=capabilities,
    )
    inventory = inventory_of(rows, about)
    return Refreshed(inventory, capabilities, known, {vm.id: vm.key for vm in vms_of(rows.vms, rows.agents)})
