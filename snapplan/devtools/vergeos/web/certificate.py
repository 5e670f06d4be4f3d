"""A certificate authority of our own, and the certificate of 127.0.0.1 that it signs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """Where clients find the authority, and where the server finds its certificate with its key."""

    authority: Path
    server: Path


def certificate(folder: Path) -> Certificate:
    """Return the certificate in a folder, made there when it is missing; the key is for the owner's eyes only."""
    found = Certificate(folder / "ca.pem", folder / "server.pem")
    if not (found.authority.exists() and found.server.exists()):
        import trustme

        folder.mkdir(parents=True, exist_ok=True)
        authority = trustme.CA(organization_name="snapplan VergeOS simulator")
        issued = authority.issue_cert("127.0.0.1", "localhost")
        found.server.touch(mode=0o600)
        issued.private_key_and_cert_chain_pem.write_to_path(str(found.server))
        authority.cert_pem.write_to_path(str(found.authority))
    return found
