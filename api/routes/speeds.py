"""How fast models render here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.auth.job_access import CurrentCaller
from api.dependencies import OpenSession
from api.http.pagination import Text
from api.problem_details import documented
from models.operations.scheduling.render_times import model_speeds
from reelqueue.schemas.campaigns import ModelSpeeds

router = APIRouter(prefix="/v1/speeds", tags=["campaigns"])


@router.get("", responses=documented(401, 403, 422, 503))
def list_model_speeds(
    session: OpenSession,
    _caller: CurrentCaller,
    model: Annotated[list[Text], Query(min_length=1, max_length=100, description="Models; repeatable.")],
) -> ModelSpeeds:
    """What the slots of some models carry, from the accounts and from the latest clips of everybody."""
    return ModelSpeeds(items=model_speeds(session, set(model)))
