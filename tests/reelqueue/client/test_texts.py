"""Text jobs through both clients and the command line, against a real API; answers are put into its database."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from api import event_streams, live_answers
from embedded.servers.valkey import ValkeyServer
from models.operations.texts.live_answers import LiveWriter, connect
from models.text_job import TextJob as Row
from reelqueue import (
    Client,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    TextJobError,
    TextState,
    UnavailableError,
)
from reelqueue.client._texts.sync_methods import TextCalls
from reelqueue.errors import AuthenticationError, WaitTimeoutError
from reelqueue.qwen import TextRequest
from reelqueue.schemas.texts import TextJob, TextPiece
from tests.reelqueue.client.conftest import JOB_ID, World
from tests.reelqueue.client.test_cli import run

BOAT = {"model": "qwen-plus", "prompt": "Name a paper boat."}
Answer = Callable[..., None]
ENQUEUE = TextCalls.enqueue


@pytest.fixture(autouse=True)
def quick_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streams, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(live_answers, "TICK_SECONDS", 0.01)


@pytest.fixture
def answer(engine_of_api: Engine) -> Answer:
    """Gives a job an answer, as a worker would, or another end."""

    def write(job_id: UUID, state: TextState = TextState.SUCCEEDED, text: str = "Swan.", **values: Any) -> None:
        usage = {"prompt_tokens": 1200, "completion_tokens": 5, "reasoning_tokens": 2}
        said = {"text": text, "finish_reason": "stop", "usage": usage} if state is TextState.SUCCEEDED else {}
        cost = {"cost_amount": Decimal("0.000486"), "cost_currency": "USD"} if said else {}
        with Session(engine_of_api) as session:
            session.execute(update(Row).where(Row.id == job_id).values(state=state, **said, **cost, **values))
            session.commit()

    return write


def test_a_job_is_stored_read_and_waited_for(world: World, server: str, answer: Answer) -> None:
    client = world.connect(server)
    job = world.run(client.texts.enqueue(BOAT, custom_id="a", max_cost="1 USD", enable_thinking=False))
    assert (job.state, job.custom_id, job.request["enable_thinking"]) == (TextState.QUEUED, "a", False)
    answer(job.id)
    seen: list[TextJob] = []

    done = world.run(client.texts.wait(job.id, 60, on_change=seen.append))

    assert done.answer.text == "Swan."
    assert done.cost.amount == Decimal("0.000486")
    assert seen == [done] == [world.run(client.texts.get(str(job.id)))]


def test_a_request_object_is_stored_with_options_beside_it(world: World, server: str) -> None:
    client = world.connect(server)

    job = world.run(client.texts.enqueue(TextRequest(**BOAT), priority=5, stream=True))

    assert (job.priority, job.stream, job.request) == (5, True, BOAT)
    with pytest.raises(TypeError, match="not both"):
        world.run(client.texts.enqueue(TextRequest(**BOAT), temperature=1))


def test_the_same_key_is_the_same_job_and_another_request_a_conflict(world: World, server: str) -> None:
    client = world.connect(server)
    first = world.run(client.texts.enqueue(BOAT, idempotency_key="k"))

    again = world.run(client.texts.enqueue(BOAT, idempotency_key="k"))
    with pytest.raises(ConflictError, match="text job"):
        world.run(client.texts.enqueue(BOAT, idempotency_key="k", seed=1))

    assert again.id == first.id


def test_what_is_refused_never_reaches_the_server(world: World) -> None:
    client = world.client(lambda _request: pytest.fail("something was sent"))

    with pytest.raises(InvalidRequestError, match="frequencyPenalty"):
        world.run(client.texts.enqueue(BOAT, frequencyPenalty=1))


def test_jobs_are_listed_and_cancelled(world: World, server: str) -> None:
    client = world.connect(server)
    ids = [world.run(client.texts.enqueue(BOAT, seed=seed)).id for seed in range(5)]

    cancelled = world.run(client.texts.cancel(ids[0]))
    listed = list(world.run(client.texts.list(state=TextState.QUEUED, page_size=2)))

    assert cancelled.state is TextState.CANCELLED
    assert [job.id for job in listed] == ids[:0:-1]
    with pytest.raises(NotFoundError):
        world.run(client.texts.get(JOB_ID))


def test_a_held_job_is_decided(world: World, server: str, answer: Answer) -> None:
    client = world.connect(server)
    job = world.run(client.texts.enqueue(BOAT))
    answer(job.id, TextState.HELD)

    assert world.run(client.texts.decide(job.id, "give_up")).state is TextState.FAILED
    with pytest.raises(ConflictError, match="only a held one"):
        world.run(client.texts.decide(job.id, "ask_again"))


def test_a_job_that_ends_without_an_answer_is_an_error(world: World, server: str, answer: Answer) -> None:
    client = world.connect(server)
    job = world.run(client.texts.enqueue(BOAT))
    with pytest.raises(WaitTimeoutError, match="text job"):
        world.run(client.texts.wait(job.id, 0))
    answer(job.id, TextState.FAILED, failure_code="blocked", failure_message="it was moderated")

    with pytest.raises(TextJobError, match=r"failed \(blocked\): it was moderated"):
        world.run(client.texts.wait(job.id))


def test_an_answer_is_followed_to_its_end(
    world: World, server: str, answer: Answer, valkey_server: ValkeyServer
) -> None:
    client = world.connect(server)
    job = world.run(client.texts.enqueue(BOAT, stream=True))
    write(valkey_server, job.id)
    answer(job.id)

    seen = list(world.run(client.texts.stream(job.id)))

    assert seen[:-1] == [TextPiece(kind="begin", text="1"), TextPiece(kind="text", text="Swan.")]
    assert isinstance(seen[-1], TextJob)
    assert seen[-1].answer is not None
    assert seen[-1].answer.text == "Swan."


def test_a_broken_stream_goes_on_behind_its_last_event(world: World) -> None:
    asked: list[str | None] = []
    ended = job_text(state="succeeded", is_terminal=True)
    first = 'id: 5-0\nevent: text\ndata: {"text": "Sw"}\n\n'
    rest = f'id: 6-0\nevent: text\ndata: {{"text": "an."}}\n\nevent: job\ndata: {ended}\n\nevent: end\ndata: {{}}\n\n'

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("last-event-id"))
        if len(asked) == 2:
            return httpx.Response(503)
        body = first if len(asked) == 1 else rest
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=body)

    seen = list(world.run(world.client(handle).texts.stream(JOB_ID)))

    assert asked == [None, "5-0", "5-0"]
    assert "".join(piece.text for piece in seen[:-1]) == "Swan."
    assert seen[-1].is_terminal


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        (httpx.Response(404, json={"code": "job_not_found", "detail": "there is none"}), NotFoundError),
        (httpx.Response(503), UnavailableError),
        (httpx.Response(200, text="event: unauthorized\ndata: {}\n\n"), AuthenticationError),
    ],
)  # fmt: skip
def test_a_stream_that_cannot_go_on_is_an_error(world: World, answers: httpx.Response, error: type[Exception]) -> None:
    def handle(_request: httpx.Request) -> httpx.Response:
        headers = {"content-type": "text/event-stream"} if answers.status_code == 200 else {}
        return httpx.Response(answers.status_code, content=answers.content, headers=headers)

    with pytest.raises(error):
        list(world.run(world.client(handle, retry_seconds=0).texts.stream(JOB_ID)))


def test_ask_prints_the_answer_and_its_bill(server: str, scripted: None) -> None:
    result = run("ask", "Name a paper boat.", "--model", "qwen-plus", "--thinking", "--budget-tokens", "50")

    assert result.exit_code == 0, result.stderr
    assert result.stdout == "Swan.\n"
    assert result.stderr.splitlines()[-1] == "qwen-plus: 1200 tokens in, 5 out (2 of thought), 0.000486 USD"


def test_ask_prints_an_answer_while_it_comes(server: str, scripted: None) -> None:
    result = run("ask", "Name a paper boat.", "--model", "qwen-plus", "--stream")

    assert (result.exit_code, result.stdout) == (0, "Swan.\n")


def test_ask_shows_the_most_it_may_cost_and_sends_nothing() -> None:
    result = run("ask", "Name a boat.", "-m", "qwen-plus", "--max-output-tokens", "10", "--preview")

    assert result.exit_code == 0
    assert json.loads(result.stdout)["request"]["body"]["max_tokens"] == 10
    assert result.stderr.startswith("costs at most 0.000")


def test_ask_answers_a_file_in_its_order(server: str, scripted: None, tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"prompt": "One?", "customId": "a"}\n\n{"messages": [{"role": "user", "content": "Two?"}]}\n')

    result = run("ask", "--file", str(file), "--model", "qwen-plus", "--idempotency-key", "night", "--yes")

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0, result.stderr
    assert [(line["number"], line["text"]) for line in lines] == [(1, "Swan."), (2, "Swan.")]
    assert lines[0]["custom_id"] == "a"
    again = run("ask", "--file", str(file), "--model", "qwen-plus", "--idempotency-key", "night", "--yes")
    assert [json.loads(line)["id"] for line in again.stdout.splitlines()] == [line["id"] for line in lines]


def test_ask_writes_the_answers_of_a_batched_file(
    server: str, scripted: None, tmp_path: Path, engine_of_api: Engine
) -> None:
    file, output = tmp_path / "prompts.jsonl", tmp_path / "answers.jsonl"
    file.write_text('{"prompt": "One?", "custom_id": "a"}\n')

    result = run("ask", "--file", str(file), "-m", "qwen-plus", "--batch", "--yes", "--output", str(output))

    assert (result.exit_code, result.stdout) == (0, ""), result.stderr
    (line,) = [json.loads(line) for line in output.read_text().splitlines()]
    assert (line["text"], line["custom_id"]) == ("Swan.", "a")
    with Client(server) as client:
        assert client.texts.get(line["id"]).batch


FILES = {
    "file": b'{"prompt": "One?"}\n{"prompt": 2}\n',
    "list": b"[1]\n",
    "twice": b'{"prompt": "One?", "customId": "a"}\n\n{"prompt": "Two?", "custom_id": "a"}\n',
    "broken": b"\xff\n",
    "empty": b"\n",
    "hot": b'{"prompt": "One?"}\n{"prompt": "Two?", "temperature": 2}\n',
    "one": b'{"prompt": "One?"}\n',
}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give either a question or --file"),
        (["x", "--thinking", "-m", "qwen-max"], "qwen-max"),
        (["x", "--max-cost", "2"], "max_cost"),
        (["--file", "{file}"], "line 2"),
        (["--file", "{file}", "--stream"], "--stream"),
        (["--file", "{list}"], "line 1: is a JSON list"),
        (["--file", "{twice}"], "line 3: custom_id 'a' is in line 1"),
        (["--file", "{broken}"], "line 1: is no JSON"),
        (["--file", "{empty}"], "has no question"),
        (["--file", "{hot}", "--batch"], "line 2: temperature"),
        (["--file", "{one}"], "say --yes"),
        (["--file", "{one}", "--batch"], "1 question in batches, at half the price, for at most"),
        (["x", "--batch", "--stream"], "stream"),
    ],
)
def test_ask_refuses_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.setenv("REELQUEUE_API_URL", "http://127.0.0.1:1")
    files = {}
    for name, content in FILES.items():
        files[name] = tmp_path / f"{name}.jsonl"
        files[name].write_bytes(content)
    arguments = [word.format(**files) for word in arguments]

    result = run("ask", "--model", "qwen-plus", *arguments)

    assert result.exit_code == 1
    assert words in result.stderr


def test_jobs_are_listed_shown_stopped_and_decided_at_a_terminal(
    server: str, answer: Answer, engine_of_api: Engine
) -> None:
    with Client(server) as client:
        stopped, lost, done = (client.texts.enqueue(BOAT, custom_id=name).id for name in ("a", "b", "c"))
    answer(lost, TextState.HELD, failure_code="lost", failure_message="it was lost")
    answer(done)

    listed = run("text", "list", "--state", "held", "--state", "succeeded").stdout

    assert [str(done) in listed, str(lost) in listed, str(stopped) in listed] == [True, True, False]
    assert "0.000486 USD" in listed
    assert "Swan." in run("text", "show", str(done)).stdout
    assert run("text", "cancel", str(stopped)).stdout == "cancelled\n"
    assert run("text", "decide", str(lost), "ask_again").stdout == "queued\n"
    refused = run("text", "decide", str(lost), "give_up")
    assert (refused.exit_code, "only a held one" in refused.stderr) == (1, True)


def test_ask_says_how_to_decide_on_a_held_job(server: str, answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[UUID] = []

    def lost(self: TextCalls, *arguments: Any, **options: Any) -> TextJob:
        job = ENQUEUE(self, *arguments, **options)
        answer(job.id, TextState.HELD, failure_message="its answer was lost")
        held.append(job.id)
        return job

    monkeypatch.setattr(TextCalls, "enqueue", lost)

    result = run("ask", "A boat?", "-m", "qwen-plus", "--timeout-seconds", "0")

    assert result.exit_code == 1
    assert f"held: its answer was lost; reelqueue text decide {held[0]} ask_again" in result.stderr


@pytest.fixture
def scripted(
    engine_of_api: Engine, answer: Answer, monkeypatch: pytest.MonkeyPatch, valkey_server: ValkeyServer
) -> None:
    """Every job is answered as soon as it is stored."""

    def answered(self: TextCalls, *arguments: Any, **options: Any) -> TextJob:
        job = ENQUEUE(self, *arguments, **options)
        write(valkey_server, job.id)
        answer(job.id)
        return job

    monkeypatch.setattr(TextCalls, "enqueue", answered)


def write(valkey_server: ValkeyServer, job_id: UUID) -> None:
    """Write an answer as it comes."""
    with connect(valkey_server.broker_url) as broker:
        writer = LiveWriter(broker, job_id)
        for kind, text in (("begin", "1"), ("text", "Sw"), ("text", "an.")):
            writer.write(kind, text)  # type: ignore[arg-type]
        writer.flush()


def job_text(**changes: Any) -> str:
    """A text job as the API answers with it."""
    empty = ["request", "max_cost", "start_by", "custom_id", "metadata", "answer", "partial_text", "failure"]
    empty += ["estimated_max_cost", "cost", "started_at", "cancel_requested_at", "finished_at"]
    facts = {
        "id": str(JOB_ID), "state": "queued", "is_terminal": False, "model": "qwen-plus", "stream": True,
        "batch": False, "on_lost_answer": "hold", "campaign": "default", "priority": 0, "warnings": [],
        "attempt_count": 1, "created_at": "2026-11-23T12:00:00Z",
    }  # fmt: skip
    return json.dumps(dict.fromkeys(empty) | facts | changes)
