"""Routes of the control plane.

============================ =================================================================
route                        effect
============================ =================================================================
``GET  /__sim__/health``     ready, clock, tasks by status
``POST /__sim__/reset``      forgets tasks, charges, uploads, files, batches, faults, caches, log and advanced time
``GET  /__sim__/config``     the whole configuration
``POST /__sim__/config``     changes the parts that are given
``GET  /__sim__/faults``     scripted faults with their use; ``DELETE`` forgets them
``POST /__sim__/faults``     adds one fault or a list of faults
``GET  /__sim__/ledger``     charges and totals; ``?account=`` narrows
``GET  /__sim__/texts``      charges of language models and their totals; ``?account=`` narrows
``GET  /__sim__/batches``    names of all batches, oldest first
``GET  /__sim__/log``        newest calls; ``?limit=`` and ``?operation=`` narrow
``GET  /__sim__/lanes``      slots, running and waiting tasks per account and model
``POST /__sim__/advance``    ``{"seconds": n}`` moves the clock forward
============================ =================================================================

No key is needed: any process that reaches the port may use it, so bind it to loopback.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.clock import beijing_text
from simulator.exchange.dependencies import Service
from simulator.faults.kinds import KINDS
from simulator.store.fault import load_fault
from simulator.store.ledger import summary
from simulator.store.text_ledger import text_summary

_OBJECT = TypeAdapter(dict[str, Any])
_SECONDS = TypeAdapter(dict[str, float])

Answer = Callable[[Service, Request, Any], object]


def control_routes(service: Service) -> list[Route]:
    """All routes, bound to *service*."""
    table: list[tuple[str, str, Answer]] = [
        ("GET", "health", _health),
        ("POST", "reset", _reset),
        ("GET", "config", _get_config),
        ("POST", "config", _set_config),
        ("GET", "faults", _get_faults),
        ("POST", "faults", _add_faults),
        ("DELETE", "faults", _clear_faults),
        ("GET", "ledger", _ledger),
        ("GET", "texts", _texts),
        ("GET", "batches", _batches),
        ("GET", "log", _log),
        ("GET", "lanes", _lanes),
        ("POST", "advance", _advance),
    ]
    return [Route(f"/__sim__/{name}", _endpoint(service, answer), methods=[method]) for method, name, answer in table]


def _endpoint(service: Service, answer: Answer) -> Callable[[Request], Any]:
    async def serve(request: Request) -> Response:
        try:
            body = await request.json() if request.method == "POST" and await request.body() else {}
            return JSONResponse(answer(service, request, body))
        except ValidationError as error:
            problems = [{"at": ".".join(map(str, e["loc"])), "problem": e["msg"]} for e in error.errors()]
            return JSONResponse({"error": "not understood; nothing was changed", "problems": problems}, 422)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 422)

    return serve


def _health(service: Service, _request: Request, _body: object) -> object:
    service.provider.settle()
    now_ms = service.provider.clock.now_ms()
    return {
        "status": "ok",
        "now_ms": now_ms,
        "now": beijing_text(now_ms),
        "time_scale": service.provider.config.time_scale,
        "tasks": service.provider.store.tasks.count_by_status(),
    }


def _reset(service: Service, _request: Request, _body: object) -> object:
    service.faults.clear()
    service.provider.reset()
    service.texts.reset()
    return {"status": "ok"}


def _get_config(service: Service, _request: Request, _body: object) -> object:
    return asdict(service.provider.config)


def _set_config(service: Service, _request: Request, body: object) -> object:
    return asdict(service.provider.configure(_OBJECT.validate_python(body)))


def _get_faults(service: Service, _request: Request, _body: object) -> object:
    return {"faults": service.faults.describe(), "kinds": sorted(KINDS)}


def _add_faults(service: Service, _request: Request, body: object) -> object:
    faults = [load_fault(one) for one in (body if isinstance(body, list) else [body])]
    for fault in faults:
        if fault.kind not in KINDS:
            raise ValueError(f"no fault kind {fault.kind!r}; there are {', '.join(sorted(KINDS))}")
    return {"ids": [service.faults.add(fault) for fault in faults]}


def _clear_faults(service: Service, _request: Request, _body: object) -> object:
    service.faults.clear()
    return {"status": "ok"}


def _ledger(service: Service, request: Request, _body: object) -> object:
    service.provider.settle()
    return summary(service.provider.store.ledger.charges(request.query_params.get("account")))


def _texts(service: Service, request: Request, _body: object) -> object:
    service.batches.settle()
    return text_summary(service.provider.store.text_ledger.charges(request.query_params.get("account")))


def _batches(service: Service, _request: Request, _body: object) -> object:
    return {"names": service.provider.store.batches.names()}


def _log(service: Service, request: Request, _body: object) -> object:
    requests = service.provider.store.requests
    limit = int(request.query_params.get("limit", "1000"))
    return {"counts": requests.count(), "requests": requests.newest(limit, request.query_params.get("operation"))}


def _lanes(service: Service, _request: Request, _body: object) -> object:
    return {"lanes": service.provider.loads()}


def _advance(service: Service, _request: Request, body: object) -> object:
    service.provider.advance(_SECONDS.validate_python(body).get("seconds", 0.0))
    return _health(service, _request, None)
