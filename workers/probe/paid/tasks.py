"""What the first render shows: the answer to a submit, the task's own answers, the list, and the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from workers.dashscope import ProviderError
from workers.dashscope.wire import parse_http_date, parse_time
from workers.probe.lab import Lab, Seen, rows_of
from workers.probe.paid.generations import usage_of
from workers.probe.paid.plan import EARLY, FIRST, PROMPT, Planned
from workers.probe.paid.renders import Clip, Renders
from workers.probe.questions import UNNAMED, Question, listed, named, near, rounded

_LAG_SECONDS: Final = 4.0
_MARKS: Final = (b"AIGC", b"C2PA", b"c2pa", b"ContentProducer")
_EPOCH_DIGITS: Final = 12
_HOUR: Final = timedelta(hours=1)
_SUBMIT: Final = "Video synthesis: answer to a submit"
_QUERY: Final = "Manage tasks, query"

QUESTIONS: Final = (
    Question("submit-fields", "the fields of the answer to a submit", f"{_SUBMIT}; one sample",
             "output.task_id, output.task_status, request_id"),
    Question("submit-status", "a new task's status in that answer", f"{_SUBMIT}; one sample", "PENDING"),
    Question("waits-idle", "how long a task waits on an idle account", f"{_QUERY}: 30 ms to 10 s in samples",
             "under 2 s"),
    Question("render-time", "how long 5 seconds at 480P take to render", f"{_QUERY}: 1 to 12 minutes in samples"),
    Question("zone", "the zone of a task's times", f"{_QUERY}: Beijing's in every region, seen in one", "UTC+8"),
    Question("task-fields", "the fields of a finished task", f"{_QUERY}; samples only",
             "end_time, orig_prompt, scheduled_time, submit_time, task_id, task_status, video_url"),
    Question(
        "list-lag", "how long until a new task is listed", "Manage tasks, list: not documented", "under 4 s",
        lambda seconds: {"listing": {"lag_seconds": seconds}},
    ),
    Question("list-fields", "the fields of a row of the list", "Manage tasks, list: one capture",
             "api_key_id, caller_parent_id, caller_uid, gmt_create, model_name, region, request_id, start_time, "
             "status, task_id, user_api_unique_key"),
    Question("list-request", "the list's request_id is the submit's", "Manage tasks, list: one capture", "yes"),
    Question(
        "echo-when", "when a task's answer has the prompt", f"{_QUERY}: only with a finished task", "at its end",
        lambda word: {"wire": {"echo": word}},
    ),
    Question("echo-text", "the prompt that comes back", f"{_QUERY}: not documented", "as sent"),
    Question("result-host", "the host of a result", "Video synthesis: several are documented"),
    Question("result-query", "the signature of a result's URL", "Not documented; the usual one of OSS",
             "Expires, OSSAccessKeyId, Signature"),
    Question(
        "result-life", "how long after its end a result's URL works", "Video synthesis: 24 hours", "24 h",
        lambda hours: {"lifetimes": {"result_url_seconds": hours * 3600}},
    ),
    Question("result-again", "a second query gives the same URL", f"{_QUERY}: not documented", "yes"),
    Question(
        "file-marks", "marks of generated content in the file", "Not documented; required in some places", "none",
        lambda mark: {"clips": {"mark": mark}},
    ),
    Question("file-size", "the picture of 480P, in pixels", "Video synthesis: 832*480", "832x480"),
)  # fmt: skip

Answer = Callable[[Lab, Clip], None]


def ask(lab: Lab, renders: Renders, planned: Planned) -> None:
    """Render once, and answer what that shows."""
    watch = ListWatch(lab)
    (clip,) = renders.follow(planned.step.request, 1, watch)
    _submit(lab, clip)
    watch.conclude(clip)
    _echo(lab, clip)
    _finished(lab, clip)
    _file(lab, renders, clip)
    reason = f"its job is {clip.state} now; see the job {clip.job_id}"
    lab.miss(reason, *(question.id for question in QUESTIONS))


class ListWatch:
    """Looks for a task in the list from its submit on."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._row: Mapping[str, Any] | None = None
        self._listed_at = 0.0

    def __call__(self, clips: list[Clip]) -> None:
        """Look once, unless it was seen."""
        if self._row is not None or clips[0].task_id is None:
            return
        query = urlencode({"model_name": EARLY, "page_no": 1, "page_size": 50})
        try:
            rows = rows_of(self._lab.look(f"/api/v1/tasks?{query}", is_list=True).document.get("data"))
        except ProviderError:
            return
        self._row = next((row for row in rows if row.get("task_id") == clips[0].task_id), None)
        self._listed_at = self._lab.context.host.seconds()

    def conclude(self, clip: Clip) -> None:
        """Say when it was listed, and as what."""
        if self._row is None:
            if clip.status == "SUCCEEDED":
                self._lab.find("list-lag", "not before its end")
            return
        if clip.submit is not None:
            lag = self._listed_at - clip.submit.at_seconds
            self._lab.find("list-lag", near(lag, _LAG_SECONDS), rounded(lag) if lag >= _LAG_SECONDS else None)
        if clip.answer is not None:
            is_same = self._row.get("request_id") == clip.answer.document.get("request_id")
            self._lab.find("list-request", "yes" if is_same else "no")
        self._lab.find("list-fields", listed(self._row.keys() - {"end_time"}))


