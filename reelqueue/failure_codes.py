"""Reelqueue's own failure codes, as stored, shown, and filtered by ``--code``.

A job's ``failure_code`` holds one of these or the provider's code as it was received.
"""

from __future__ import annotations

from enum import StrEnum


class FailureCode(StrEnum):
    """Why a job ended without the provider's saying so; the values are a public contract."""

    SUPERSEDED = "superseded"
    """Queued when its row was changed, and cancelled for it."""
    PREDECESSOR_FAILED = "predecessor_failed"
    """It begins with the last frame of a job that did not succeed."""
    CAMPAIGN_CANCELLED = "campaign_cancelled"
    """Queued when its campaign was cancelled."""
    BUDGET_EXHAUSTED = "budget_exhausted"
    """The rest of its campaign's budget does not cover it."""
    NO_FIRST_FRAME = "no_first_frame"
    """The last frame that it begins with is not in the archive."""
    QUARANTINED = "Quarantined"
    """It ended several workers in a row."""
    MODEL_ENDED = "model_ended"
    """The provider has taken its model away: the announced end has passed, and its list names it no more."""
    NOT_DASHSCOPE = "not_dashscope"
    """What answered at its account's address is not the provider."""
    ANSWER_LOST = "answer_lost"
    """A call to a language model was sent and gave no whole answer; it may be billed."""
    WORKER_DIED = "worker_died"
    """The worker ended before the call to a language model left; nothing is billed."""
    BATCH_ABSENT = "batch_absent"
    """The provider's list has proven twice that the batch of a text job was not made; nothing is billed."""
    BATCH_LOST = "batch_lost"
    """What became of the batch of a text job cannot be found out; it may be billed."""
    BATCH_REFUSED = "batch_refused"
    """The provider refused the batch of a text job; nothing is billed."""
    WITHDRAWN = "withdrawn"
    """It was taken out of a batch before that was sent; nothing is billed."""
    COST_ABOVE_LIMIT = "cost_above_limit"
    """What a text job may cost is above its own limit."""
    NO_PRICE = "no_price"
    """No price is known for the model, and a budget or a limit must hold."""
