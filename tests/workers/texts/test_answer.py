"""A text job at the real simulator: asked once, paid as billed, and no answer where none came whole."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from models import Account, EntryKind, OnLostAnswer, TextAttempt, TextJob
from models.campaign import ensure_campaign
from models.operations.money.budget import Budget, set_budget
from models.operations.texts.cancel import request_text_cancel
from models.operations.texts.enqueue import TextJobOptions
from models.operations.texts.live_answers import LivePiece, connect_async, read_pieces
from models.settings import ServiceSettings
from models.spending_cap import CapPeriod, SpendingCap
from models.tenant import ensure_tenant
from models.text_lane import TextLane
from reelqueue.qwen.answer import Answer, FinishReason, TextDelta
from reelqueue.qwen.client._sync import TextReply
from reelqueue.qwen.errors import TextError, TextRefusedError, TextServerError
from reelqueue.states import FailureClass, TextAttemptState, TextState
from tests.support.asked import MODEL, Asked
from workers.runtime.host_clock import HostClock
from workers.settings import TextSettings
from workers.submission.submit import UPLINK_BYTES_PER_SECOND
from workers.texts.answer import answer_text_job
from workers.texts.claims import Taken, take_text_job
from workers.texts.outcomes import store_answer, store_error

HOLD = TextJobOptions(on_lost_answer=OnLostAnswer.HOLD)


def test_an_answer_is_stored_and_paid_as_it_was_billed(asked: Asked) -> None:
    job = asked.answered(asked.queued("Name a paper boat."))

    (charge,) = asked.charges()
    assert (job.state, job.text, job.finish_reason) == (TextState.SUCCEEDED, "You said: Name a paper boat.", "stop")
    assert (job.cost_amount, job.cost_currency, job.cost_is_estimate) == (Decimal(charge["amount"]), "USD", False)
    assert job.usage is not None
    assert (job.usage["prompt_tokens"], job.request_id) == (charge["prompt_tokens"], charge["request_id"])
    (entry,) = asked.entries()
    assert (entry.kind, entry.amount, entry.job_id) == (EntryKind.SETTLE, job.cost_amount, None)
    assert asked.broken() == []


def test_an_answer_is_shown_while_it_comes_where_its_owner_wants_that(asked: Asked, broker_url: str) -> None:
    shown = asked.queued("Name a paper boat.", options=TextJobOptions(is_streamed=True))
    hidden = asked.queued()
    asked.answered(shown)
    asked.answered(hidden)

    async def read(job_id: UUID) -> list[LivePiece]:
        async with connect_async(broker_url) as connection:
            return (await read_pieces(connection, {job_id: "0-0"}, wait_seconds=0.001)).get(job_id, [])

    first, *pieces, last = asyncio.run(read(shown))
    assert ((first.kind, first.text), (last.kind, last.text)) == (("begin", "1"), ("end", "succeeded"))
    assert {piece.kind for piece in pieces} == {"text"}
    assert "".join(piece.text for piece in pieces) == asked.job(shown).text
    assert asyncio.run(read(hidden)) == []


def test_a_broker_that_is_away_costs_the_live_view_only(asked: Asked) -> None:
    away = ServiceSettings(
        database_url=asked.context.settings.services.database_url,
        archive_url="file:x",
        broker_url=SecretStr("redis://127.0.0.1:1/0"),
    )
    asked.context = replace(asked.context, settings=replace(asked.context.settings, services=away))

    job = asked.answered(asked.queued(options=TextJobOptions(is_streamed=True)))

    assert (job.state, asked.broken()) == (TextState.SUCCEEDED, [])


def test_tool_calls_and_thoughts_are_stored(asked: Asked) -> None:
    tool = {"name": "look", "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}}}

    job = asked.answered(asked.queued("See. [[call=look]]", tools=[tool], enable_thinking=True))

    assert (job.state, job.finish_reason, job.text) == (TextState.SUCCEEDED, "tool_calls", "")
    assert job.tool_calls is not None
    assert job.tool_calls[0]["name"] == "look"
    assert job.reasoning
    assert asked.broken() == []


# A fault that strikes after the answer was made finds it billed.
LOST = [
    ("drop", {"phase": "after"}, True),
    ("drop", {"phase": "before"}, False),
    ("hang", {"phase": "after"}, True),
    ("cut", {"phase": "after"}, True),
    ("stall", {"phase": "after"}, True),
    ("error", {"phase": "after", "status": 500}, True),
    ("error", {"phase": "before", "status": 503}, False),
    ("html", {"phase": "after"}, True),
    ("no-end", {"phase": "after"}, True),
    ("stream-error", {"phase": "after"}, True),
    ("stream-flat-error", {"phase": "after"}, True),
    ("stream-named-error", {"phase": "after"}, True),
    ("error-finish", {"phase": "after"}, True),
]
IDS = [f"{kind} {rest['phase']} {rest.get('status', '')}".strip() for kind, rest, _ in LOST]


@pytest.mark.parametrize(("kind", "rest", "is_billed"), LOST, ids=IDS)
def test_a_lost_answer_is_held_with_the_most_that_it_may_have_cost(
    asked: Asked,
    kind: str,
    rest: dict[str, object],
    is_billed: bool,  # noqa: FBT001
) -> None:
    job_id = asked.queued(options=HOLD)
    asked.fault(kind, **rest)

    job = asked.answered(job_id)

    assert (job.state, job.text, job.finish_reason) == (TextState.HELD, None, None)
    assert (job.cost_amount, job.cost_is_estimate) == (job.estimate_amount, True)
    (attempt,) = asked.attempts(job_id)
    assert attempt.state is TextAttemptState.AMBIGUOUS
    (entry,) = asked.entries()
    assert (entry.kind, entry.amount) == (EntryKind.WRITE_OFF, job.estimate_amount)
    assert len(asked.charges()) == is_billed
    assert asked.broken() == []


def test_a_lost_answer_is_asked_once_more_and_both_are_in_the_ledger(asked: Asked) -> None:
    job_id = asked.queued()
    asked.fault("drop", phase="after")

    assert asked.answered(job_id).state is TextState.QUEUED
    asked_again = asked.answered(job_id)

    assert (asked_again.state, len(asked.charges())) == (TextState.SUCCEEDED, 2)
    states = [attempt.state for attempt in asked.attempts(job_id)]
    assert states == [TextAttemptState.AMBIGUOUS, TextAttemptState.ANSWERED]
    assert [entry.kind for entry in asked.entries()] == [EntryKind.WRITE_OFF, EntryKind.SETTLE]
    assert asked_again.cost_is_estimate
    assert asked.broken() == []


def test_an_answer_that_is_lost_twice_is_not_asked_a_third_time(asked: Asked) -> None:
    job_id = asked.queued()
    asked.fault("drop", phase="after", count=2)

    asked.answered(job_id)
    job = asked.answered(job_id)

    assert (job.state, job.failure_class, job.failure_code) == (TextState.FAILED, FailureClass.PROVIDER, "answer_lost")
    asked.answered(job_id)
    assert len(asked.charges()) == 2
    assert asked.broken() == []


def test_a_lost_answer_whose_usage_came_is_paid_by_it(asked: Asked) -> None:
    job_id = asked.queued(options=HOLD)
    asked.fault("unstreamed", phase="after")

    job = asked.answered(job_id)

    assert (job.state, job.text, job.cost_is_estimate) == (TextState.HELD, None, False)
    assert job.cost_amount == Decimal(asked.charges()[0]["amount"])
    assert [entry.kind for entry in asked.entries()] == [EntryKind.SETTLE]
    assert asked.broken() == []


def test_what_had_come_stays_with_its_attempt(asked: Asked) -> None:
    job_id = asked.queued("Say much. [[long=400]]", options=HOLD)
    asked.fault("no-end", phase="after")

    job = asked.answered(job_id)

    (attempt,) = asked.attempts(job_id)
    assert attempt.partial_text
    assert attempt.partial_text.startswith("wordword")
    assert job.text is None


def test_an_answer_without_usage_is_whole_and_its_cost_an_estimate(asked: Asked) -> None:
    job_id = asked.queued()
    asked.fault("no-stream-usage", phase="after")

    job = asked.answered(job_id)

    assert (job.state, job.usage) == (TextState.SUCCEEDED, None)
    assert (job.cost_amount, job.cost_is_estimate) == (job.estimate_amount, True)
    assert asked.broken() == []


@pytest.mark.parametrize(
    ("prompt", "failure", "is_billed"),
    [
        ("No. [[blocked-input]]", FailureClass.MODERATION, False),
        ("No. [[blocked-output]]", FailureClass.MODERATION, True),
    ],
)
def test_what_moderation_refused_is_never_sent_again(
    asked: Asked,
    prompt: str,
    failure: FailureClass,
    is_billed: bool,  # noqa: FBT001
) -> None:
    job_id = asked.queued(prompt)

    job = asked.answered(job_id)

    assert (job.state, job.failure_class) == (TextState.FAILED, failure)
    asked.answered(job_id)
    assert len(asked.attempts(job_id)) == 1
    assert len(asked.entries()) == len(asked.charges()) == is_billed
    assert asked.broken() == []


def test_a_refused_request_costs_nothing(asked: Asked) -> None:
    job_id = asked.queued()
    asked.fault("error", status=400, code="invalid_parameter_error", message="Range of top_p should be (0.0, 1.0]")

    job = asked.answered(job_id)

    assert (job.state, job.failure_class, job.cost_amount) == (TextState.FAILED, FailureClass.INPUT, None)
    assert "Range of top_p" in (job.failure_message or "")
    assert (asked.entries(), asked.charges(), asked.broken()) == ([], [], [])


@pytest.mark.parametrize(
    ("code", "least_seconds", "pace"),
    [("limit_requests", 0.4, 0.5), ("insufficient_quota", 59, 0.5), ("limit_burst_rate", 0.4, 0.25)],
)
def test_a_throttled_request_waits_and_is_sent_unchanged(
    asked: Asked, code: str, least_seconds: float, pace: float
) -> None:
    job_id = asked.queued()
    asked.fault("error", status=429, code=code)

    job = asked.answered(job_id)

    lane = asked.lane()
    assert (job.state, job.cost_amount, lane.pace_factor) == (TextState.QUEUED, None, pace)
    (attempt,) = asked.attempts(job_id)
    assert attempt.state is TextAttemptState.REFUSED
    assert lane.held_until is not None
    assert attempt.closed_at is not None
    assert (lane.held_until - attempt.closed_at).total_seconds() >= least_seconds
    with asked.context.sessions.begin() as session:  # on a busy machine a hold of half a second is over by now
        session.execute(update(TextLane).values(held_until=TextLane.held_until + timedelta(hours=1)))
    assert "paced" in answer_text_job(asked.context, job_id)
    assert asked.hints.texts[-1].delay_seconds > 0
    assert (asked.entries(), asked.broken()) == ([], [])


def test_calls_that_are_refused_together_slow_the_lane_once(asked: Asked) -> None:
    jobs = [asked.queued() for _ in range(4)]
    taken = [take_text_job(asked.context, jobs[0]) for _ in jobs]
    refusal = TextRefusedError("slow down", failure=FailureClass.THROTTLE, http_status=429, code="limit_requests")

    for one in taken:
        assert isinstance(one, Taken)
        with asked.context.sessions.begin() as session:
            now = asked.context.clock.now(session)
            store_error(session, one.claim, refusal, asked.context.settings, now=now)

    lane = asked.lane()
    assert (lane.pace_factor, lane.refusal_count) == (0.5, 1)
    assert asked.broken() == []


@pytest.mark.parametrize(
    ("status", "code", "is_paused"),
    [(400, "Arrearage", True), (401, "invalid_api_key", True), (403, "Model.AccessDenied", False)],
)
def test_a_refused_account_is_paused_but_a_refused_model_only_waits(
    asked: Asked,
    status: int,
    code: str,
    is_paused: bool,  # noqa: FBT001
) -> None:
    job_id = asked.queued()
    asked.fault("error", status=status, code=code)

    job = asked.answered(job_id)

    assert (job.state, job.failure_class) == (TextState.QUEUED, FailureClass.ACCOUNT)
    with asked.context.sessions() as session:
        account = session.get_one(Account, job.account_id)
        assert (account.paused_at is not None) is is_paused
    answer_text_job(asked.context, job_id)
    assert len(asked.attempts(job_id)) == 1
    assert asked.broken() == []


def test_a_proxys_page_fails_no_job(asked: Asked) -> None:
    job_id = asked.queued()
    asked.fault("gateway-page", status=404)

    assert asked.answered(job_id).state is TextState.QUEUED
    assert asked.broken() == []


def test_what_cannot_be_reached_is_not_sent(asked: Asked) -> None:
    answer_text_job(asked.context, asked.queued())  # makes the account
    job_id = asked.queued()
    with asked.context.sessions.begin() as session:
        session.execute(update(Account).values(base_url="http://127.0.0.1:9"))

    answer_text_job(asked.context, job_id)

    (attempt,) = asked.attempts(job_id)
    assert (attempt.state, asked.job(job_id).state) == (TextAttemptState.NOT_SENT, TextState.QUEUED)
    assert attempt.sent_at is None


def test_a_worker_that_stood_still_does_not_send(asked: Asked) -> None:
    class Frozen(HostClock):
        calls = 0

        def seconds(self) -> float:
            self.calls += 1
            return super().seconds() + (60 if self.calls > 1 else 0)

    asked.context = replace(asked.context, host=Frozen())
    job_id = asked.queued()

    job = asked.answered(job_id)

    (attempt,) = asked.attempts(job_id)
    assert (job.state, attempt.state, attempt.sent_at) == (TextState.QUEUED, TextAttemptState.NOT_SENT, None)
    assert asked.charges() == []


def test_twenty_workers_ask_each_question_once(asked: Asked) -> None:
    jobs = [asked.queued() for _ in range(10)]
    threads = [threading.Thread(target=answer_text_job, args=(asked.context, jobs[0])) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [asked.job(job_id).state for job_id in jobs] == [TextState.SUCCEEDED] * 10
    assert len(asked.charges()) == 10
    assert asked.broken() == []


def test_an_answer_that_comes_after_its_call_was_given_up_is_taken(asked: Asked) -> None:
    job_id = asked.queued(options=HOLD)
    asked.fault("delay", phase="after", seconds=0.5)
    step = threading.Thread(target=answer_text_job, args=(asked.context, job_id))
    step.start()
    wait_until_sent(asked, job_id)
    give_up(asked, job_id)
    assert asked.job(job_id).state is TextState.HELD
    step.join()

    job = asked.job(job_id)

    assert (job.state, job.cost_is_estimate) == (TextState.SUCCEEDED, False)
    assert [entry.kind for entry in asked.entries()] == [EntryKind.WRITE_OFF, EntryKind.SETTLE, EntryKind.WRITE_OFF]
    assert asked.broken() == []


def test_a_late_answer_of_a_job_that_was_cancelled_is_only_paid(asked: Asked) -> None:
    job_id = asked.queued(options=HOLD)
    asked.fault("delay", phase="after", seconds=0.5)
    step = threading.Thread(target=answer_text_job, args=(asked.context, job_id))
    step.start()
    wait_until_sent(asked, job_id)
    give_up(asked, job_id)
    with asked.context.sessions.begin() as session:
        assert request_text_cancel(session, job_id, now=asked.context.clock.now(session))
    step.join()

    job = asked.job(job_id)

    assert (job.state, job.text) == (TextState.CANCELLED, None)
    assert job.cost_amount == Decimal(asked.charges()[0]["amount"])
    assert asked.broken() == []


def test_a_running_job_is_given_up_while_its_answer_comes(asked: Asked) -> None:
    job_id = asked.queued("Say much. [[long=400]]")
    asked.fault("trickle", phase="after", seconds=0.001)
    step = threading.Thread(target=answer_text_job, args=(asked.context, job_id))
    step.start()
    wait_until_sent(asked, job_id)
    with asked.context.sessions.begin() as session:
        now = asked.context.clock.now(session)
        assert request_text_cancel(session, job_id, now=now, abandon_running=True)
    step.join()

    job = asked.job(job_id)

    (attempt,) = asked.attempts(job_id)
    assert (job.state, attempt.state) == (TextState.CANCELLED, TextAttemptState.AMBIGUOUS)
    assert asked.broken() == []


def test_a_budget_pays_for_what_it_covers(asked: Asked) -> None:
    with asked.context.sessions.begin() as session:
        campaign_id = ensure_campaign(session, ensure_tenant(session), "autumn")
    first = asked.queued(campaign_id=campaign_id, max_output_tokens=10)
    second = asked.queued(campaign_id=campaign_id, max_output_tokens=10)
    most = asked.job(first).estimate_amount
    assert most is not None
    with asked.context.sessions.begin() as session:
        set_budget(session, campaign_id, Budget(most, "USD"))

    assert asked.answered(first).state is TextState.SUCCEEDED
    waiting = asked.answered(second)

    assert (waiting.state, waiting.failure_code) == (TextState.QUEUED, "budget_exhausted")
    assert (len(asked.charges()), asked.broken()) == (1, [])


def test_a_cap_above_campaigns_holds_calls_back(asked: Asked) -> None:
    answer_text_job(asked.context, asked.queued())
    with asked.context.sessions.begin() as session:
        session.add(SpendingCap(period=CapPeriod.DAY, amount=Decimal("0.000001"), currency="USD"))
    job_id = asked.queued()

    job = asked.answered(job_id)

    assert (job.state, job.failure_code) == (TextState.QUEUED, "budget_exhausted")
    assert "cap of" in (job.failure_message or "")
    assert (len(asked.charges()), asked.broken()) == (1, [])


def test_a_limit_of_its_own_holds_a_second_call(asked: Asked) -> None:
    limit = asked.answered(asked.queued(max_output_tokens=10)).estimate_amount
    assert limit is not None
    job_id = asked.queued(options=TextJobOptions(max_cost=(limit * Decimal("1.5"), "USD")), max_output_tokens=10)
    asked.fault("drop", phase="after")

    job = asked.answered(job_id)

    assert job.state is TextState.HELD
    assert "its own limit" in (job.failure_message or "")
    assert asked.broken() == []


def test_a_hint_for_what_is_gone_does_nothing(asked: Asked) -> None:
    done = asked.queued()
    asked.answered(done)

    assert "no qwen3.5-flash is due" in answer_text_job(asked.context, done)
    assert "no such text job" in answer_text_job(asked.context, UUID(int=7))
    assert len(asked.charges()) == 1


def test_what_another_model_waits_for_is_not_taken(asked: Asked) -> None:
    other = asked.queued(model="qwen-flash")

    answer_text_job(asked.context, asked.queued())

    assert asked.job(other).state is TextState.QUEUED
    assert MODEL != "qwen-flash"


def wait_until_sent(asked: Asked, job_id: UUID) -> None:
    """Until the call has left."""
    while not [one for one in asked.attempts(job_id) if one.state is TextAttemptState.SENT]:
        threading.Event().wait(0.01)


def give_up(asked: Asked, job_id: UUID) -> None:
    """As the sweep does with a worker that is silent."""
    from workers.sweep.parts import Parts
    from workers.sweep.texts import sweep_texts

    with asked.context.sessions.begin() as session:
        now = asked.context.clock.now(session)
        mine = update(TextAttempt).where(TextAttempt.job_id == job_id, TextAttempt.state == TextAttemptState.SENT)
        session.execute(mine.values(answer_by=now))
        assert session.get_one(TextJob, job_id).state is TextState.RUNNING
    assert sweep_texts(asked.context, Parts()).lost == 1


def test_an_answer_that_begins_late_is_not_believed_lost(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id, begun, events = asked.queued(), list[TextAttempt](), TextReply.events

    def noted(reply: TextReply) -> Iterator[TextDelta]:
        begun.extend(asked.attempts(job_id))
        yield from events(reply)

    monkeypatch.setattr(TextReply, "events", noted)
    asked.fault("delay", phase="after", seconds=0.3)
    job = asked.answered(job_id)

    attempt = begun[0]  # the answer drains the stream once more
    assert attempt.answer_by is not None
    assert attempt.sent_at is not None
    assert attempt.answer_by - attempt.sent_at > timedelta(seconds=asked.context.settings.text.silence_seconds)
    assert job.state is TextState.SUCCEEDED


def test_a_large_question_has_time_to_be_sent(asked: Asked) -> None:
    small, large = asked.queued(options=HOLD), asked.queued("boat " * 40_000, options=HOLD)
    waits = []
    for job_id in small, large:
        asked.fault("drop", phase="after")
        asked.answered(job_id)
        (attempt,) = asked.attempts(job_id)
        assert attempt.answer_by is not None
        assert attempt.sent_at is not None
        waits.append((attempt.answer_by - attempt.sent_at).total_seconds())

    assert waits[1] - waits[0] == pytest.approx(200_000 / UPLINK_BYTES_PER_SECOND, rel=0.01)


@pytest.mark.parametrize(
    ("failure", "status", "kind"),
    [
        (FailureClass.THROTTLE, 429, TextRefusedError),
        (FailureClass.ACCOUNT, 401, TextRefusedError),
        (FailureClass.PROVIDER, 500, TextServerError),
    ],
)
def test_no_character_of_a_refusal_keeps_it_from_being_stored(
    asked: Asked, failure: FailureClass, status: int, kind: type[TextError]
) -> None:
    job_id = asked.queued()
    taken = take_text_job(asked.context, job_id)
    assert isinstance(taken, Taken)
    bad = "a\0b\ud83d"
    error = kind(bad, failure=failure, http_status=status, code=bad, request_id=bad)

    with asked.context.sessions.begin() as session:
        store_error(session, taken.claim, error, asked.context.settings, now=asked.context.clock.now(session))

    (attempt,) = asked.attempts(job_id)
    assert (attempt.error_code, attempt.request_id) == ("a\N{REPLACEMENT CHARACTER}b?",) * 2


def test_no_character_of_an_answer_keeps_it_from_being_stored(asked: Asked) -> None:
    job_id = asked.queued()
    taken = take_text_job(asked.context, job_id)
    assert isinstance(taken, Taken)
    bad = "a\0b\ud83d"
    answer = Answer(bad, bad, bad, (), FinishReason.STOP, None, taken.claim.built.max_cost, bad)

    with asked.context.sessions.begin() as session:
        assert store_answer(session, taken.claim, answer, now=asked.context.clock.now(session))

    assert asked.job(job_id).answered_model == "a\N{REPLACEMENT CHARACTER}b?"


class Outage(HostClock):
    """Postgres goes away when the answer has been read; time passes by waiting for it."""

    def __init__(self, asked: Asked) -> None:
        self.sessions, self.waited_seconds, self.away_seconds = asked.context.sessions, 0.0, 0.0

    def seconds(self) -> float:
        """What passed, and what was waited."""
        return super().seconds() + self.waited_seconds

    def sleep(self, seconds: float) -> None:
        """Wait without waiting."""
        self.waited_seconds += seconds

    def __call__(self) -> Session:
        """A session."""
        return self.sessions()

    def begin(self) -> AbstractContextManager[Session]:
        """A transaction, if Postgres is there."""
        if self.waited_seconds < self.away_seconds:
            raise OperationalError("SELECT 1", None, psycopg.OperationalError("the server is gone"))
        return self.sessions.begin()


def test_an_answer_outlives_a_restart_of_postgres(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id, outage, answer = asked.queued(), Outage(asked), TextReply.answer
    product = asked.context.settings.text.model_copy(
        update={"settle_within_seconds": TextSettings().settle_within_seconds}
    )
    settings = replace(asked.context.settings, text=product)
    context = replace(asked.context, host=outage, sessions=outage, settings=settings)  # type: ignore[arg-type] # as far as the step needs

    def last_word(reply: TextReply) -> Answer:
        outage.away_seconds = 20
        return answer(reply)

    monkeypatch.setattr(TextReply, "answer", last_word)

    answer_text_job(context, job_id)

    assert outage.waited_seconds >= 20
    assert (asked.job(job_id).state, len(asked.charges()), asked.broken()) == (TextState.SUCCEEDED, 1, [])


def test_a_lease_outlasts_silence_and_the_longest_wait_for_postgres() -> None:
    rules = TextSettings()

    assert rules.silence_seconds >= rules.idle_seconds + rules.extend_seconds + rules.settle_within_seconds
    assert rules.settle_within_seconds >= 60


def test_a_call_does_not_leave_after_its_jobs_start_by(asked: Asked) -> None:
    with asked.context.sessions.begin() as session:
        start_by = asked.context.clock.now(session) + timedelta(seconds=5)
    job_id = asked.queued(options=TextJobOptions(start_by=start_by))
    taken = take_text_job(asked.context, job_id)
    assert isinstance(taken, Taken)

    (attempt,) = asked.attempts(job_id)
    assert attempt.send_by == start_by
    assert taken.claim.send_within_seconds <= 5


def test_a_worker_that_was_frozen_past_start_by_sends_nothing(asked: Asked) -> None:
    with asked.context.sessions.begin() as session:
        start_by = asked.context.clock.now(session) + timedelta(seconds=5)
    job_id = asked.queued(options=TextJobOptions(start_by=start_by))

    answer_text_job(replace(asked.context, host=Frozen(6)), job_id)

    assert [attempt.state for attempt in asked.attempts(job_id)] == [TextAttemptState.NOT_SENT]
    assert (asked.charges(), asked.broken()) == ([], [])


class Frozen(HostClock):
    """A worker that was frozen between any two looks at its count."""

    def __init__(self, seconds: float) -> None:
        self._step, self._count = seconds, 0.0

    def seconds(self) -> float:
        """Later each time."""
        self._count += self._step
        return self._count
