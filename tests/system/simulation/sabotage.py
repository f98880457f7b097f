"""The protocol, broken on purpose in one place at a time: a simulation that does not notice proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from unittest import mock
from uuid import UUID

from sqlalchemy.orm import Session

from models.attempt import Attempt
from models.operations.jobs import transitions
from models.operations.money.slot_reservations import release_slot
from models.operations.scheduling.poll_wakeups import NextPoll
from models.render_job import RenderJob
from models.webhook_delivery import WebhookDelivery
from reelqueue.states import AttemptState
from reelqueue.webhooks import WebhookEvent
from workers.archive import archive_result as archive
from workers.archive.inspection import inspect_video
from workers.archive.video_probe import Probe, UnplayableError
from workers.dashscope import Acceptance, ClockReading, NotSentError, ProviderError, TaskList, client
from workers.dashscope.wire import ListPage
from workers.orphans import scan
from workers.reconciliation import reconcile, task_matching
from workers.reconciliation.competing_attempts import CompetingAttempts, find_competing
from workers.reconciliation.reconcile import AmbiguousAttempt, Resolution
from workers.reconciliation.task_matching import Absent, Adopt, Contender, MatchResult, UnclaimedTask
from workers.recovery import compare
from workers.recovery.forgotten import ForgottenSubmits
from workers.recovery.matching import Matching
from workers.runtime.context import Context
from workers.runtime.provider_clock import ClockRange
from workers.submission import submit as submission
from workers.submission import task_binding as binding
from workers.submission.claim_outcomes import requeue
from workers.submission.submit import Claim
from workers.submission.task_binding import OpenAttempt
from workers.sweep import sweep
from workers.webhooks import deliver as notify

Sabotage = Callable[[], AbstractContextManager[object]]


def _resend_what_was_ambiguous() -> AbstractContextManager[object]:
    def park(context: Context, claim: Claim, error: ProviderError) -> str:
        return submission.reject(context, claim, NotSentError(str(error)))

    return mock.patch.object(submission, "park", park)


def _resend_after_a_crash() -> AbstractContextManager[object]:
    def hand_back(session: Session, attempt_id: UUID, job_id: UUID, *_: object, now: datetime) -> None:
        attempt = session.get_one(Attempt, attempt_id)
        attempt.state, attempt.closed_at = AttemptState.REJECTED, now
        requeue(session, job_id, epoch=attempt.epoch, now=now)

    return mock.patch.object(sweep, "mark_ambiguous", hand_back)


def _skip_the_intent() -> AbstractContextManager[object]:
    return mock.patch.object(submission, "mark_sent", return_value=True)


def _send_after_a_freeze() -> AbstractContextManager[object]:
    async def post(context: Context, claim: Claim, _began_seconds: float) -> Acceptance:
        async with context.provider(claim.account, base_url=claim.base_url) as provider:
            return await provider.submit(claim.built, limit_seconds=claim.post_seconds)

    return mock.patch.object(submission, "_post", post)


def _release_the_slot_early() -> AbstractContextManager[object]:
    real = binding.bind_task

    def bind(session: Session, attempt: OpenAttempt, accepted: Acceptance, **options: Any) -> NextPoll | None:
        next_poll = real(session, attempt, accepted, **options)
        release_slot(session, attempt.job_id, now=options["now"])
        return next_poll

    return mock.patch.object(submission, "bind_task", bind)


def _keep_the_slot() -> AbstractContextManager[object]:
    return mock.patch.object(transitions, "release_slot", return_value=None)


def _forget_to_follow() -> AbstractContextManager[object]:
    return mock.patch.object(binding, "_follow", return_value=None)


def _believe_one_listing() -> AbstractContextManager[object]:
    real = Resolution.count_absence

    def count(question: Resolution, clocks_moved: timedelta) -> str:
        impatient = replace(question, rules=question.rules.model_copy(update={"absent_seconds": 0.0}))
        return real(impatient, clocks_moved)

    return mock.patch.object(Resolution, "count_absence", count)


def _ask_by_our_own_clock() -> AbstractContextManager[object]:
    ours = ClockRange(timedelta(0), timedelta(0), timedelta(seconds=120))

    def as_proven(
        _context: Context, _case: AmbiguousAttempt, finding: MatchResult, _reading: ClockReading | None
    ) -> MatchResult:
        return finding

    return mock.patch.multiple(reconcile, clock_range=lambda *_, **__: ours, _as_proven=as_proven)


def _believe_a_cut_list() -> AbstractContextManager[object]:
    def whole(pages: Sequence[ListPage]) -> TaskList:
        return TaskList([task for page in pages for task in page.tasks])

    return mock.patch.object(client, "assemble", whole)


def _adopt_whatever_is_there() -> AbstractContextManager[object]:
    def match_task(_mine: Contender, _rivals: Sequence[Contender], strangers: Sequence[UnclaimedTask]) -> MatchResult:
        return Adopt(strangers[0].task) if strangers else Absent()

    return mock.patch.object(reconcile, "match_task", match_task)


def _forget_the_neighbours() -> AbstractContextManager[object]:
    def alone(session: Session, attempt_id: UUID, **window: datetime) -> CompetingAttempts:
        found = find_competing(session, attempt_id, **window)
        return replace(found, in_flight=frozenset(), rivals=())

    return mock.patch.object(reconcile, "find_competing", alone)


def _take_other_seeds_for_equal() -> AbstractContextManager[object]:
    """Bind sets of requests that differ in what no result tells."""

    def alike(session: Session, attempt_id: UUID, **window: datetime) -> CompetingAttempts:
        found = find_competing(session, attempt_id, **window)
        rivals = tuple(replace(one, request=found.mine.request) for one in found.rivals)
        return replace(found, rivals=rivals)

    return mock.patch.object(reconcile, "find_competing", alike)


def _bind_sets_of_unequal_size() -> AbstractContextManager[object]:
    """Bind whatever has ended, however few attempts of other bytes there are."""
    real = task_matching.match_task

    def match_task(mine: Contender, rivals: Sequence[Contender], strangers: Sequence[UnclaimedTask]) -> MatchResult:
        ended = [one for one in strangers if one.has_ended and (one.is_silent or mine.echoes(one))]
        return Adopt(ended[0].task) if ended else real(mine, rivals, strangers)

    return mock.patch.object(reconcile, "match_task", match_task)


@contextmanager
def _find_no_forgotten_task() -> Iterator[None]:
    with (
        mock.patch.object(compare, "match_tasks", return_value=Matching()),
        mock.patch.object(compare, "read_forgotten", return_value=ForgottenSubmits()),
    ):
        yield


def _take_any_file() -> AbstractContextManager[object]:
    def inspect(path: Path, *, poster: Path, last_frame: Path, renew: Callable[[], None]) -> Probe:
        try:
            return inspect_video(path, poster=poster, last_frame=last_frame, renew=renew)
        except UnplayableError:
            poster.write_bytes(b"a picture")
            last_frame.write_bytes(b"a picture")
            return Probe(1, 1, Decimal(1), "none", has_audio=False)

    return mock.patch.object(archive, "inspect_video", inspect)


def _never_sweep_polls() -> AbstractContextManager[object]:
    return mock.patch.object(sweep, "_lost_polls", return_value=[])


def _never_sweep_fetches() -> AbstractContextManager[object]:
    return mock.patch.object(sweep, "_lost_fetches", return_value=[])


def _never_doubt() -> AbstractContextManager[object]:
    return mock.patch.object(sweep, "_doubt_silent", return_value=0)


def _tell_nobody() -> AbstractContextManager[object]:
    return mock.patch.object(transitions, "announce")


def _tell_under_a_new_id() -> AbstractContextManager[object]:
    real = notify._event

    def event(delivery: WebhookDelivery, job: RenderJob | None) -> WebhookEvent:
        return real(delivery, job).model_copy(update={"id": f"{delivery.id}-{delivery.attempt_count}"})

    return mock.patch.object(notify, "_event", event)


def _forget_what_was_kept_for_a_review() -> AbstractContextManager[object]:
    return mock.patch.object(archive, "copy_found_file", return_value=None)


def _adopt_what_is_under_review() -> AbstractContextManager[object]:
    return mock.patch.object(scan, "may_own", return_value=False)


SABOTAGES: Final[dict[str, Sabotage]] = {
    function.__name__.lstrip("_"): function
    for function in (
        _resend_what_was_ambiguous,
        _resend_after_a_crash,
        _skip_the_intent,
        _send_after_a_freeze,
        _release_the_slot_early,
        _keep_the_slot,
        _forget_to_follow,
        _believe_one_listing,
        _ask_by_our_own_clock,
        _believe_a_cut_list,
        _adopt_whatever_is_there,
        _forget_the_neighbours,
        _take_other_seeds_for_equal,
        _bind_sets_of_unequal_size,
        _find_no_forgotten_task,
        _take_any_file,
        _never_sweep_polls,
        _never_sweep_fetches,
        _never_doubt,
        _tell_nobody,
        _tell_under_a_new_id,
        _forget_what_was_kept_for_a_review,
        _adopt_what_is_under_review,
    )
}
"""Each by its name: a patch to be entered."""
