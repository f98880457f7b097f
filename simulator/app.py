"""The ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from simulator.control.routes import control_routes
from simulator.exchange.dependencies import Service
from simulator.http.batches import cancel_batch, create_batch, get_batch, list_batches
from simulator.http.bill import bill
from simulator.http.chat import chat, models
from simulator.http.files import delete_file, file_content, get_file, list_files, put_file
from simulator.http.listing import list_tasks
from simulator.http.middleware import Handler, endpoint
from simulator.http.models import model_list, quotas
from simulator.http.query import cancel, query
from simulator.http.results import result
from simulator.http.submit import submit
from simulator.http.tokens import tokens
from simulator.http.uploads import policy, upload

_API: Final = "/api/v1"
_TEXT_API: Final = "/compatible-mode/v1"


def create_app(service: Service) -> ASGIApp:
    """The simulator's HTTP face over *service*, which stays the caller's to close."""
    app = Starlette(
        routes=[*_service_routes(service), *control_routes(service)],
        exception_handlers={404: _not_found},
        lifespan=partial(_announcing, service),
    )
    app.router.redirect_slashes = False
    return _AnySlash(app)


def _service_routes(service: Service) -> list[Route]:
    # task_id:path, because an id with slashes is a task that never existed, not a path that does not exist.
    table: list[tuple[str, str, str, Handler]] = [
        ("submit", "POST", f"{_API}/services/aigc/{{group}}/video-synthesis", submit),
        ("query", "GET", f"{_API}/tasks/{{task_id:path}}", query),
        ("list", "GET", f"{_API}/tasks", list_tasks),
        ("cancel", "POST", f"{_API}/tasks/{{task_id:path}}/cancel", cancel),
        ("policy", "GET", f"{_API}/uploads", policy),
        ("quotas", "GET", f"{_API}/quotas", quotas),
        ("quotas", "GET", f"{_API}/models/limits", quotas),
        ("model-list", "GET", f"{_API}/models", model_list),
        ("tokens", "POST", f"{_API}/tokens", tokens),
        ("chat", "POST", f"{_TEXT_API}/chat/completions", chat),
        ("models", "GET", f"{_TEXT_API}/models", models),
        ("file-put", "POST", f"{_TEXT_API}/files", put_file),
        ("file-list", "GET", f"{_TEXT_API}/files", list_files),
        ("file-get", "GET", f"{_TEXT_API}/files/{{task_id}}", get_file),
        ("file-delete", "DELETE", f"{_TEXT_API}/files/{{task_id}}", delete_file),
        ("file-content", "GET", f"{_TEXT_API}/files/{{task_id}}/content", file_content),
        ("batch-create", "POST", f"{_TEXT_API}/batches", create_batch),
        ("batch-list", "GET", f"{_TEXT_API}/batches", list_batches),
        ("batch-get", "GET", f"{_TEXT_API}/batches/{{task_id}}", get_batch),
        ("batch-cancel", "POST", f"{_TEXT_API}/batches/{{task_id}}/cancel", cancel_batch),
    ]
    routes = [Route(path, endpoint(service, name, handler), methods=[method]) for name, method, path, handler in table]
    # The object storage and the bill know signatures, not keys.
    form = Route("/oss", endpoint(service, "upload", upload, needs_key=False), methods=["POST"])
    file = Route("/result/{task_id}.mp4", endpoint(service, "result", result, needs_key=False), methods=["GET", "HEAD"])
    bills = Route("/bss", endpoint(service, "bill", bill, needs_key=False), methods=["POST"])
    return [*routes, form, file, bills]


@asynccontextmanager
async def _announcing(service: Service, _app: Starlette) -> AsyncIterator[None]:
    """Post events about finished tasks for as long as the server runs."""
    announcing = asyncio.create_task(service.announcer.run())
    yield
    announcing.cancel()


async def _not_found(_request: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"code": "NotFound", "message": "Not found!", "request_id": ""}, 404)


class _AnySlash:
    """Takes each path with and without a trailing slash, never with a redirect: official clients differ."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": scope["path"].rstrip("/") or "/"}
        await self._app(scope, receive, send)
