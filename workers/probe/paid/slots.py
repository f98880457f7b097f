"""What more renders than slots show: whether the last one waits, and which of them can be cancelled."""

from __future__ import annotations

from typing import Final

from workers.dashscope import ProviderError
from workers.probe.lab import Lab, Seen, said
from workers.probe.paid.plan import Planned
from workers.probe.paid.renders import Clip, Renders
from workers.probe.questions import Question

_CANCEL: Final = "Manage tasks, cancel"

QUESTIONS: Final = (
    Question(
        "over-slots", "what a submit above the slots gets", "Rate limits: waits; how many may is not documented",
        "accepted, PENDING", lambda _: {"limits": {"over_slots": "reject"}},
    ),
    Question("at-once", "tasks of wan2.2-t2v-plus that rendered at once", "Rate limits: 2", "2"),
    Question("cancel-waiting", "what cancelling a waiting task gets", f"{_CANCEL}: no sample", "200, then CANCELED"),
    Question(
        "cancel-running", "what cancelling a rendering task gets", f"{_CANCEL}: refused", "400 UnsupportedOperation",
        lambda _: {"wire": {"cancels_running": True}},
    ),
    Question("cancelled-usage", "the usage of a cancelled task", f"{_CANCEL}: not documented", "none"),
)  # fmt: skip


def ask(lab: Lab, renders: Renders, planned: Planned) -> None:
    """Render more at once than there are slots, and cancel one that waits and one that renders."""
    attempt = Cancels(lab)
    clips = renders.follow(planned.step.request, planned.count, attempt)
    attempt.conclude(clips)
    ended = ", ".join(sorted({clip.state.value for clip in clips}))
    lab.miss(f"it did not come to that; the jobs are {ended}", *(question.id for question in QUESTIONS))


class Cancels:
    """Cancels, once each, a task that waits while the slots are taken, and one that renders."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._waiting: tuple[Clip, Seen] | None = None
        self._running: tuple[Clip, Seen] | None = None
        self._most = 0

    def __call__(self, clips: list[Clip]) -> None:
        """Look whether it is time for either."""
        running = [clip for clip in clips if clip.status == "RUNNING"]
        waiting = [clip for clip in clips if clip.status == "PENDING"]
        self._most = max(self._most, len(running))
        if not running or not all(clip.task_id or clip.is_refused for clip in clips):
            return
        if self._waiting is None and waiting:
            self._waiting = self._cancel(waiting[-1])
            self._lab.find("over-slots", "accepted, PENDING")
        if self._running is None and (self._waiting is not None or not waiting):
            self._running = self._cancel(running[0])

    def _cancel(self, clip: Clip) -> tuple[Clip, Seen] | None:
        try:
            return clip, self._lab.cancel(str(clip.task_id))
        except ProviderError:
            return None  # the next look tries again

    def conclude(self, clips: list[Clip]) -> None:
        """Say what became of them."""
        refused = next((clip.answer for clip in clips if clip.is_refused and clip.answer), None)
        if refused is not None:
            self._lab.find("over-slots", said(refused), said(refused))
        elif self._waiting is None and all(clip.task_id for clip in clips):
            self._lab.find("over-slots", "accepted, RUNNING")
        if self._most:
            self._lab.find("at-once", str(self._most))
        for question_id, one in (("cancel-waiting", self._waiting), ("cancel-running", self._running)):
            if one is not None:
                clip, seen = one
                then = f", then {clip.status}" if seen.status < 300 else ""
                self._lab.find(question_id, said(seen) + then, seen.status < 300 or None)
        cancelled = next((clip.last for clip in clips if clip.status == "CANCELED"), None)
        if cancelled is not None:
            self._lab.find("cancelled-usage", "some" if cancelled.document.get("usage") else "none")
