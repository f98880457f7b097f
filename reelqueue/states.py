"""The states of a render job, of a text job and of their attempts, and the moves between them.

This is the only file that spells a state. The provider's raw word (PENDING, RUNNING, …) is stored
beside our state as received, and never mixed with it.

::

    queued ─► admitted ─► submitting ─► rendering ─► archiving ─► succeeded
      │ │        │ │        │  │  │        │  │  │        │
      │ │        │ │        │  │  │        │  │  │        └─► failed
      │ │        │ │        │  │  │        │  │  └─► timed_out ─► succeeded (collected late)
      │ │        │ │        │  │  │        │  └─► cancelling ─► cancelled | archiving | …
      │ │        │ │        │  │  │        ├─► failed | moderated | lost | cancelled
      │ │        │ │        │  │  │        └─► queued (the provider's own fault, not billed)
      │ │        │ │        │  │  └─► needs_review ─► rendering | queued | failed | moderated
      │ │        │ │        │  └─► failed | moderated
      │ │        │ │        └─► queued (provably not created)
      └─┴────────┴─┴─► cancelled | expired

    submitting | rendering | cancelling | archiving ─► needs_review ─► queued | rendering | archiving
    lost ─► succeeded (collected late)

A text job::

    queued ─► running ─► succeeded | failed | cancelled
      │ │      │   └─► held ─► queued | failed | cancelled | succeeded (its answer came late)
      │ │      └─► queued (not sent, throttled, or asked once more) ─► succeeded (its answer came late)
      └─┴─► failed | cancelled | expired
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class RenderState(StrEnum):
    """State of a render job."""

    QUEUED = "queued"
    """Stored; waits for a free slot."""
    ADMITTED = "admitted"
    """Holds a slot; waits for a submit worker."""
    SUBMITTING = "submitting"
    """A worker has claimed it; the paid POST may be on its way."""
    RENDERING = "rendering"
    """The provider has accepted it and told us its task id."""
    ARCHIVING = "archiving"
    """Rendered; the file is being fetched before its URL expires."""
    SUCCEEDED = "succeeded"
    """The file is in our storage."""
    FAILED = "failed"
    """It cannot succeed; class, code and message say why."""
    MODERATED = "moderated"
    """The provider's content filter refused the input or the output."""
    TIMED_OUT = "timed_out"
    """Its deadline passed; a slow watch may still collect the paid video."""
    CANCELLING = "cancelling"
    """A person stopped it; the provider has not answered for it yet."""
    CANCELLED = "cancelled"
    """A person stopped it."""
    EXPIRED = "expired"
    """Its ``start_by`` passed before it was submitted."""
    LOST = "lost"
    """The provider does not know the task; should its list show a result after all, that is collected."""
    NEEDS_REVIEW = "needs_review"
    """It cannot be proved which paid task is its own, or its processing ends its workers; a person decides."""


class AttemptState(StrEnum):
    """State of one attempt: a POST to the provider."""

    INTENT = "intent"
    """Committed; no byte has left."""
    SENT = "sent"
    """Committed as about to leave; the provider may have it."""
    BOUND = "bound"
    """The provider's task id is stored."""
    REJECTED = "rejected"
    """Provably not created."""
    AMBIGUOUS = "ambiguous"
    """Sent; it is unknown whether the provider created a task."""
    RECONCILING = "reconciling"
    """The provider's listing is being asked."""
    ADOPTED = "adopted"
    """Found in the listing, and bound."""
    NOT_CREATED = "not_created"
    """Absent from the listings."""
    UNRESOLVED = "unresolved"
    """The listings could not tell."""


class TextState(StrEnum):
    """State of a text job: one question to a language model."""

    QUEUED = "queued"
    """Stored; waits for its turn."""
    RUNNING = "running"
    """A worker has claimed it; the paid POST may be on its way."""
    HELD = "held"
    """Its answer was lost and may be billed; a person decides whether it is asked again."""
    SUCCEEDED = "succeeded"
    """It has a whole answer."""
    FAILED = "failed"
    """It has none, and is not asked again; class, code and message say why."""
    CANCELLED = "cancelled"
    """A person stopped it."""
    EXPIRED = "expired"
    """Its ``start_by`` passed before it was sent."""


class TextAttemptState(StrEnum):
    """State of one attempt of a text job: a POST to a language model."""

    INTENT = "intent"
    """Committed; no byte has left."""
    SENT = "sent"
    """Committed as about to leave; the provider may have it, and bill it."""
    ANSWERED = "answered"
    """A whole answer came."""
    REFUSED = "refused"
    """Refused by the provider; not billed."""
    NOT_SENT = "not_sent"
    """Provably not sent."""
    AMBIGUOUS = "ambiguous"
    """Sent, and no whole answer came; it may be billed, and cannot be looked up."""


class TextBatchState(StrEnum):
    """State of a batch: text jobs that are sent to the provider as one file."""

    GATHERED = "gathered"
    """Its jobs are claimed; its file may have been uploaded, which is free."""
    CREATING = "creating"
    """Committed as about to be made at the provider; from here on it may be billed."""
    AMBIGUOUS = "ambiguous"
    """The answer was lost; the provider's list is asked whether it exists."""
    RUNNING = "running"
    """It exists at the provider and is polled, and its results are read."""
    RELEASING = "releasing"
    """It does not exist at the provider, or cannot be read; its jobs are released."""
    CLOSED = "closed"
    """Every job of it has its outcome."""


