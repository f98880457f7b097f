"""A lost answer that is held: a person has it asked again, which is the one way to a second bill."""

from __future__ import annotations

from uuid import UUID

from models import OnLostAnswer
from models.operations.texts.decide import decide_held_text
from models.operations.texts.enqueue import TextJobOptions
from reelqueue.states import TextAttemptState, TextState
from tests.support.asked import Asked

HOLD = TextJobOptions(on_lost_answer=OnLostAnswer.HOLD)


def decide(asked: Asked, job_id: UUID, *, ask_again: bool) -> bool:
    """Decide on a held job."""
    with asked.context.sessions.begin() as session:
        return decide_held_text(session, job_id, now=asked.context.clock.now(session), ask_again=ask_again)


def lost(asked: Asked) -> UUID:
    """A job whose answer was billed and lost."""
    job_id = asked.queued(options=HOLD)
    asked.fault("drop", phase="after")
    assert asked.answered(job_id).state is TextState.HELD
    return job_id


def test_a_held_job_is_asked_again_once_for_each_decision(asked: Asked) -> None:
    job_id = lost(asked)

    assert decide(asked, job_id, ask_again=True)
    asked.fault("drop", phase="after")
    assert asked.answered(job_id).state is TextState.HELD
    assert decide(asked, job_id, ask_again=True)
    done = asked.answered(job_id)

    assert (done.state, done.failure_code) == (TextState.SUCCEEDED, None)
    states = [attempt.state for attempt in asked.attempts(job_id)]
    assert states == [TextAttemptState.AMBIGUOUS, TextAttemptState.AMBIGUOUS, TextAttemptState.ANSWERED]
    assert len(asked.charges()) == 3
    assert asked.broken() == []


def test_a_held_job_that_is_given_up_is_never_asked_again(asked: Asked) -> None:
    job_id = lost(asked)

    assert decide(asked, job_id, ask_again=False)
    assert not decide(asked, job_id, ask_again=True)
    ended = asked.answered(job_id)

    assert (ended.state, len(asked.attempts(job_id)), len(asked.charges())) == (TextState.FAILED, 1, 1)
    assert ended.failure_message is not None
    assert asked.broken() == []
