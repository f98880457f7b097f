"""What happens while the listing is being asked: other submits, other workers, the answer itself."""

from __future__ import annotations

from reelqueue.states import AttemptState, RenderState
from tests.support.doubts import Doubts, WatchedProvider
from tests.support.jobs import PROMPT
from tests.support.recorded_hints import RecordedHints
from tests.support.rows import Rows
from tests.support.scripted_provider import refused
from tests.support.virtual_clock import VirtualClock
from workers.dashscope import Acceptance, NoAnswerError, RefusedError
from workers.reconciliation.reconcile import reconcile_attempt
from workers.runtime.context import Context
from workers.submission.submit import bind, park, reject
from workers.sweep.sweep import sweep

LATE = Acceptance("late", "PENDING", "of-late")


def test_a_submit_under_way_may_have_made_whatever_is_listed(doubts: Doubts, provider: WatchedProvider) -> None:
    job_id = doubts.ambiguous()
    doubts.in_flight(prompt="another")

    said = doubts.ask(job_id)

    assert "under way" in said
    assert provider.count("list") == 0


def test_a_submit_of_another_model_is_no_matter(doubts: Doubts, rows: Rows) -> None:
    job_id = doubts.ambiguous()
    doubts.in_flight(model="wan2.5-t2v-preview", resolution="832x480")
    doubts.lists(ours=PROMPT)

    doubts.ask(job_id)

    assert rows.state(job_id) is RenderState.RENDERING


def test_a_submit_that_begins_meanwhile_keeps_its_task(doubts: Doubts, provider: WatchedProvider, rows: Rows) -> None:
    job_id = doubts.ambiguous()
    doubts.lists(its=PROMPT)
    provider.during("list", doubts.in_flight)

    doubts.ask(job_id)

    assert rows.tasks(job_id) == []
    assert doubts.attempt(job_id).state is AttemptState.RECONCILING


def test_a_rival_that_is_quicker_keeps_its_task(doubts: Doubts, provider: WatchedProvider, rows: Rows) -> None:
    slow, quick = doubts.ambiguous(), doubts.ambiguous()
    doubts.lists(only=PROMPT)
    provider.during("query", lambda: doubts.ask(quick))

    doubts.ask(slow)

    assert [task.provider_task_id for task in rows.tasks(quick)] == ["only"]
    assert rows.tasks(slow) == []
    assert doubts.attempt(slow).state is AttemptState.RECONCILING


def test_a_message_that_is_early_or_doubled_does_nothing(doubts: Doubts, context: Context) -> None:
    job_id = doubts.ambiguous()
    attempt_id = doubts.attempt(job_id).id

    early = reconcile_attempt(context, attempt_id)
    doubts.ask(job_id)
    doubled = reconcile_attempt(context, attempt_id)

    assert early == doubled == "not due: nothing done"
    assert doubts.attempt(job_id).listing_count == 1


def test_a_message_about_a_settled_attempt_does_nothing(doubts: Doubts, context: Context, rows: Rows) -> None:
    job_id = doubts.ambiguous()
    doubts.lists(ours=PROMPT)
    doubts.ask(job_id)

    reconcile_attempt(context, doubts.attempt(job_id).id)

    assert len(rows.tasks(job_id)) == 1
    assert rows.path(job_id)[-1] == "rendering"


def test_two_workers_on_one_question_settle_it_once(doubts: Doubts, provider: WatchedProvider, rows: Rows) -> None:
    job_id = doubts.ambiguous()
    doubts.lists(ours=PROMPT)
    provider.during("list", lambda: doubts.ask(job_id))  # the first took longer than its question was reserved

    said = doubts.ask(job_id)

    assert said == "settled meanwhile: nothing done"
    assert rows.path(job_id).count("rendering") == 1


def test_two_workers_rule_a_task_out_once(doubts: Doubts, provider: WatchedProvider, rows: Rows) -> None:
    job_id = doubts.ambiguous()
    while doubts.attempt(job_id).first_absent_at is None:
        doubts.ask(job_id)
    provider.during("list", lambda: doubts.ask(job_id))

    doubts.ask(job_id)

    assert rows.path(job_id).count("queued") == 2


def test_the_answer_itself_wins_over_the_question(doubts: Doubts, context: Context, rows: Rows) -> None:
    claim = doubts.in_flight()
    _believe_dead(doubts, context)

    bind(context, claim, LATE)

    assert doubts.attempt(claim.job_id).state is AttemptState.BOUND
    assert rows.state(claim.job_id) is RenderState.RENDERING
    assert doubts.attempt(claim.job_id).reconcile_at is None


