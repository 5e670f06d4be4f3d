"""Both servers in one thread."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from snapplan.devtools.vergeos.web import api, control
from snapplan.devtools.vergeos.web.certificate import certificate

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from starlette.applications import Starlette

    from snapplan.devtools.vergeos.web.stage import Stage

ADDRESS = "127.0.0.1"


class Connection(H11Protocol):
    """A connection that lets a request close it (``scope["state"]["transport"]``)."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, and remember the transport for the requests to come."""
        super().connection_made(transport)
        # Head and body are written apart; waiting for the client's acknowledgement would cost 40 ms per answer.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, "transport": transport}

    def shutdown(self) -> None:
        """Finish the request at hand; without one end at once, instead of waiting for the client's half of TLS."""
        idle = self.cycle is None or self.cycle.response_complete
        super().shutdown()
        if idle:
            self.transport.abort()


class Simulator:
    """A running simulation: ``host`` for clients of the API, ``control_url`` for the control interface.

    Ports of 0 are chosen by the operating system. Usable as a context manager.
    """

    def __init__(self, stage: Stage, folder: Path, port: int = 0, control_port: int = 0) -> None:
        self.stage = stage
        made = certificate(folder)
        self.ca_file = made.authority
        self._sockets = [_listening(port), _listening(control_port)]
        ports = [each.getsockname()[1] for each in self._sockets]
        self.host, self.control_url = f"{ADDRESS}:{ports[0]}", f"http://{ADDRESS}:{ports[1]}"
        self._servers = [
            # The platform's own clock stands in the answers, not this machine's.
            _server(api.application(stage), ssl_certfile=str(made.server), date_header=False),
            _server(control.application(stage)),
        ]
        self._thread = threading.Thread(target=self._serve, name="vergeos-sim", daemon=True)

    def start(self) -> None:
        """Serve, in a thread; requests are welcome at once."""
        self._thread.start()

    def stop(self) -> None:
        """Finish open requests and stop serving."""
        for server in self._servers:
            server.should_exit = True
        self._thread.join()
        for each in self._sockets:
            each.close()

    def __enter__(self) -> Simulator:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _serve(self) -> None:
        async def both() -> None:
            pairs = zip(self._servers, self._sockets, strict=True)
            await asyncio.gather(*(server.serve(sockets=[each]) for server, each in pairs))

        asyncio.run(both())


def _listening(port: int) -> socket.socket:
    found = socket.create_server((ADDRESS, port))
    found.setblocking(False)
    return found


def _server(app: Starlette, **more: Any) -> uvicorn.Server:
    quiet: dict[str, Any] = {"log_config": None, "access_log": False, "log_level": "error"}
    plain: dict[str, Any] = {
        "lifespan": "off",
        "ws": "none",
        "server_header": False,
        "timeout_keep_alive": 75,
        "timeout_graceful_shutdown": 1,
    }
    return uvicorn.Server(uvicorn.Config(app, http=Connection, **quiet, **plain, **more))
