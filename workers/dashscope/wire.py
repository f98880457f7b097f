"""DashScope's answers, as received, turned into values.

Parsing is tolerant where a strict parser would lose a finished video: padded empty strings, numbers
as strings and missing usage are all met in practice. It is strict about the one thing that money
hangs on, the task id.

Source: Alibaba Cloud Model Studio, "Manage asynchronous tasks" and the video model references, read 2026-11.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any, Final

from reelqueue.errors import ReelqueueError
from reelqueue.states import TaskStatus
from reelqueue.strict_json import read_json

# Times come without a zone and mean Beijing, in every region.
BEIJING: Final = timezone(timedelta(hours=8))

# No clip is longer; a larger number is a mistake, and may be too large for a database.
_DAY_SECONDS: Final = 86_400
_LEAST_SECONDS: Final = Decimal("0.001")
_YEARS: Final = range(2000, 2200)
# More than a time in milliseconds has.
_DIGITS: Final = 20
# It becomes part of a URL path and of log lines, so a hostile or garbled id is no id.
_TASK_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
# Video models; video style transform; image models and their like. The first that is there counts.
_URL_KEYS: Final = ("video_url", "output_video_url", "url")


@dataclass(frozen=True)
class Acceptance:
    """The answer to a submit that created a task."""

    provider_task_id: str
    status: str
    request_id: str | None


@dataclass(frozen=True)
class TaskAnswer:
    """The answer to a query about one task."""

    status: str
    """As received."""
    request_id: str | None = None
    code: str | None = None
    message: str | None = None
    result_url: str | None = None
    orig_prompt: str | None = None
    """The prompt as submitted; echoed once it has succeeded."""
    actual_prompt: str | None = None
    usage: dict[str, Any] | None = None
    billed_seconds: Decimal | None = None
    made_at: datetime | None = None
    """When the provider made it, by its own clock; aware UTC."""
    started_at: datetime | None = None
    """When it got a slot at the provider, aware UTC."""
    ended_at: datetime | None = None
    """When it ended at the provider, aware UTC."""


@dataclass(frozen=True)
class ListedTask:
    """A row of the account's task list."""

    provider_task_id: str
    status: str
    model: str | None
    request_id: str | None
    """Of the submit."""
    created_at: datetime | None = None
    """When the provider made it, by its own clock; aware UTC."""


@dataclass(frozen=True)
class ListPage:
    """A page of the task list, and what it says of the whole."""

    tasks: list[ListedTask]
    page_count: int
    total: int | None
    """Tasks on all pages; None: it does not say."""
    page_size: int | None
    """Tasks on a full page, which may be fewer than were asked for; None: it does not say."""


class UnreadableError(ReelqueueError):
    """A body is not what the provider documents; the message says how."""


def parse_object(body: bytes) -> dict[str, Any]:
    """A JSON object from a body.

    Raises:
        UnreadableError: No JSON, no object, a key twice, or nested too deeply.
    """
    try:
        # NaN is no JSON and no database stores it; what says it is as good as absent.
        parsed = read_json(body, unusual_number=lambda _: None)
    except ValueError as error:
        raise UnreadableError(f"not JSON ({error})") from error
    if not isinstance(parsed, dict):
        raise UnreadableError(f"a JSON {type(parsed).__name__} instead of an object")
    return parsed


def parse_acceptance(answer: Mapping[str, Any]) -> Acceptance:
    """The task that a submit created.

    Raises:
        UnreadableError: There is no usable task id.
    """
    output = _mapping(answer.get("output"))
    return Acceptance(
        provider_task_id=_task_id(output.get("task_id"), "output.task_id"),
        status=_text(output.get("task_status")) or TaskStatus.PENDING,
        request_id=_text(answer.get("request_id")),
    )


def parse_task(answer: Mapping[str, Any]) -> TaskAnswer:
    """What a query said about a task.

    Raises:
        UnreadableError: There is no task status.
    """
    output = _mapping(answer.get("output"))
    status = _text(output.get("task_status"))
    if status is None:
        raise UnreadableError("no output.task_status")
    usage = _scalars(_mapping(answer.get("usage")))
    return TaskAnswer(
        status=status,
        request_id=_text(answer.get("request_id")),
        code=_text(output.get("code")),
        message=_text(output.get("message")),
        result_url=_result_url(output),
        orig_prompt=_text(output.get("orig_prompt")),
        actual_prompt=_text(output.get("actual_prompt")),
        usage=usage or None,
        billed_seconds=_billed_seconds(usage),
        made_at=parse_time(output.get("submit_time")),
        started_at=parse_time(output.get("scheduled_time")),
        ended_at=parse_time(output.get("end_time")),
    )