def test_an_answer_that_comes_while_the_listing_is_asked_stays(
    doubts: Doubts, context: Context, provider: WatchedProvider, rows: Rows
) -> None:
    claim = doubts.in_flight()
    _believe_dead(doubts, context)
    while doubts.attempt(claim.job_id).first_absent_at is None:
        doubts.ask(claim.job_id)
    provider.during("list", lambda: bind(context, claim, LATE))

    said = doubts.ask(claim.job_id)  # would rule the task out

    assert said == "settled meanwhile: nothing done"
    assert doubts.attempt(claim.job_id).state is AttemptState.BOUND
    assert rows.state(claim.job_id) is RenderState.RENDERING


def test_an_answer_to_what_was_adopted_changes_nothing(doubts: Doubts, context: Context, rows: Rows) -> None:
    claim = doubts.in_flight()
    _believe_dead(doubts, context)
    doubts.lists(late=PROMPT)
    doubts.ask(claim.job_id)
    before = rows.job(claim.job_id).next_poll_at

    bind(context, claim, LATE)

    assert doubts.attempt(claim.job_id).state is AttemptState.ADOPTED
    assert rows.job(claim.job_id).next_poll_at == before
    assert rows.path(claim.job_id).count("rendering") == 1


def test_a_late_refusal_settles_the_question(doubts: Doubts, context: Context, rows: Rows) -> None:
    claim = doubts.in_flight()
    _believe_dead(doubts, context)

    reject(context, claim, RefusedError("no", http_status=400, code="InvalidParameter"))

    assert doubts.attempt(claim.job_id).state is AttemptState.REJECTED
    assert doubts.attempt(claim.job_id).reconcile_at is None
    assert rows.state(claim.job_id) is RenderState.FAILED


def test_a_late_loss_of_the_answer_opens_nothing_again(doubts: Doubts, context: Context, rows: Rows) -> None:
    claim = doubts.in_flight()
    _believe_dead(doubts, context)
    doubts.lists(late=PROMPT)
    doubts.ask(claim.job_id)

    park(context, claim, NoAnswerError("cut"))

    assert doubts.attempt(claim.job_id).state is AttemptState.ADOPTED
    assert rows.events(claim.job_id, "ambiguous")[1:] == []


def test_a_late_refusal_of_a_ruled_out_attempt_moves_nothing(doubts: Doubts, context: Context, rows: Rows) -> None:
    claim = doubts.in_flight()
    _believe_dead(doubts, context)
    doubts.ask_until_absent(claim.job_id)

    reject(context, claim, RefusedError("no", http_status=400, code="InvalidParameter"))

    assert doubts.attempt(claim.job_id).state is AttemptState.NOT_CREATED
    assert rows.state(claim.job_id) is RenderState.QUEUED


def test_a_late_loss_brings_its_request_id_to_the_question(doubts: Doubts, context: Context) -> None:
    claim = doubts.in_flight()
    _believe_dead(doubts, context)
    doubts.lists("ours")

    park(context, claim, NoAnswerError("garbled", http_status=200, request_id="of-ours"))
    doubts.ask(claim.job_id)

    assert doubts.attempt(claim.job_id).state is AttemptState.ADOPTED


def test_an_id_that_another_attempt_has_is_no_answer(doubts: Doubts, context: Context, rows: Rows) -> None:
    first = doubts.in_flight()
    bind(context, first, LATE)
    second = doubts.in_flight()

    bind(context, second, LATE)

    assert [task.job_id for task in rows.tasks(first.job_id)] == [first.job_id]
    assert doubts.attempt(second.job_id).state is AttemptState.AMBIGUOUS
    assert doubts.attempt(second.job_id).request_id == "of-late"


def test_the_sweep_asks_what_is_due(
    doubts: Doubts, context: Context, hints: RecordedHints, clock: VirtualClock
) -> None:
    job_id = doubts.ambiguous(refused(500, "InternalError"))

    sweep(context)
    assert hints.questions == []
    clock.advance(5)
    sweep(context)

    assert hints.questions == [doubts.attempt(job_id).id]


def _believe_dead(doubts: Doubts, context: Context) -> None:
    """Let the sweep find a submit that is silent for too long."""
    doubts.jobs.clock.advance(41)
    assert sweep(context).ambiguous == 1
