"""Following a batch at the provider: polling it until it is over, then reading its results line by line.

A line is stored by the id of its attempt, and one that has its outcome keeps it; so files are read again from the
beginning after a crash, and nothing is counted twice. Files with fewer answers than the batch counts are cut, or not
written yet: they are read again, and kept. What is in no whole file of a batch that is over may be billed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import IO
from uuid import UUID

import structlog
from sqlalchemy import exists, select

from models.base import among
from models.campaign import Campaign
from models.text_attempt import TextAttempt
from models.text_job import TextJob
from reelqueue.errors import InvalidRequestError
from reelqueue.failure_codes import FailureCode
from reelqueue.qwen.batch.client import QwenBatches
from reelqueue.qwen.batch.client import TextBatch as ProviderBatch
from reelqueue.qwen.batch.questions import batch_question
from reelqueue.qwen.batch.results import is_answered, read_line, result_of
from reelqueue.qwen.errors import TextError, TextNoAnswerError, TextRefusedError, TextUnreadableError
from reelqueue.qwen.request import parse_text_request
from reelqueue.states import OPEN_TEXT_ATTEMPT, FailureClass, TextBatchState
from workers.batches.lines import AT_ONCE, Result, close_lines, open_lines, open_lines_of
from workers.batches.rows import KeptFile, Step, is_hopeless, keep_step
from workers.failpoints import Failpoint, failpoint
from workers.runtime.context import Context
from workers.texts.decisions import Reason
from workers.texts.outcomes import storable

log = structlog.get_logger(__name__)


def follow_batch(context: Context, step: Step) -> str:
    """Ask for a batch, and read its results if it is over."""
    batch = step.batch
    with QwenBatches(step.settings) as client:
        try:
            if batch.cancel_sent_at is None and _is_unwanted(context, step):
                _cancel(context, step, client)
            seen = client.get(str(batch.provider_batch_id))
            if not seen.is_over:
                return _wait(context, step, seen)
            return _read(context, step, client, seen)
        except TextError as error:
            return _failed(context, step, error)


def _is_unwanted(context: Context, step: Step) -> bool:
    """Whether no job of the batch is wanted any more."""
    wanted = (
        open_lines_of(step.id)
        .join(TextJob, TextJob.id == TextAttempt.job_id)
        .join(Campaign, Campaign.id == TextJob.campaign_id)
        .where(TextJob.cancel_requested_at.is_(None), Campaign.cancelled_at.is_(None))
    )
    with context.sessions() as session:
        return not session.scalars(select(exists(wanted))).one()


def _cancel(context: Context, step: Step, client: QwenBatches) -> None:
    """Ask the provider to begin no more lines; those that it had answered are billed, and kept."""
    with suppress(TextRefusedError):  # it is over
        client.cancel(str(step.batch.provider_batch_id))
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        lease = context.settings.batch.lease_seconds
        step.write(session, now=now, delay_seconds=lease, cancel_sent_at=now)


def _wait(context: Context, step: Step, seen: ProviderBatch) -> str:
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        step.write(
            session,
            now=now,
            delay_seconds=context.settings.batch.poll_seconds,
            provider_status=storable(seen.status),
            problem=None,
            problem_count=0,
        )
    return f"{seen.status} {seen.completed}/{seen.total}"


def _failed(context: Context, step: Step, error: TextError) -> str:
    """Ask again later; what cannot be found out for days may be billed."""
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        if is_hopeless(step.batch, context.settings.batch, now):
            message = f"what became of its batch is not known: {error}"
            step.write(
                session,
                now=now,
                state=TextBatchState.RELEASING,
                error_class=FailureClass.PROVIDER,
                error_code=FailureCode.BATCH_LOST,
                error_message=storable(message)[:500],
            )
            return f"lost: {error}"
    return step.later(context, str(error))


def _read(context: Context, step: Step, client: QwenBatches, seen: ProviderBatch) -> str:
    """Store every line's outcome, and close the batch."""
    count = 0
    if open_lines(context, step.id, limit=1):
        with KeptFile(context, step) as file:
            for file_id in seen.result_file_ids:
                client.read_file(file_id, file)
                file.write(b"\n")
            failpoint(Failpoint.BATCH_READ)
            count, answered = _close_read(context, step, file)
        if open_lines(context, step.id, limit=1):
            if answered < seen.completed:
                raise TextUnreadableError(f"its files have {answered} of {seen.completed} answers")
            _close_rest(context, step, seen)
    failpoint(Failpoint.BATCH_CLOSED)
    for file_id in filter(None, (*seen.result_file_ids, seen.input_file_id)):
        with suppress(TextError):  # the provider keeps it then: a file too many, and no harm
            client.delete_file(file_id)
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        step.write(
            session,
            now=now,
            state=TextBatchState.CLOSED,
            closed_at=now,
            provider_status=storable(seen.status),
            problem=None,
            problem_count=0,
        )
    log.info("text_batch.closed", batch_id=str(step.id), status=seen.status, lines=count)
    return f"{seen.status}: closed with {seen.completed} answers of {seen.total}"


