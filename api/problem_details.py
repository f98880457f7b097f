"""Errors as RFC 9457 problem details: one shape for every refusal of the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from psycopg.errors import IdleInTransactionSessionTimeout
from pydantic import BaseModel, Field
from sqlalchemy import exc
from starlette.exceptions import HTTPException

from api.request_ids import current_request_id
from models.operations.jobs.enqueue import IdempotencyConflictError
from models.storage import StorageError
from reelqueue.errors import InvalidRequestError, ReelqueueError

log = structlog.get_logger(__name__)

MEDIA_TYPE: Final = "application/problem+json"

RETRY_AFTER_SECONDS: Final = 2
"""When a caller of an unavailable API is asked to come back."""


class JobProblem(BaseModel):
    """What is wrong with one job of a batch."""

    index: int = Field(description="Its place in `jobs`, from 0.")
    code: str = Field(description="As the same job gets it by itself.")
    detail: str = Field(description="What was seen and what to do, human-readable.")
    field: str | None = Field(default=None, description="The option at fault, where it is one.")


class Problem(BaseModel):
    """Why a call was refused, as RFC 9457 lays it out."""

    type: str = Field(default="about:blank", description="Always `about:blank`: `code` tells problems apart.")
    title: str = Field(description="The HTTP status in words.")
    status: int = Field(description="The HTTP status.")
    code: str = Field(description="Stable word for programs.")
    detail: str = Field(description="What was seen and what to do, human-readable.")
    field: str | None = Field(default=None, description="The option or parameter at fault, where it is one.")
    errors: list[JobProblem] | None = Field(
        default=None, description="Of a batch of jobs: what is wrong with each that cannot be rendered, the first 100."
    )
    request_id: str | None = Field(
        default=None, description="The call's `X-Request-Id`, by which an operator finds it in the log."
    )


class ProblemError(ReelqueueError):
    """A call that the API refuses."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[JobProblem] | None = None,
    ) -> None:
        super().__init__(status, code, detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.field = field
        self.headers = headers
        self.errors = errors

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.detail}"


class PageError(ReelqueueError):
    """A refusal that is told to a person with a browser, as a page."""

    def __init__(self, page: Response) -> None:
        super().__init__(page)
        self.page = page

    def __str__(self) -> str:
        return f"answered with a page ({self.page.status_code})"


def install(app: FastAPI, *, methods_at: Callable[[str], list[str]]) -> None:
    """Let *app* answer every error as a problem.

    Args:
        app: The app.
        methods_at: The methods that a path takes, for the answer to any other.
    """

    def answer(request: Request, error: HTTPException) -> JSONResponse:
        return _http(error, methods_at(request.url.path))

    app.exception_handler(ProblemError)(_refused)
    app.exception_handler(PageError)(_page)
    app.exception_handler(InvalidRequestError)(_invalid_request)
    app.exception_handler(IdempotencyConflictError)(_conflict)
    app.exception_handler(RequestValidationError)(_invalid_parameter)
    app.exception_handler(HTTPException)(answer)
    for error in (exc.OperationalError, exc.InterfaceError, exc.TimeoutError):
        app.exception_handler(error)(_database_down)
    app.exception_handler(exc.InternalError)(_database_ended_it)
    app.exception_handler(StorageError)(_archive_down)
    app.exception_handler(Exception)(_bug)


def problem_response(
    status: int,
    code: str,
    detail: str,
    *,
    field: str | None = None,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[JobProblem] | None = None,
) -> JSONResponse:
    """The answer that refuses a call."""
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
        field=field,
        errors=None if errors is None else list(errors),
        request_id=current_request_id(),
    )
    return JSONResponse(problem.model_dump(exclude_none=True), status, headers, media_type=MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's ``responses`` for the problems that an operation may answer with."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: schema}} for status in statuses}


def _refused(_request: Request, error: ProblemError) -> JSONResponse:
    return problem_response(
        error.status, error.code, error.detail, field=error.field, headers=error.headers, errors=error.errors
    )


def _page(_request: Request, error: PageError) -> Response:
    return error.page


def _invalid_request(_request: Request, error: InvalidRequestError) -> JSONResponse:
    return problem_response(422, error.code, error.message, field=error.field)


def _conflict(_request: Request, error: IdempotencyConflictError) -> JSONResponse:
    return problem_response(409, "idempotency_key_reused", str(error), field="Idempotency-Key")


def _invalid_parameter(_request: Request, error: RequestValidationError) -> JSONResponse:
    first = error.errors()[0]
    place, *path = map(str, first["loc"])
    name = ".".join(path)
    return problem_response(422, "invalid_parameter", f"{place} parameter {name}: {first['msg']}", field=name)


def _archive_down(request: Request, error: StorageError) -> JSONResponse:
    log.error("archive.unavailable", path=request.url.path, error=str(error))
    detail = "the archive does not give files now; try again"
    return problem_response(503, "archive_unavailable", detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def _http(error: HTTPException, methods: list[str]) -> JSONResponse:
    phrase = HTTPStatus(error.status_code).phrase
    code = phrase.lower().replace(" ", "_")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and methods:
        allowed = ", ".join(methods)
        return problem_response(405, code, f"this path takes {allowed}", headers={"Allow": allowed})
    return problem_response(error.status_code, code, str(error.detail), headers=error.headers)


def _database_down(request: Request, error: exc.SQLAlchemyError) -> JSONResponse:
    # The driver's own words: SQLAlchemy's would quote the statement, and so a prompt.
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    log.error("database.unavailable", path=request.url.path, error=str(cause))
    return problem_response(
        503,
        "database_unavailable",
        "the database does not answer, so it is not certain that anything was read or stored; try again, "
        "with the same Idempotency-Key where one was sent",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def _database_ended_it(request: Request, error: exc.InternalError) -> JSONResponse:
    """An API that is too busy to go on with a transaction in time loses it: no bug, and worth another try."""
    if isinstance(error.orig, IdleInTransactionSessionTimeout):
        return _database_down(request, error)
    raise error


def _bug(_request: Request, _error: Exception) -> JSONResponse:
    # Starlette raises the error again after this answer, and uvicorn logs its traceback.
    return problem_response(500, "internal_error", "the server hit a fault of its own; its log has the details")
