"""Answers that no one has foreseen: nothing raises, and nothing of theirs is taken for a name that is none."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.account import Account
from reelqueue.requests.parse import parse_request
from reelqueue.states import RenderState
from workers.probe.free import catalogs, listings
from workers.probe.lab import Lab, Seen, said
from workers.probe.paid import tasks
from workers.probe.paid.renders import Clip, Renders, Sighting
from workers.probe.questions import UNNAMED, listed, named
from workers.runtime.context import Context

_NAMES = (
    "output", "models", "quotas", "data", "model", "prices", "type", "price", "price_unit", "time_band", "page_size",
    "inference_offline_info", "model_limit", "request_limit", "async_user_queue_limit", "task_id", "task_status",
    "usage", "video_url", "submit_time", "scheduled_time", "end_time", "orig_prompt", "actual_prompt", "request_id",
    "code", "error", "expire_in_seconds", "max_file_size_mb", "duration",
)  # fmt: skip
_WORDS = ("SUCCEEDED", "wan2.7-t2v", "2026-12-01 10:00:00.123", "https://x.test/a?Expires=12&Expires=x", "", "\x00")
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(_WORDS) | st.text(max_size=5)
JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=6),
    max_leaves=30,
)
OBJECTS = st.dictionaries(st.sampled_from(_NAMES), JSON, max_size=8)
ROWS = st.lists(OBJECTS, max_size=3)
LIKELY = st.fixed_dictionaries(
    {"output": OBJECTS.map(lambda found: {"task_status": "SUCCEEDED", "task_id": "task-1", **found})},
    optional={"usage": OBJECTS, "data": ROWS, "page_size": _SCALARS, "request_id": _SCALARS},
)
LISTS = ROWS.flatmap(lambda rows: st.fixed_dictionaries({"output": st.fixed_dictionaries(
    {name: st.just([{"model": "wan2.7-t2v", "prices": [{"prices": rows}], "model_limit": one, **one} for one in rows])
     for name in ("models", "quotas")}, optional={"page_size": _SCALARS})}))  # fmt: skip
SEEN = st.builds(
    Seen,
    status=st.sampled_from([200, 400, 404, 500]),
    headers=st.dictionaries(st.sampled_from(["date", "server", "x-request-id", "retry-after"]), st.text(max_size=9)),
    document=OBJECTS | LIKELY | LISTS,
)
ANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def lab(context: Context) -> Lab:
    """A lab whose account is stored nowhere."""
    return Lab(context, Account(name="x", base_url="https://dashscope.test", region="ap-southeast-1", key_env="K"))


def answering(lab: Lab, seen: Seen) -> Lab:
    """A lab where every question gets the same answer."""
    deaf = replace(lab, findings={}, heard=[])
    patched: Any = deaf
    patched.look = lambda *_, **__: seen
    patched.cancel = lambda *_: seen
    return deaf


@ANY
@given(seen=SEEN)
def test_whatever_is_listed_no_question_raises(lab: Lab, seen: Seen) -> None:
    odd = answering(lab, seen)

    catalogs.ask(odd)
    listings.ask(odd)

    assert all(len(finding.answer or "") < 700 for finding in odd.findings.values())


@ANY
@given(answers=st.lists(SEEN, min_size=1, max_size=3))
def test_whatever_a_task_says_its_conclusions_do_not_raise(lab: Lab, answers: list[Seen]) -> None:
    odd = answering(lab, answers[-1])
    clip = Clip(uuid4(), parse_request({"model": "wan2.6-t2v", "prompt": "a fox"}), task_id="task-1")
    clip.state = RenderState.SUCCEEDED
    sightings = [Sighting(seen, 1.0) for seen in answers]
    watched = SimpleNamespace(follow=lambda *_: [clip], file_of=lambda _: None)
    clip.sightings = sightings

    tasks.ask(odd, cast("Renders", watched), cast("Any", SimpleNamespace(step=SimpleNamespace(request=clip.request))))

    assert {question.id for question in tasks.QUESTIONS} <= odd.findings.keys()


def test_only_names_are_named() -> None:
    assert named("Throttling.RateQuota") == "Throttling.RateQuota"
    assert [named(one) for one in ("a b", "1", None, ["x"], "https://x/y", "x" * 61)] == [UNNAMED] * 6
    assert listed(["b", "a", "a"]) == "a, b"
    assert said(Seen(404, {}, {"code": {"a": 1}})) == f"404 {UNNAMED}"
