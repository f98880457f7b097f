"""What surrounds every operation: key, faults, errors, headers, log."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from time import perf_counter

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from simulator.errors import WireError
from simulator.exchange.call import Call
from simulator.exchange.dependencies import Service
from simulator.exchange.reply import Reply, error_reply
from simulator.fault_script import Circumstances
from simulator.faults.kinds import KINDS, alter
from simulator.http.delivery import response_for
from simulator.store.fault import Fault
from simulator.store.requests import LoggedRequest
from simulator.texts.writer import last_question

_log = logging.getLogger("simulator")

Handler = Callable[[Service, Call], Reply | Awaitable[Reply]]
Endpoint = Callable[[Request], Awaitable[Response]]


def endpoint(service: Service, operation: str, handler: Handler, *, needs_key: bool = True) -> Endpoint:
    """An operation as the router wants it.

    Args:
        service: What the operation works with.
        operation: Its name in faults and in the log.
        handler: Does the work; may raise `WireError`.
        needs_key: Whether a call without a valid key is refused.
    """

    async def serve(request: Request) -> Response:
        started = perf_counter()
        call = Call(operation, request, service.provider.new_id())
        fault = None
        try:
            await _read(call)
            if needs_key:
                call.account = service.accounts.owner(call.header("authorization"), service.provider.config)
            fault = service.faults.take(_circumstances(service, call))
            reply = await _answer(service, call, handler, fault)
        except WireError as error:
            reply = _refusal(service, call, error)
        except ClientDisconnect:
            reply = Reply(delivery="drop")  # the caller died while sending; nothing was done
        finally:
            await call.close()
        _record(service, call, reply, fault)
        if reply.delay_seconds:
            await asyncio.sleep(reply.delay_seconds)
        return _respond(service, call, reply, fault, elapsed_ms=round((perf_counter() - started) * 1000))

    return serve


async def _read(call: Call) -> None:
    call.task_id = call.request.path_params.get("task_id", "")
    if call.operation in {"upload", "file-put"}:
        call.form = await call.request.form()
    elif call.request.method == "POST":
        call.keep_body(await call.request.body())


def _circumstances(service: Service, call: Call) -> Circumstances:
    if call.operation in {"submit", "chat"}:
        call.model, call.prompt = str((call.document or {}).get("model") or ""), _prompt(call)
    elif call.operation == "batch-create":
        metadata = (call.document or {}).get("metadata")
        call.prompt = str(metadata.get("ds_name") or "") if isinstance(metadata, dict) else ""
    elif call.task_id and (task := service.provider.store.tasks.get(call.task_id)) is not None:
        call.model, call.prompt = task.model, task.prompt
    return Circumstances(call.operation, call.account, call.model, call.task_id, call.prompt)


def _prompt(call: Call) -> str:
    if call.operation == "chat":
        return last_question(call.document or {})
    source = (call.document or {}).get("input")
    prompt = source.get("prompt") if isinstance(source, dict) else None
    return prompt if isinstance(prompt, str) else ""


async def _answer(service: Service, call: Call, handler: Handler, fault: Fault | None) -> Reply:
    if fault is None:
        return await _handle(service, call, handler)
    kind = KINDS[fault.kind]
    if fault.phase == "before" and not kind.needs_answer:
        return alter(Reply(), fault, call, service)
    try:
        reply = await _handle(service, call, handler)
    except WireError as error:
        reply = _refusal(service, call, error)
    return alter(reply, fault, call, service)


async def _handle(service: Service, call: Call, handler: Handler) -> Reply:
    reply = handler(service, call)
    return await reply if inspect.isawaitable(reply) else reply


def _refusal(service: Service, call: Call, error: WireError) -> Reply:
    wait_seconds = service.provider.config.limits.retry_after_seconds
    return error_reply(error, call.request_id, wait_seconds, is_text=call.is_text)


def _record(service: Service, call: Call, reply: Reply, fault: Fault | None) -> None:
    status = 0 if reply.delivery in {"drop", "hang"} else reply.status
    request = call.request
    service.provider.store.requests.add(
        LoggedRequest(
            at_ms=service.provider.clock.now_ms(),
            operation=call.operation,
            method=request.method,
            path=request.url.path,
            account=call.account,
            model=call.model,
            task_id=call.task_id,
            request_id=call.request_id,
            status=status,
            fault=fault.kind if fault else "",
        )
    )
    _log.debug("%s %s %s %s", request.method, request.url.path, status, call.request_id)


def _respond(service: Service, call: Call, reply: Reply, fault: Fault | None, *, elapsed_ms: int) -> Response:
    now_ms = service.provider.clock.now_ms() + service.provider.config.clock_ahead_ms
    headers = {
        "date": formatdate(now_ms / 1000, usegmt=True),
        "x-request-id": call.request_id,
        "req-cost-time": str(elapsed_ms),
        "req-arrive-time": str(now_ms - elapsed_ms),
        "resp-start-time": str(now_ms),
        "x-envoy-upstream-service-time": str(elapsed_ms),
        "eagleeye-traceid": call.request_id.replace("-", ""),
        "server": "istio-envoy",
    } | service.provider.config.wire.headers
    return response_for(
        reply,
        headers=headers,
        accept_encoding=call.header("accept-encoding"),
        pause_seconds=fault.seconds if fault else 1.0,
    )