def _close_read(context: Context, step: Step, file: IO[bytes]) -> tuple[int, int]:
    """Close the lines that are in the result files; gives how many, and how many answers the files have."""
    count = 0
    answered: set[UUID] = set()
    file.seek(0)
    for chunk in _chunks(file):
        answered |= {attempt_id for attempt_id, line in chunk.items() if is_answered(line)}
        count += close_lines(context, _results(context, step, chunk))
        keep_step(context, step)
    return count, len(answered)


def _chunks(file: Iterable[bytes]) -> Iterator[dict[UUID, Mapping[str, object]]]:
    """Lines of the result files, some at a time, by the attempt that each is about."""
    chunk: dict[UUID, Mapping[str, object]] = {}
    for row in file:
        custom_id, line = read_line(row)
        attempt_id = _uuid(custom_id)
        if attempt_id is None:
            continue
        chunk.setdefault(attempt_id, line)
        if len(chunk) == AT_ONCE:
            yield chunk
            chunk = {}
    if chunk:
        yield chunk


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def _results(context: Context, step: Step, chunk: Mapping[UUID, Mapping[str, object]]) -> dict[UUID, Result]:
    """What lines say; those of no open attempt of this batch are left out."""
    results: dict[UUID, Result] = {}
    with context.sessions() as session:
        mine = select(TextAttempt.id, TextJob.request).join(TextJob, TextJob.id == TextAttempt.job_id)
        is_open = TextAttempt.batch_id == step.id, TextAttempt.state.in_(OPEN_TEXT_ATTEMPT)
        rows = session.execute(mine.where(among(TextAttempt.id, chunk), *is_open)).all()
    for attempt_id, request in rows:
        try:
            question = batch_question(str(attempt_id), parse_text_request(request), step.settings)
        except InvalidRequestError as error:  # another version of this program sent it
            results[attempt_id] = TextNoAnswerError(f"its answer cannot be read: {error}")
            continue
        found = result_of(question, chunk[attempt_id], step.settings)
        outcome = found.answer or found.error
        if outcome is not None:
            results[attempt_id] = outcome
    return results


def _close_rest(context: Context, step: Step, seen: ProviderBatch) -> None:
    """Close the lines that are in no file: free where the provider refused or never read the file."""
    refused: Mapping[UUID, Result] = {}
    rest: Result = TextNoAnswerError(f"its batch is {seen.status}, and it is in no result file")
    if seen.status == "failed":
        refused = _refused_lines(context, step, seen)
        rest = Reason(FailureClass.PROVIDER, FailureCode.BATCH_REFUSED, f"its batch was refused: {_said(seen)}")
    elif seen.is_unread:
        # Named as the provider names the lines of one that it has read.
        why = f"its batch is {seen.status}, and its file was never read"
        rest = Reason(FailureClass.PROVIDER, f"batch_{seen.status}", why)
    while found := open_lines(context, step.id):
        close_lines(context, {attempt_id: refused.get(attempt_id, rest) for attempt_id in found})
        keep_step(context, step)


def _refused_lines(context: Context, step: Step, seen: ProviderBatch) -> dict[UUID, TextRefusedError]:
    """The lines that the provider named when it refused the file."""
    errors = [document for text in seen.errors if isinstance(document := json.loads(text), dict)]
    named = {error["line"]: error for error in errors if isinstance(error.get("line"), int)}
    if not named:
        return {}
    with context.sessions() as session:
        # The file had them in this order, and none of them was closed since.
        ids = session.scalars(open_lines_of(step.id)).all()
    return {
        attempt_id: TextRefusedError(str(named[number].get("message")), failure=FailureClass.INPUT,
                                     code=str(named[number].get("code")))
        for number, attempt_id in enumerate(ids, 1)
        if number in named
    }  # fmt: skip


def _said(seen: ProviderBatch) -> str:
    return "; ".join(seen.errors[:3]) or "without a word"
