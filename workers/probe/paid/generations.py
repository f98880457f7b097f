"""What a render of each generation of models shows: its usage, whether its prompt is rewritten, its picture."""

from __future__ import annotations

import re
from typing import Any, Final

from workers.probe.lab import Lab, as_object
from workers.probe.paid.plan import EARLY, FIRST, Planned
from workers.probe.paid.renders import Clip, Renders
from workers.probe.questions import UNNAMED, Question, named

_SHAPE: Final = re.compile(r"[0-9]{1,4}[*:x][0-9]{1,4}|[0-9]{3,4}P?|standard")
_MOST: Final = 10_000
_NEUTRAL: Final = {bool: True, int: 1, float: 1.0}
"""In place of numbers that may be an account's."""
_USAGE: Final = "Video synthesis, usage: differs by generation"
_REWRITTEN: Final = "Video synthesis: actual_prompt is documented up to Wan 2.5"
_MODELS: Final = {
    FIRST: EARLY,
    "2.6-flash": "wan2.6-i2v-flash",
    "3.0": "wan3.0-video",
    "2.7": "wan2.7-t2v",
    "2.6": "wan2.6-t2v",
}
_WHOLE: Final = "duration whole, input_video_duration whole, output_video_duration whole"


def _asked_of(step: str, usage: str, *, is_rewritten: bool) -> tuple[Question, Question]:
    model = _MODELS[step]
    return (
        Question(f"usage-{step}", f"the usage of {model}", _USAGE, usage,
                 lambda fields: {"wire": {"usage": {model: fields}}}),
        Question(f"rewritten-{step}", f"{model} tells a rewritten prompt", _REWRITTEN, "yes" if is_rewritten else "no",
                 lambda has_one: {"wire": {"rewritten": {model: has_one}}}),
    )  # fmt: skip


QUESTIONS: Final = (
    *_asked_of(FIRST, "video_count whole, video_duration whole, video_ratio text", is_rewritten=True),
    *_asked_of("2.6-flash", f"SR whole, audio yes/no, {_WHOLE}, video_count whole", is_rewritten=False),
    *_asked_of("3.0", "SR whole, duration broken, fps whole, input_video_duration broken, output_video_duration "
               "broken, ratio text, video_count whole", is_rewritten=False),
    *_asked_of("2.7", f"SR whole, {_WHOLE}, ratio text, video_count whole", is_rewritten=False),
    *_asked_of("2.6", f"SR whole, {_WHOLE}, size text, video_count whole", is_rewritten=False),
    Question("host-3.0", "Wan 3.0 is taken on this host", "Wan 3.0: names workspace hosts only", "yes"),
    Question("pixels-2.7", "the picture of 720P and 4:3 of Wan 2.7", "Wan 2.7: 1104*832; 1088*832 before",
             "1104x832"),
)  # fmt: skip


def ask(lab: Lab, renders: Renders, planned: Planned) -> None:
    """Render once, and answer what that shows."""
    step = planned.step
    (clip,) = renders.follow(step.request, 1, lambda _: None)
    usage_of(lab, step.id, clip)
    if step.id == "3.0" and clip.answer is not None:
        lab.find("host-3.0", "yes" if clip.answer.status < 300 else f"no: {named(clip.answer.code)}")
    found = renders.file_of(clip) if step.id == "2.7" else None
    if found is not None:
        lab.find("pixels-2.7", f"{found[0].width_px}x{found[0].height_px}")
    lab.miss(f"its job is {clip.state} now; see the job {clip.job_id}",
             *(question.id for question in QUESTIONS if question.id.endswith(f"-{step.id}")))  # fmt: skip


def usage_of(lab: Lab, step: str, clip: Clip) -> None:
    """Answer what the end of a task shows of its generation."""
    last = clip.last
    if last is None or clip.status != "SUCCEEDED":
        return
    usage = {named(name): _harmless(value) for name, value in as_object(last.document.get("usage")).items()}
    shown = ", ".join(f"{name} {_kind(value)}" for name, value in sorted(usage.items()))
    lab.find(f"usage-{step}", shown or "none", usage)
    has_one = bool(last.output.get("actual_prompt"))
    lab.find(f"rewritten-{step}", "yes" if has_one else "no", has_one)


def _kind(value: object) -> str:
    kinds = {bool: "yes/no", int: "whole", float: "broken", str: "text"}
    return kinds.get(type(value), "other")


def _harmless(value: Any) -> Any:  # noqa: ANN401 - JSON
    """A small number, or a text such as ``16:9``; anything else may be a secret."""
    if isinstance(value, int | float):
        return value if 0 <= value < _MOST else _NEUTRAL[type(value)]
    return value if isinstance(value, str) and _SHAPE.fullmatch(value) else UNNAMED