class TaskStatus(StrEnum):
    """The provider's words for its task that we act on; any other word is not final."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    UNKNOWN = "UNKNOWN"


class FailureClass(StrEnum):
    """Why a render job failed, by what its owner can do about it."""

    INPUT = "input"
    """The request must be changed."""
    MODERATION = "moderation"
    """The content filter refused it."""
    ACCOUNT = "account"
    """The provider account needs a person (money, key, access)."""
    THROTTLE = "throttle"
    """Too fast; tried again by itself."""
    PROVIDER = "provider"
    """The provider failed; a new attempt may work."""
    RESULT = "result"
    """Rendered, but the file could not be fetched."""
    POISON = "poison"
    """Its processing ended the workers that had it in hand; a person looks."""
    UNKNOWN = "unknown"
    """A code that is in no table of ours."""


TERMINAL: Final = frozenset(
    {
        RenderState.SUCCEEDED,
        RenderState.FAILED,
        RenderState.MODERATED,
        RenderState.TIMED_OUT,
        RenderState.CANCELLED,
        RenderState.EXPIRED,
        RenderState.LOST,
    }
)
"""States in which a waiter is told the outcome. Only those of :data:`COLLECTABLE` may still move."""

COLLECTABLE: Final = frozenset({RenderState.TIMED_OUT, RenderState.LOST})
"""Terminal states that a result which turns up late still ends as ``succeeded``."""

UNSUBMITTED: Final = (RenderState.QUEUED, RenderState.CANCELLED, RenderState.EXPIRED)
"""States of clips that do not use up a canary."""

UNSENT: Final = frozenset({RenderState.QUEUED, RenderState.ADMITTED})
"""States of a job for which nothing was sent, or what was sent is over."""

SLOTLESS: Final = frozenset(
    {
        RenderState.QUEUED,
        RenderState.ARCHIVING,
        RenderState.SUCCEEDED,
        RenderState.FAILED,
        RenderState.MODERATED,
        RenderState.EXPIRED,
        RenderState.LOST,
    }
)
"""States without a slot: no task of the job may still run at the provider."""

UNBILLED: Final = frozenset({TaskStatus.FAILED, TaskStatus.CANCELED})
"""Ends of a provider's task that cost nothing."""

OPEN_ATTEMPT: Final = frozenset(
    {AttemptState.INTENT, AttemptState.SENT, AttemptState.AMBIGUOUS, AttemptState.RECONCILING}
)
"""Attempts that may still become a paid task; a job has at most one."""

_S = RenderState

MOVES: Final = MappingProxyType(
    {
        _S.QUEUED: frozenset({_S.ADMITTED, _S.CANCELLED, _S.EXPIRED}),
        _S.ADMITTED: frozenset({_S.SUBMITTING, _S.QUEUED, _S.CANCELLED, _S.EXPIRED}),
        _S.SUBMITTING: frozenset({_S.RENDERING, _S.QUEUED, _S.FAILED, _S.MODERATED, _S.NEEDS_REVIEW}),
        _S.RENDERING: frozenset(
            {
                *(_S.ARCHIVING, _S.QUEUED, _S.FAILED, _S.MODERATED, _S.TIMED_OUT, _S.CANCELLING, _S.CANCELLED),
                *(_S.LOST, _S.NEEDS_REVIEW),
            }
        ),
        _S.CANCELLING: frozenset(
            {_S.CANCELLED, _S.ARCHIVING, _S.FAILED, _S.MODERATED, _S.TIMED_OUT, _S.LOST, _S.NEEDS_REVIEW}
        ),
        _S.ARCHIVING: frozenset({_S.SUCCEEDED, _S.FAILED, _S.NEEDS_REVIEW}),
        _S.TIMED_OUT: frozenset({_S.SUCCEEDED}),
        _S.NEEDS_REVIEW: frozenset({_S.RENDERING, _S.ARCHIVING, _S.QUEUED, _S.FAILED, _S.MODERATED}),
        _S.SUCCEEDED: frozenset(),
        _S.FAILED: frozenset(),
        _S.MODERATED: frozenset(),
        _S.CANCELLED: frozenset(),
        _S.EXPIRED: frozenset(),
        _S.LOST: frozenset({_S.SUCCEEDED}),
    }
)
"""Every allowed move of a render job; all others are bugs."""

TEXT_TERMINAL: Final = frozenset({TextState.SUCCEEDED, TextState.FAILED, TextState.CANCELLED, TextState.EXPIRED})
"""States of a text job that it never leaves."""

OPEN_TEXT_ATTEMPT: Final = frozenset({TextAttemptState.INTENT, TextAttemptState.SENT})
"""Attempts whose outcome is not known yet; a text job has at most one, and its money is reserved."""

_T = TextState

TEXT_MOVES: Final = MappingProxyType(
    {
        _T.QUEUED: frozenset({_T.RUNNING, _T.SUCCEEDED, _T.FAILED, _T.CANCELLED, _T.EXPIRED}),
        _T.RUNNING: frozenset({_T.SUCCEEDED, _T.FAILED, _T.QUEUED, _T.HELD, _T.CANCELLED}),
        _T.HELD: frozenset({_T.QUEUED, _T.FAILED, _T.CANCELLED, _T.SUCCEEDED}),
        _T.SUCCEEDED: frozenset(),
        _T.FAILED: frozenset(),
        _T.CANCELLED: frozenset(),
        _T.EXPIRED: frozenset(),
    }
)
"""Every allowed move of a text job; all others are bugs."""
