"""The control interface: plain HTTP and JSON, for tests and demonstrations, not part of the platform."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from snapplan.devtools.vergeos import state
from snapplan.devtools.vergeos.refusal import SimulatorError
from snapplan.devtools.vergeos.rules import events
from snapplan.devtools.vergeos.rules.switches import SWITCHES
from snapplan.devtools.vergeos.web import belongings, faults
from snapplan.devtools.vergeos.web.stage import Stage

Endpoint = Callable[[Stage, Request], Awaitable[Response]]
UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}


def application(stage: Stage) -> Starlette:
    """Return the control interface of a simulation."""

    def route(path: str, method: str, endpoint: Endpoint) -> Route:
        async def call(request: Request) -> Response:
            try:
                return await endpoint(stage, request)
            except SimulatorError as error:
                return JSONResponse({"error": str(error)}, 400)

        return Route(path, call, methods=[method])

    return Starlette(
        routes=[
            route("/", "GET", _about),
            route("/clock", "GET", _clock),
            route("/clock", "PUT", _set_clock),
            route("/clock/step", "POST", _step),
            route("/faults", "GET", _faults),
            route("/faults", "POST", _add_fault),
            route("/faults", "DELETE", _clear_faults),
            route("/requests", "GET", _requests),
            route("/requests", "DELETE", _clear_requests),
            route("/switches", "GET", _switches),
            route("/switches", "PUT", _set_switches),
            route("/rows/{table}", "GET", _rows),
            route("/rows/{table}", "POST", _add_row),
            route("/rows/{table}/{key}", "PUT", _change_row),
            route("/agent/{vm}", "PUT", _set_agent),
            route("/bytes/{table}/{key}", "GET", _read),
            route("/bytes/{table}/{key}", "PUT", _write),
            route("/bytes/{table}/{key}/{part}", "GET", _read),
            route("/bytes/{table}/{key}/{part}", "PUT", _write),
            route("/save", "POST", _save),
        ]
    )


async def _sent(request: Request) -> Any:
    try:
        return json.loads(await request.body() or b"{}")
    except ValueError as error:
        raise SimulatorError(f"the body is no JSON: {error}") from error


async def _object(request: Request) -> dict[str, Any]:
    found = await _sent(request)
    if not isinstance(found, dict):
        raise SimulatorError("the body is no JSON object")
    return found


async def _about(stage: Stage, request: Request) -> Response:
    counts = {name: len(stage.system.store.rows(name)) for name in stage.system.tables}
    return JSONResponse({"version": str(stage.system.version), "now": stage.time.now(), "rows": counts})


def _time(stage: Stage) -> Response:
    now = stage.system.now
    shown = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    pace = {"running": stage.time.started is not None, "seconds_per_request": stage.time.per_request}
    return JSONResponse({"now": now, "instant": shown, **pace})


async def _clock(stage: Stage, request: Request) -> Response:
    stage.time.arrive(stage.system)
    return _time(stage)


async def _set_clock(stage: Stage, request: Request) -> Response:
    """Set ``now`` (epoch seconds or an instant), ``running``, ``seconds_per_request``: what is given."""
    body = await _object(request)
    if "running" in body:
        stage.time.run(bool(body["running"]))
    if "seconds_per_request" in body:
        stage.time.per_request = int(body["seconds_per_request"])
    if "now" in body:
        stage.time.put(stage.system, _instant(body["now"]))
    return _time(stage)


def _instant(value: Any) -> int:
    if isinstance(value, int):
        return value
    try:
        return int(datetime.fromisoformat(str(value)).timestamp())
    except ValueError as error:
        raise SimulatorError(str(error)) from error


async def _step(stage: Stage, request: Request) -> Response:
    """Step on by ``seconds``, ``minutes``, ``hours`` or ``days``; everything due on the way happens."""
    body = await _object(request)
    if not body or set(body) - set(UNITS):
        raise SimulatorError(f"a step is given in {', '.join(UNITS)}")
    stage.time.held += sum(int(count) * UNITS[unit] for unit, count in body.items())
    events.advance(stage.system, stage.time.now())
    return _time(stage)


async def _faults(stage: Stage, request: Request) -> Response:
    return JSONResponse([vars(fault) for fault in stage.faults.waiting])


async def _add_fault(stage: Stage, request: Request) -> Response:
    stage.faults.waiting.append(faults.of(await _object(request)))
    return JSONResponse({}, 201)


async def _clear_faults(stage: Stage, request: Request) -> Response:
    stage.faults.waiting.clear()
    return JSONResponse({})


async def _requests(stage: Stage, request: Request) -> Response:
    return JSONResponse(stage.journal.document(int(request.query_params.get("since", "0"))))


async def _clear_requests(stage: Stage, request: Request) -> Response:
    stage.journal.clear()
    return JSONResponse({})


async def _switches(stage: Stage, request: Request) -> Response:
    values = stage.system.switches
    about = {each.name: {"value": values[each.name], "choices": each.choices, "about": each.about} for each in SWITCHES}
    return JSONResponse(about)


async def _set_switches(stage: Stage, request: Request) -> Response:
    stage.system.configure(await _object(request))
    return JSONResponse(dict(stage.system.switches))


async def _rows(stage: Stage, request: Request) -> Response:
    return JSONResponse(belongings.rows(stage.system, request.path_params["table"]))


async def _add_row(stage: Stage, request: Request) -> Response:
    """Store one row, or a list of them at once."""
    given = await _sent(request)
    many = given if isinstance(given, list) else [given]
    if not all(isinstance(each, dict) for each in many):
        raise SimulatorError("the body is no JSON object, and no list of them")
    made = belongings.add(stage.system, request.path_params["table"], many)
    return JSONResponse(made if many is given else made[0], 201)


async def _change_row(stage: Stage, request: Request) -> Response:
    path = request.path_params
    return JSONResponse(belongings.change(stage.system, path["table"], path["key"], await _object(request)))


async def _set_agent(stage: Stage, request: Request) -> Response:
    """Connect (``version``) or disconnect (an empty one) a VM's guest agent."""
    body = await _object(request)
    belongings.agent(stage.system, request.path_params["vm"], str(body.get("version", "")))
    return JSONResponse({})


async def _read(stage: Stage, request: Request) -> Response:
    path = request.path_params
    digest, held = belongings.read(stage.system, path["table"], path["key"], path.get("part"))
    return Response(held, headers={"x-sha256": digest}, media_type="application/octet-stream")


async def _write(stage: Stage, request: Request) -> Response:
    path = request.path_params
    held = await request.body()
    digest = belongings.write(stage.system, path["table"], path["key"], path.get("part"), held)
    return JSONResponse({"sha256": digest})


async def _save(stage: Stage, request: Request) -> Response:
    if stage.state_file is None:
        raise SimulatorError("the simulator was started without a state file")
    state.save(stage.system, stage.state_file)
    return JSONResponse({"state": str(stage.state_file)})
