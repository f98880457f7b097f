"""Two passes over a campaign: a storyboard, and its prompts; what breaks a rule goes back twice at most."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from reelqueue.campaigns.writer.calls import ATTEMPTS_MAX, CountedCalls, TextAnswer, TextCallError
from reelqueue.campaigns.writer.checks import Breaches, Sources, check_prompts, check_storyboard
from reelqueue.campaigns.writer.compose import PromptParts, WrittenClip, follows, write_clip
from reelqueue.campaigns.writer.instructions import Instructions
from reelqueue.campaigns.writer.offer import ModelOffer
from reelqueue.campaigns.writer.rules import Breach
from reelqueue.campaigns.writer.storyboard import StoryAnswer, Storyboard, StoryClip, story_clip
from reelqueue.errors import ReelqueueError
from reelqueue.qwen.answers.fence import without_fence
from reelqueue.states import FailureClass

Item = TypeVar("Item")
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

CLIPS_A_CALL: Final = 12
_PARALLEL: Final = 6
_ERRORS_MAX: Final = 5

FileCheck = Callable[[Sequence[WrittenClip]], Breaches]
"""Checks the campaign file that clips make."""


@dataclass(slots=True)
class PassReport:
    """What came of one pass."""

    text_count: int = 0
    """Clips."""
    repaired: dict[str, list[str]] = field(default_factory=dict)
    """By clip: the rules that it broke and keeps now."""
    failed: dict[str, list[str]] = field(default_factory=dict)
    """By clip: why it is left out."""
    notes: list[str] = field(default_factory=list)
    """Corrections that could not be asked for."""

    @property
    def first_count(self) -> int:
        """Clips whose first answer kept every rule."""
        return self.text_count - len(self.repaired.keys() | self.failed.keys())


class WriterError(ReelqueueError):
    """No campaign came of a brief; the message says why, and what was paid for is found again by its jobs."""


def write_storyboard(
    instructions: Instructions, sources: Sources, calls: CountedCalls, report: PassReport
) -> Storyboard:
    """The clips that keep every rule; those that do not after two corrections are in the report.

    Raises:
        WriterError: There is none.
        TextCallError: A call gave no answer; what was answered is not asked again.
    """
    total = sources.offer.clip_count
    spans = [(first, min(first + CLIPS_A_CALL - 1, total)) for first in range(1, total + 1, CLIPS_A_CALL)]
    intents: list[str] = []

    def ask(span: tuple[int, int]) -> StoryAnswer:
        return _whole_span(instructions, calls, span, total, intents, report)

    # The first alone: the cache has the fixed part once its answer is there.
    answers = [ask(spans[0])]
    intents = [clip.intent for clip in answers[0].clips]
    answers += in_parallel(ask, spans[1:])
    clips = [story_clip(number, clip) for number, clip in enumerate((c for a in answers for c in a.clips), start=1)]
    report.text_count = len(clips)
    clips = _repaired_story(clips, instructions, sources, calls, report)
    if not clips:
        raise WriterError(f"no clip of the storyboard keeps the rules: {_first_reason(report)}")
    return Storyboard(clips=tuple(clips), assumptions=tuple(said for answer in answers for said in answer.assumptions))


def write_prompts(
    board: Storyboard,
    instructions: Instructions,
    sources: Sources,
    calls: CountedCalls,
    report: PassReport,
    *,
    name: str,
    check_files: FileCheck,
) -> list[WrittenClip]:
    """The storyboard's clips with their prompts; those that break rules after two corrections are in the report.

    Raises:
        WriterError: There is none.
        TextCallError: A call gave no answer; what was answered is not asked again.
    """
    report.text_count = len(board.clips)
    pass_ = _PromptPass(instructions, sources, calls, report, name)
    written = pass_.run(board.clips, check_files)
    if not written:
        raise WriterError(f"no prompt keeps the rules: {_first_reason(report)}")
    return written


@dataclass(slots=True)
class _PromptPass:
    instructions: Instructions
    sources: Sources
    calls: CountedCalls
    report: PassReport
    name: str
    answers: dict[str, str] = field(default_factory=dict)
    """The last text for each clip."""
    written: dict[str, WrittenClip] = field(default_factory=dict)
    shape: Breaches = field(default_factory=dict)
    """Clips whose last answer could not be read."""

    def run(self, clips: Sequence[StoryClip], check_files: FileCheck) -> list[WrittenClip]:
        """Ask for each clip, and again for those that break rules."""
        waiting: Breaches = {clip.id: [] for clip in clips}
        broken: dict[str, list[str]] = {}
        for attempt in range(1, ATTEMPTS_MAX + 1):
            asked = [clip for clip in clips if clip.id in waiting]
            if attempt == 1:
                self._ask(attempt, waiting, asked.pop(0))
            in_parallel(partial(self._ask, attempt, waiting), asked)
            waiting = self._breaches(clips, check_files)
            for clip_id, breaches in waiting.items():
                broken.setdefault(clip_id, []).extend(breach.rule for breach in breaches)
            if not waiting:
                break
        for clip_id, breaches in waiting.items():
            self.report.failed.setdefault(clip_id, list(map(str, breaches)))
        kept = _without_followers(clips, self.report)
        self.report.repaired |= {clip.id: broken[clip.id] for clip in kept if clip.id in broken}
        return [self.written[clip.id] for clip in kept]

    def _ask(self, attempt: int, waiting: Breaches, clip: StoryClip) -> None:
        model = _model(self.sources, clip)
        if attempt == 1:
            request, name = self.instructions.prompt(clip, model), f"prompt/{clip.id}"
        else:
            before = self.answers.get(clip.id, "")
            request = self.instructions.correct_prompt(clip, model, before, waiting[clip.id])
            name = f"prompt/{clip.id}/again-{attempt - 1}"
        try:
            answer = self.calls.ask(name, request)
        except TextCallError as error:
            if error.failure is not FailureClass.MODERATION:
                raise  # it would be the same for every clip, and the next run goes on from the jobs that have an answer
            self.report.failed[clip.id] = [str(error)]
            return
        parts = read_answer(PromptParts, answer)
        if isinstance(parts, Breach):
            self.shape[clip.id] = [parts]
            return
        self.shape.pop(clip.id, None)
        self.answers[clip.id] = parts.model_dump_json()
        self.written[clip.id] = write_clip(clip, parts, model, self.sources.media, name=self.name)

    def _breaches(self, clips: Sequence[StoryClip], check_files: FileCheck) -> Breaches:
        good = [self.written[c.id] for c in clips if c.id in self.written and c.id not in self.report.failed]
        found = check_prompts(good, self.sources) | self.shape
        found = {clip_id: breaches for clip_id, breaches in found.items() if clip_id not in self.report.failed}
        return found or check_files(good)


def _repaired_story(
    clips: list[StoryClip], instructions: Instructions, sources: Sources, calls: CountedCalls, report: PassReport
) -> list[StoryClip]:
    """The clips after at most two corrections each; one that keeps the rules is never asked for again."""
    broken: dict[str, list[str]] = {}
    for attempt in range(1, ATTEMPTS_MAX):
        breaches = check_storyboard(clips, sources)
        if not breaches:
            break
        for clip_id, found in breaches.items():
            broken.setdefault(clip_id, []).extend(breach.rule for breach in found)

        def correct(clip: StoryClip, attempt: int = attempt, breaches: Breaches = breaches) -> StoryClip:
            request = instructions.correct_clip(clip, breaches[clip.id])
            try:
                read = read_answer(StoryAnswer, calls.ask(f"clip/{clip.id}/again-{attempt}", request))
            except TextCallError as error:
                if error.failure is not FailureClass.MODERATION:
                    raise
                report.notes.append(str(error))
                return clip
            return clip if isinstance(read, Breach) or len(read.clips) != 1 else _numbered(clip, read)

        failing = [clip for clip in clips if clip.id in breaches]
        corrected = {clip.id: clip for clip in in_parallel(correct, failing)}
        clips = [corrected.get(clip.id, clip) for clip in clips]
    left = check_storyboard(clips, sources)
    report.failed |= {clip_id: list(map(str, found)) for clip_id, found in left.items()}
    kept = _without_followers(clips, report)
    report.repaired |= {clip.id: broken[clip.id] for clip in kept if clip.id in broken}
    return kept


def _numbered(clip: StoryClip, read: StoryAnswer) -> StoryClip:
    return story_clip(int(clip.id), read.clips[0])


def _without_followers(clips: Sequence[StoryClip], report: PassReport) -> list[StoryClip]:
    """Clips that did not fail and do not go on from one that did."""
    kept: list[StoryClip] = []
    for index, clip in enumerate(clips):
        if clip.id not in report.failed and follows(clip) and clips[index - 1].id in report.failed:
            report.failed[clip.id] = [f"it goes on from {clips[index - 1].id}, which is left out"]
        if clip.id not in report.failed:
            kept.append(clip)
    return kept


def _whole_span(
    instructions: Instructions,
    calls: CountedCalls,
    span: tuple[int, int],
    total: int,
    intents: Sequence[str],
    report: PassReport,
) -> StoryAnswer:
    """The answer with as many clips as asked for."""
    first, last = span
    wrong: list[Breach] = []
    for attempt in range(ATTEMPTS_MAX):
        request = instructions.storyboard(first, last, total, intents, wrong)
        again = f"/again-{attempt}" if attempt else ""
        read = read_answer(StoryAnswer, calls.ask(f"storyboard/{first}-{last}{again}", request))
        if isinstance(read, StoryAnswer):
            if len(read.clips) == last - first + 1:
                return read
            read = Breach("shape", f"there are {len(read.clips)} clips, not {last - first + 1}")
        wrong = [read]
        report.repaired |= {f"{number:02}": ["shape"] for number in range(first, last + 1)}
    raise WriterError(f"no storyboard after {ATTEMPTS_MAX} answers: {wrong[0]}")


def read_answer(kind: type[M], answer: TextAnswer) -> M | Breach:
    """The answer as an object, or what is wrong with its shape."""
    try:
        return kind.model_validate_json(without_fence(answer.text))
    except ValidationError as error:
        told = error.errors(include_url=False, include_context=False, include_input=False)[:_ERRORS_MAX]
        places = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'the answer'}: {one['msg']}" for one in told)
        return Breach("shape", places[:500])


def in_parallel(work: Callable[[Item], T], items: Iterable[Item]) -> list[T]:
    """What *work* gives for each, in their order."""
    listed = list(items)
    if not listed:
        return []
    with ThreadPoolExecutor(max_workers=_PARALLEL) as pool:
        return list(pool.map(work, listed))


def _model(sources: Sources, clip: StoryClip) -> ModelOffer:
    model = sources.offer.model(clip.model)
    if model is None:
        raise ValueError(f"{clip.model} is not offered")  # the storyboard was not checked
    return model


def _first_reason(report: PassReport) -> str:
    return next((reasons[0] for reasons in report.failed.values() if reasons), "")
