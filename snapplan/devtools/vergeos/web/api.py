"""The API over HTTP: sessions below ``/api/sys/tokens``, everything else below ``/api/v4``."""

from __future__ import annotations

import asyncio
import json
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from snapplan.devtools.vergeos.refusal import Refusal
from snapplan.devtools.vergeos.rules import service

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request as HttpRequest
    from starlette.types import Receive, Scope, Send

    from snapplan.devtools.vergeos.web.faults import Fault
    from snapplan.devtools.vergeos.web.stage import Stage

METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]


class Dropped(Response):
    """No answer: the connection closes, after ``part`` of a longer answer if one is given."""

    def __init__(self, part: bytes = b"", announced: int = 0) -> None:
        super().__init__(part, media_type="application/json")
        self.headers["content-length"] = str(announced)
        self.sent = bool(announced)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the part, if any, and close the connection under the client."""
        if self.sent:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": self.body, "more_body": True})
            scope["state"]["transport"].close()
        else:
            scope["state"]["transport"].abort()
        # The server must see the closed connection before this returns, or it complains about the missing answer.
        await asyncio.sleep(0)
        await receive()


def application(stage: Stage) -> Starlette:
    """Return the API of a simulation."""

    async def sessions(http: HttpRequest) -> Response:
        body = await _body(http)
        return _bad() if body is None else _answered(lambda: _session(stage, http, body))

    async def api(http: HttpRequest) -> Response:
        path = tuple(part for part in http.path_params.get("path", "").split("/") if part)
        body = await _body(http)
        entry = stage.journal.arrived(http.method, path, http.query_params, body)
        response = await _handled(stage, http, path, body)
        response.headers["date"] = formatdate(stage.time.now(), usegmt=True)
        entry["status"] = None if isinstance(response, Dropped) else response.status_code
        return response

    routes = [
        Route("/api/sys/tokens", sessions, methods=METHODS),
        Route("/api/sys/tokens/{token}", sessions, methods=METHODS),
        Route("/api/v4", api, methods=METHODS),
        Route("/api/v4/{path:path}", api, methods=METHODS),
    ]
    return Starlette(routes=routes, exception_handlers={404: _unknown})


async def _handled(stage: Stage, http: HttpRequest, path: tuple[str, ...], body: Any) -> Response:
    faults = list(stage.faults.striking(http.method, "/".join(path)))
    for fault in faults:
        if fault.kind == "latency":
            await asyncio.sleep(fault.seconds)
    stage.time.arrive(stage.system)
    for fault in faults:
        instead = _before(fault)
        if instead is not None:
            return instead
    if body is None:
        return _bad()
    response = _answered(lambda: _served(stage, http, path, body))
    if response.status_code == 429 and stage.system.switches["rate_limit_body"] == "text":
        response = Response("Too many requests", 429, media_type="text/plain")
    for fault in faults:
        response = _after(fault, response)
    return response


def _before(fault: Fault) -> Response | None:
    if fault.kind == "status_before":
        return _json(fault.status, {"err": fault.text})
    if fault.kind == "expired":
        return _json(401, {"err": "Login required"})
    return Dropped() if fault.kind == "drop_before" else None


def _after(fault: Fault, response: Response) -> Response:
    whole = bytes(response.body)
    half = whole[: len(whole) // 2]
    match fault.kind:
        case "status_after":
            return _json(fault.status, {"err": fault.text})
        case "drop_after":
            return Dropped()
        case "truncate":
            return Response(half, response.status_code, media_type="application/json")
        case "cut":
            return Dropped(half, len(whole))
    return response


def _served(stage: Stage, http: HttpRequest, path: tuple[str, ...], body: Any) -> service.Answer:
    account = stage.access.account(http.headers)
    stage.access.spend(account, stage.system.now)
    account.check(http.method, path)
    stage.system.actor = account.name
    return service.answer(stage.system, service.Request(http.method, path, http.query_params, body))


def _session(stage: Stage, http: HttpRequest, body: Any) -> service.Answer:
    token = http.path_params.get("token")
    if http.method == "POST" and token is None:
        made = stage.access.open(str(body.get("login")), str(body.get("password")))
        number = len(stage.access.sessions)
        receipt = {"location": f"/sys/tokens/{made}", "dbpath": f"tokens/{made}", "$row": number, "$key": made}
        return service.Answer(201, receipt)
    if http.method == "DELETE" and token is not None:
        stage.access.close(token)
        return service.Answer(200)
    raise Refusal(405, "Not permitted")


def _answered(serve: Callable[[], service.Answer]) -> Response:
    try:
        done = serve()
    except Refusal as refusal:
        return _json(refusal.status, refusal.body())
    return Response(b"", done.status) if done.body is None else _json(done.status, done.body)


async def _body(http: HttpRequest) -> Any:
    """Return the JSON object of a request, an empty one where there is none, None for what is no object."""
    raw = await http.body()
    if not raw.strip():
        return {}
    try:
        found = json.loads(raw)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _json(status: int, content: Any) -> Response:
    return Response(json.dumps(content, separators=(",", ":")), status, media_type="application/json")


def _bad() -> Response:
    return _json(400, {"err": "Bad request"})


async def _unknown(http: HttpRequest, error: Exception) -> Response:
    return _json(404, {"err": f"Resource '{http.url.path}' not found"})