def _result_url(output: Mapping[str, Any]) -> str | None:
    """The result's URL: in the output itself, or in its ``results``, an object or a list of them, by API."""
    results = output.get("results")
    places = [output, *(map(_mapping, results) if isinstance(results, list) else [_mapping(results)])]
    found = (_text(place.get(key)) for place in places for key in _URL_KEYS)
    return next((url for url in found if url), None)


def parse_listing(answer: Mapping[str, Any]) -> ListPage:
    """A page of the task list.

    Raises:
        UnreadableError: There is no list; an empty one would read like "no such task".
    """
    rows = answer.get("data")
    pages = _count(answer.get("total_page"))
    if not isinstance(rows, list) or pages is None:
        raise UnreadableError("no data or no total_page")
    tasks = [_listed(_mapping(row)) for row in rows]
    return ListPage(tasks, pages, _count(answer.get("total")), _count(answer.get("page_size")))


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _listed(row: Mapping[str, Any]) -> ListedTask:
    return ListedTask(
        provider_task_id=_task_id(row.get("task_id"), "task_id in the list"),
        status=_text(row.get("status")) or TaskStatus.UNKNOWN,
        model=_text(row.get("model_name")),
        request_id=_text(row.get("request_id")),
        created_at=_parse_milliseconds(row.get("gmt_create")),
    )


def _task_id(value: object, place: str) -> str:
    if not isinstance(value, str) or not _TASK_ID.fullmatch(value):
        raise UnreadableError(f"no usable {place}")
    return value


def parse_error(answer: Mapping[str, Any]) -> tuple[str | None, str, str | None]:
    """Code, message and request id of either error envelope: the flat one, or the one under ``error``."""
    inner = _mapping(answer.get("error")) or answer
    code = _text(inner.get("code")) or _text(inner.get("type"))
    return code, _text(inner.get("message")) or "no message", _text(answer.get("request_id"))


def parse_time(value: object) -> datetime | None:
    """A time such as ``2026-10-15 17:38:24.817``, as aware UTC; None for anything that is no time.

    Milliseconds of the epoch, as the list has them, and the dates of HTTP are read as well.
    """
    text = str(value)
    if text.isascii() and text.isdigit():
        return _parse_milliseconds(int(text[:_DIGITS]))
    return _parse_text(text, datetime.fromisoformat, BEIJING) or _parse_text(text, parsedate_to_datetime, BEIJING)


def parse_http_date(value: str | None) -> datetime | None:
    """The date of an HTTP header, as aware UTC; None for anything that is no date."""
    return None if value is None else _parse_text(value, parsedate_to_datetime, UTC)


def _parse_text(text: str, read: Callable[[str], datetime], zone: tzinfo) -> datetime | None:
    try:
        moment = read(text)
        return _plausible((moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def _parse_milliseconds(value: object) -> datetime | None:
    # The list counts milliseconds of the epoch where a query writes Beijing time.
    try:
        return _plausible(datetime.fromtimestamp(value / 1000, UTC)) if isinstance(value, int) else None
    except (ValueError, OverflowError, OSError):
        return None


def _plausible(moment: datetime) -> datetime | None:
    """A time that can be computed with; None for zeros and the ends of the calendar."""
    return moment if moment.year in _YEARS else None


def format_time(moment: datetime) -> str:
    """A moment as the list's ``start_time`` and ``end_time`` want it: ``YYYYMMDDhhmmss``, Beijing time."""
    return moment.astimezone(BEIJING).strftime("%Y%m%d%H%M%S")


def _billed_seconds(usage: Mapping[str, Any]) -> Decimal | None:
    # `duration` since 2.6 (input plus output, the billed number), `video_duration` before it.
    for key in ("duration", "video_duration"):
        try:
            seconds = Decimal(str(usage[key]))
        except (KeyError, InvalidOperation):
            continue
        # Zero is what an answer is padded with as long as nothing is measured.
        if seconds.is_finite() and _LEAST_SECONDS <= seconds <= _DAY_SECONDS:
            return round(seconds, 3)
    return None


def _scalars(usage: Mapping[str, Any]) -> dict[str, Any]:
    """The scalar values of a usage object; every documented one is flat."""
    kept = {_text(key): _text(value) if isinstance(value, str) else value for key, value in usage.items()}
    return {
        key: value
        for key, value in kept.items()
        if key and (isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)))
    }


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    # The official SDK's habit of padding with "" has spread to gateways: empty means absent. NUL
    # and lone surrogates cannot be stored, and no text of ours needs them.
    if not isinstance(value, str) or not value:
        return None
    return value.replace("\x00", "").encode("utf-8", "replace").decode() or None
