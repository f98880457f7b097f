"""For load balancers and supervisors; open to everyone, so reasons name no host and no account."""

from __future__ import annotations

import asyncio
from typing import Literal

import structlog
from fastapi import APIRouter, Response
from kombu.exceptions import OperationalError
from pydantic import BaseModel, Field
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from api.dependencies import ApiContext, OpenContext
from api.dispatch_hints import BROKER_TIMEOUT_SECONDS
from models.operations.scheduling.submit_gates import obstacles

log = structlog.get_logger(__name__)
router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = Field(default="ok", description="Always `ok`.")


class Check(BaseModel):
    """One service that the API leans on."""

    ok: bool = Field(description="Whether it answers.")
    reason: str | None = Field(default=None, description="What is wrong and what it means.")


class Readiness(BaseModel):
    """Whether the API can do its work."""

    status: Literal["ready", "degraded", "not_ready"] = Field(
        description="`degraded`: jobs are stored, and started later."
    )
    database: Check = Field(description="Without it nothing is stored.")
    broker: Check = Field(description="Without it jobs start later.")
    submissions: Check = Field(description="Whether stored jobs may be submitted to the provider.")


@router.get("/healthz")
async def check_health() -> Alive:
    """Whether the process answers; asks no other service, and waits for no thread."""
    return Alive()


@router.get("/readyz", responses={503: {"model": Readiness, "description": "The database does not answer"}})
async def check_readiness(context: OpenContext, response: Response) -> Readiness:
    """Whether jobs can be taken in: the database must answer; a broker that is down only delays their start."""
    # On threads of asyncio's own: those of the requests may all be busy.
    database, broker = await asyncio.gather(
        asyncio.to_thread(_check_database, context), asyncio.to_thread(_check_broker, context)
    )
    if not database.ok:
        response.status_code = 503
        unknown = Check(ok=False, reason="unknown without the database")
        return Readiness(status="not_ready", database=database, broker=broker, submissions=unknown)
    submissions = await asyncio.to_thread(_check_submissions, context)
    status = "ready" if broker.ok and submissions.ok else "degraded"
    return Readiness(status=status, database=database, broker=broker, submissions=submissions)


def _check_database(context: ApiContext) -> Check:
    try:
        with context.engine.connect() as connection:
            connection.execute(text("SELECT 1 FROM render_jobs LIMIT 0"))
    except SQLAlchemyError as error:
        log.warning("readiness.database", error=str(error.orig if isinstance(error, DBAPIError) else error))
        return Check(ok=False, reason="the database does not answer or is not migrated: nothing can be stored")
    return Check(ok=True)


def _check_submissions(context: ApiContext) -> Check:
    """Whether a database that was restored, or has failed over, holds jobs back."""
    try:
        with Session(context.engine) as session:
            now = session.scalars(select(func.clock_timestamp())).one()
            found = obstacles(session, now)
    except SQLAlchemyError as error:
        log.warning("readiness.submissions", error=str(error.orig if isinstance(error, DBAPIError) else error))
        return Check(ok=False, reason="the database does not say whether jobs are submitted")
    if found:
        return Check(
            ok=False,
            reason="the database may have gone back in time, and jobs wait until the provider's task list is compared: "
            "jobs are stored; if it stays so, an operator runs python -m workers recover",
        )
    return Check(ok=True)


def _check_broker(context: ApiContext) -> Check:
    try:
        with context.producer.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=BROKER_TIMEOUT_SECONDS)
    except (OperationalError, OSError) as error:
        log.warning("readiness.broker", error=str(error))
        return Check(ok=False, reason="the broker does not answer: jobs are stored and start once it is back")
    return Check(ok=True)