def _submit(lab: Lab, clip: Clip) -> None:
    answer = clip.answer
    if answer is None or answer.status >= 300:
        return
    inner = {f"output.{named(name)}" for name in answer.output}
    lab.find("submit-fields", listed({*inner, *(name for name in answer.document if name != "output")}))
    lab.find("submit-status", named(answer.output.get("task_status")))


def _echo(lab: Lab, clip: Clip) -> None:
    echoes = [one for one in clip.sightings if one.seen.output.get("orig_prompt")]
    if clip.status != "SUCCEEDED":
        return
    if not echoes:
        lab.find("echo-when", "never", "never")
        lab.find("echo-text", "nothing")
        return
    is_early = echoes[0].status in {"PENDING", "RUNNING"}
    lab.find("echo-when", "at once" if is_early else "at its end", "always" if is_early else None)
    lab.find("echo-text", _compared(str(echoes[-1].seen.output["orig_prompt"])))


def _compared(echo: str) -> str:
    if echo == PROMPT:
        return "as sent"
    return f"cut at {len(echo)}" if PROMPT.startswith(echo) else "changed"


def _finished(lab: Lab, clip: Clip) -> None:
    last = clip.last
    if last is None or clip.status != "SUCCEEDED":
        return
    lab.find("task-fields", listed([name for name in last.output if name not in {"orig_prompt", "actual_prompt"}]
                                   + ["orig_prompt"] * ("orig_prompt" in last.output)))  # fmt: skip
    _times(lab, last)
    usage_of(lab, FIRST, clip)
    if isinstance(url := last.output.get("video_url"), str):
        _url(lab, clip, url, parse_time(last.output.get("end_time")))


def _times(lab: Lab, last: Seen) -> None:
    made, began, ended = (parse_time(last.output.get(f"{name}_time")) for name in ("submit", "scheduled", "end"))
    if made and began:
        lab.find("waits-idle", near((began - made).total_seconds(), 2))
    if began and ended:
        lab.find("render-time", f"{(ended - began).total_seconds():.0f} s")
    now = parse_http_date(last.headers.get("date"))
    if ended and now:
        # It has just ended: what the time is off by, read as Beijing's, is the zone.
        lab.find("zone", f"UTC+{8 + round((ended - now) / _HOUR)}")


def _url(lab: Lab, clip: Clip, url: str, ended: datetime | None) -> None:
    parts = urlsplit(url)
    lab.find("result-host", _host(parts.hostname or ""))
    signed = parse_qs(parts.query)
    lab.find("result-query", listed(list(signed)))
    expires = signed.get("Expires", [""])[0]
    if ended and expires.isdecimal() and len(expires) <= _EPOCH_DIGITS:
        hours = round((int(expires) - ended.timestamp()) / 3600, 1)
        lab.find("result-life", f"{hours:g} h", hours)
    seen = lab.look(f"/api/v1/tasks/{clip.task_id}")
    lab.find("result-again", "yes" if seen.output.get("video_url") == url else "no")


def _host(name: str) -> str:
    """A host without what may belong to the account."""
    shown = re.sub(r"[0-9]+", "N", name)
    return shown if re.fullmatch(r"[a-zN.-]{1,100}\.aliyuncs\.com", shown) else UNNAMED


def _file(lab: Lab, renders: Renders, clip: Clip) -> None:
    found = renders.file_of(clip)
    if found is None:
        return
    asset, content = found
    lab.find("file-size", f"{asset.width_px}x{asset.height_px}")
    marks = [mark.decode() for mark in _MARKS if mark in content]
    lab.find("file-marks", listed(marks), marks[0] if marks else None)
