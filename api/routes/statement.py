"""What was paid."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from api.auth.job_access import CurrentCaller
from api.dependencies import OpenSession
from api.problem_details import ProblemError, documented
from models.operations.money.statement import Scope, make_statement
from reelqueue.schemas.grouping import Grouping
from reelqueue.schemas.statement import Statement

router = APIRouter(prefix="/v1/statement", tags=["money"])

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _day(value: object) -> object:
    """Pydantic would also take seconds since 1970, which the schema does not promise."""
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise ValueError("write a day as 2026-11-23")
    return value


Day = Annotated[date, BeforeValidator(_day)]


class StatementFilters(BaseModel):
    """Query parameters of a statement."""

    model_config = ConfigDict(extra="forbid")

    by: Grouping = Field(default=Grouping.DAY, description="What the lines are about.")
    first_day: Day | None = Field(default=None, alias="from", description="First day of UTC, included.")
    last_day: Day | None = Field(default=None, alias="to", description="Last day of UTC, included.")


@router.get("", responses=documented(401, 403, 422, 503))
def get_statement(
    filters: Annotated[StatementFilters, Query()], session: OpenSession, caller: CurrentCaller
) -> Statement:
    """What the caller's videos cost; on a server without keys, everybody's."""
    if filters.first_day and filters.last_day and filters.last_day < filters.first_day:
        raise ProblemError(422, "empty_range", f"to: {filters.last_day} is before {filters.first_day}", field="to")
    return make_statement(session, filters.by, Scope(caller.tenant_id, filters.first_day, filters.last_day))
