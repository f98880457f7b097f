"""The FastAPI app; making it connects to nothing."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

from anyio import CapacityLimiter
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from api import problem_details as problems
from api.dependencies import ApiContext
from api.dispatch_hints import DispatchHints, TextHints, make_producer, send_dispatch, send_text_hint
from api.event_streams import EventStreams
from api.gallery.sheet_process import SheetProcess
from api.gallery.sheet_queue import SheetQueue
from api.http.bulk_pages import PAGES_AT_ONCE
from api.http.fair_entrance import FairEntrance
from api.http.openapi import allowed_methods, document, operation_id
from api.http.response_headers import ProtectiveHeaders
from api.live_answers import LiveAnswers
from api.quotas import Quotas
from api.request_ids import RequestIds
from api.routes import (
    assets,
    catalog,
    front,
    health,
    job,
    job_stream,
    jobs,
    metrics,
    sign_in,
    speeds,
    statement,
    webhook,
    webhooks,
)
from api.routes import gallery_pages as gallery
from api.routes.campaigns import campaigns
from api.routes.campaigns import clips as campaign_clips
from api.routes.campaigns import control as campaign_control
from api.routes.campaigns import decisions as campaign_decisions
from api.routes.campaigns import event_stream as campaign_events
from api.routes.campaigns import exports as campaign_exports
from api.routes.campaigns import gallery as campaign_gallery
from api.routes.campaigns import imports as campaign_imports
from api.routes.texts import event_stream as text_events
from api.routes.texts import text, texts
from api.settings import ApiSettings
from models.operations.texts.live_answers import connect_async
from models.session import Clock, DatabaseClock, make_engine, make_sessions
from reelqueue.version import VERSION

_ROUTES: Final = (
    jobs, job, job_stream, assets,
    texts, text, text_events,
    campaigns, campaign_control, campaign_clips, campaign_imports, campaign_exports, campaign_events,
    campaign_decisions, campaign_gallery, gallery, front, sign_in,
    webhooks, webhook, catalog, health, metrics, statement, speeds,
)  # fmt: skip


def create_app(settings: ApiSettings, *, require_key: bool, clock: Clock | None = None) -> FastAPI:
    """The API as an ASGI app.

    Args:
        settings: Where its services are.
        require_key: Whether callers without a bearer key are refused; False only on loopback.
        clock: Dates what the endpoints write; the database's by default.

    Raises:
        ConfigurationError: a setting cannot be used.
    """
    context = _open(settings, require_key=require_key, clock=clock or DatabaseClock())
    app = FastAPIOffline(
        title="Reelqueue",
        version=VERSION,
        lifespan=partial(_lifespan, context),
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
    )
    app.state.context = context
    for routes in _ROUTES:
        app.include_router(routes.router)
    # At most half of the turns at the database: one key leaves the others some.
    app.add_middleware(FairEntrance, working_max=max(2, settings.api_database_connections // 2))
    app.add_middleware(ProtectiveHeaders)
    app.add_middleware(RequestIds)
    _describe(app, require_key=require_key)
    problems.install(app, methods_at=partial(allowed_methods, app))
    return app


def _open(settings: ApiSettings, *, require_key: bool, clock: Clock) -> ApiContext:
    engine = make_engine(
        settings.database_url.get_secret_value(),
        application_name="reelqueue-api",
        pool_size=settings.api_database_connections,
    )
    producer = make_producer(settings.broker_url.get_secret_value())
    sessions = make_sessions(engine)
    return ApiContext(
        settings=settings,
        require_key=require_key,
        engine=engine,
        sessions=sessions,
        archive=settings.open_archive(),
        producer=producer,
        hints=DispatchHints(partial(send_dispatch, producer)),
        text_hints=TextHints(partial(send_text_hint, producer)),
        live=LiveAnswers(connect_async(settings.broker_url.get_secret_value())),
        session_secret=_session_secret(settings),
        streams=EventStreams(
            sessions,
            tenant_max=settings.api_listeners_per_tenant,
            process_max=settings.api_listeners,
        ),
        sheets=SheetQueue(),
        sheet_process=SheetProcess(),
        quotas=Quotas(settings),
        bulk=CapacityLimiter(PAGES_AT_ONCE),
        turns=asyncio.Semaphore(settings.api_database_connections),
        clock=clock,
    )


def _session_secret(settings: ApiSettings) -> bytes:
    key = settings.api_session_key
    return secrets.token_bytes(32) if key is None else key.get_secret_value().encode()


@asynccontextmanager
async def _lifespan(context: ApiContext, _app: FastAPI) -> AsyncIterator[None]:
    context.hints.start()
    context.text_hints.start()
    yield
    await context.live.close()
    context.streams.close()
    context.sheets.close()
    context.sheet_process.close()
    context.hints.close()
    context.text_hints.close()
    context.producer.close()
    context.engine.dispose()


def _describe(app: FastAPI, *, require_key: bool) -> None:
    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app, require_key=require_key)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI documents
