"""A whole probe for a dollar: what it answers, what it costs, and what its capture holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from embedded.servers.postgres import PostgresServer
from models import Account, Campaign, RenderJob
from reelqueue.states import RenderState
from simulator.config import SimulatorConfig, patch_config
from tests.conftest import TEMPLATE
from tests.support.probed import KEY, Probed, probing
from workers.probe.capture import LeakError, capture
from workers.probe.paid.plan import EARLY, PROMPT
from workers.probe.questions import Question, Verdict, verdict
from workers.probe.run import QUESTIONS

CANARIES = {
    "header": "canary-of-a-header",
    "field": "canary-of-usage",
    "number": 7_777_777_777,
    "name": "canary-of-a-model-name",
}
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def probed(postgres_server: PostgresServer) -> Iterator[Probed]:
    """A probe of a service that puts canaries into its answers."""
    postgres_server.create_database("probed", template=TEMPLATE)
    usage = {"video_duration": 5, "video_count": 1, "video_ratio": "832*480"}
    usage |= {"trace": CANARIES["field"], "owner": CANARIES["number"]}
    wire = {"headers": {"x-account": CANARIES["header"]}, "usage": {EARLY: usage}}
    with probing(
        postgres_server.url("probed"), wire=wire, model_list={"rows": {EARLY: {"name": CANARIES["name"]}}}
    ) as found:
        found.run("1.00")
        yield found
    postgres_server.drop_database("probed")


def test_every_question_is_answered(probed: Probed) -> None:
    assert [name for name, answer in probed.answers().items() if answer is None] == []
    assert len(QUESTIONS) >= 25


def test_only_what_was_changed_differs(probed: Probed) -> None:
    differing = {one.id for one in QUESTIONS if verdict(one, probed.lab.findings[one.id]) is Verdict.DIFFERS}

    # Its clips are of the size that rehearsals draw.
    assert differing == {"usage-first", "file-size", "pixels-2.7"}


def test_it_costs_what_its_campaign_says_and_no_more_than_allowed(probed: Probed) -> None:
    with probed.stage.context.sessions() as session:
        (campaign,) = (one for one in session.query(Campaign) if one.name.startswith("probe "))
        jobs = session.query(RenderJob).filter(RenderJob.campaign_id == campaign.id).count()

    assert probed.billed() == campaign.spent_amount <= campaign.budget_amount == Decimal(1)
    assert probed.submits() == jobs == len(probed.clips) == 8
    assert probed.broken() == []


def test_its_clips_are_archived_like_any_others(probed: Probed) -> None:
    assert sorted(probed.states()) == [RenderState.CANCELLED] + [RenderState.SUCCEEDED] * 7


def test_the_report_fits_80_columns(probed: Probed) -> None:
    assert max(map(len, probed.lines)) <= 80
    assert any(line.startswith("differs  usage-first") for line in probed.lines)
    assert any(line.startswith("spent    0.85 USD") for line in probed.lines)


def test_the_capture_holds_no_key_prompt_id_or_signature(probed: Probed) -> None:
    text = capture(probed.lab, QUESTIONS, NOON)

    answers = [one.exchange.answer.content.decode() for one in probed.lab.heard]
    tasks = [clip.task_id for clip in probed.clips]
    (account,) = {charge.account for charge in probed.stage.simulator.provider.store.ledger.charges()}
    secrets = [KEY, PROMPT, account, "Signature=", "LTAI", *map(str, CANARIES.values()), *filter(None, tasks)]
    assert all(any(secret in answer for answer in answers) for secret in (account, "Signature=", *filter(None, tasks)))
    assert [secret for secret in secrets if secret in text] == []
    assert json.loads(text)["simulator"] == {
        "wire": {"usage": {EARLY: {"video_duration": 5, "video_count": 1, "video_ratio": "832*480",
                                   "trace": "something else", "owner": 1}}}
    }  # fmt: skip


def test_an_answer_that_would_tell_a_secret_is_withheld_and_the_rest_is_kept(probed: Probed) -> None:
    told = replace(probed.lab, findings=dict(probed.lab.findings))
    told.find("server", f"task {probed.clips[0].task_id}")
    told.find("echo-text", "changed", KEY)

    document = json.loads(capture(told, QUESTIONS, NOON))

    answers = {one["id"]: one for one in document["answers"]}
    assert (answers["server"]["answer"], answers["server"]["verdict"]) == (None, "withheld")
    assert answers["echo-when"]["answer"] == "at its end"
    assert probed.clips[0].task_id not in json.dumps(document)


def test_a_capture_that_would_tell_a_secret_all_the_same_is_not_made(probed: Probed) -> None:
    told = replace(probed.lab, account=Account(name="x", region=KEY, headers={}, key_env=probed.lab.account.key_env))

    with pytest.raises(LeakError):
        capture(told, QUESTIONS, NOON)


@pytest.mark.parametrize("question", [one for one in QUESTIONS if one.play], ids=lambda one: one.id)
def test_what_a_question_plays_is_a_configuration(question: Question) -> None:
    values: dict[str, object] = {
        "unknown-id": True, "models-host": True, "cancel-running": True, "limit-headers": ["x-ratelimit"],
        "echo-when": "never", "over-slots": "429 Throttling", "file-marks": "AIGC",
    }  # fmt: skip
    default: object = True if question.id.startswith("rewritten") else 7
    value = {"duration": 5.0} if question.id.startswith("usage") else values.get(question.id, default)
    assert question.play is not None

    assert patch_config(SimulatorConfig(), question.play(value)) != SimulatorConfig()
