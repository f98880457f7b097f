"""The writer's questions as text jobs of a server: queued, paced, on the statement, and each paid for once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from reelqueue.campaigns.writer.calls import TextAnswer, TextCallError
from reelqueue.cli._output import talk
from reelqueue.client import Client
from reelqueue.errors import TextJobError, WaitTimeoutError
from reelqueue.qwen import FinishReason, TextCost, TextRequest, Usage, build_text
from reelqueue.qwen.settings import read_settings
from reelqueue.schemas.texts import TextJob
from reelqueue.states import FailureClass

_WAIT_SECONDS: Final = 3600.0
_PATIENCE_SECONDS: Final = 60.0
"""Without a call; then the user is told."""
_ROUNDS_MAX: Final = 20
"""Runs that a call may have failed in before; each made a job of its own."""


class QueuedCalls:
    """Asks through a server; thread-safe.

    The idempotency key of a call is made of the campaign, the call's name and a hash of its request, brief included.
    So a command that was killed, and is run again, finds its jobs: those that have an answer, and those under way.
    """

    def __init__(self, client: Client, campaign: str, tell: Callable[[str], None] = talk) -> None:
        """Ask through a server.

        Args:
            client: Of the server.
            campaign: The name of the campaign that is written.
            tell: Gets a word where nothing is asked for a while.
        """
        self._client = client
        self._campaign = campaign
        self._tell = tell
        self._was_told = False

    def most(self, request: TextRequest) -> TextCost | None:
        """The most that a call may cost by the list prices; None where there is none."""
        return build_text(request, read_settings()).max_cost

    def ask(self, name: str, request: TextRequest) -> TextAnswer:
        """The answer to *request*.

        Raises:
            TextCallError: Its job ended without one. Run again, the call is a new job.
            UnavailableError: The server cannot be reached.
            WaitTimeoutError: There was none for an hour; the job goes on.
        """
        digest = hashlib.sha256(f"{self._campaign}\n{name}\n{request.model_dump_json()}".encode()).hexdigest()
        for number in range(_ROUNDS_MAX):
            job = self._client.texts.enqueue(
                request,
                idempotency_key=f"writer-{digest}-{number}",
                custom_id=f"{self._campaign}/{name}"[:256],
                metadata={"written_for": self._campaign},
            )
            is_earlier = job.is_terminal
            try:
                return _answer(self._wait(job))
            except TextJobError as error:
                ended = self._client.texts.get(job.id)
                if not is_earlier:
                    raise _call_error(name, ended, error) from error
        raise TextCallError(name, f"it has failed {_ROUNDS_MAX} times", FailureClass.UNKNOWN)

    def _wait(self, job: TextJob) -> TextJob:
        try:
            return self._client.texts.wait(job.id, _PATIENCE_SECONDS)
        except WaitTimeoutError:
            if not self._was_told and self._client.texts.get(job.id).attempt_count == 0:
                self._was_told = True
                self._tell(
                    f"the server has not asked the model for {_PATIENCE_SECONDS:g} s; its account may have no key or "
                    "be paused: python -m workers doctor, on the server, says why"
                )
        return self._client.texts.wait(job.id, _WAIT_SECONDS)


def _answer(job: TextJob) -> TextAnswer:
    answer = job.answer
    # One that was cut at its most tokens is the beginning of an answer.
    is_whole = answer is not None and answer.finish_reason == FinishReason.STOP
    usage = None
    if answer is not None and answer.usage is not None:
        told = answer.usage
        usage = Usage(
            prompt_tokens=told.prompt_tokens,
            completion_tokens=told.completion_tokens,
            cached_tokens=told.cached_tokens,
            written_tokens=told.written_tokens,
            reasoning_tokens=told.reasoning_tokens,
        )
    return TextAnswer(answer.text if answer is not None and is_whole else "", usage, _cost(job))


def _cost(job: TextJob) -> TextCost | None:
    cost = job.cost
    if cost is None or cost.amount is None or cost.currency is None or cost.priced_on is None:
        return None
    return TextCost(cost.amount, cost.currency, cost.priced_on, cost.is_estimate)


def _call_error(name: str, job: TextJob, error: TextJobError) -> TextCallError:
    failure = job.failure.failure_class if job.failure else None
    return TextCallError(name, f"{error.message} (text job {job.id})", failure or FailureClass.UNKNOWN, _cost(job))
