"""Wrong turns and broken services: every error is a problem, and says which."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import SimpleQueue

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy.orm import Session

from api.dispatch_hints import DispatchHints
from api.settings import ApiSettings
from models import Account, SubmitGate
from models.session import make_engine
from tests.api.conftest import problem, request, serving

UNKNOWN = "018f2e5e-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/jobs/", 404, "not_found"),
        ("GET", f"/v1/jobs/{UNKNOWN}", 404, "job_not_found"),
        ("GET", "/v1/jobs/not-an-id", 422, "invalid_parameter"),
        ("DELETE", f"/v1/jobs/{UNKNOWN}", 405, "method_not_allowed"),
        ("GET", "/v1/preview", 405, "method_not_allowed"),
        ("GET", "/v1/jobs/batch", 405, "method_not_allowed"),
    ],
)
def test_a_wrong_turn_is_a_problem(api: httpx.Client, method: str, path: str, status: int, code: str) -> None:
    answer = api.request(method, path)

    assert answer.status_code == status
    assert problem(answer)["code"] == code


def test_a_wrong_method_is_told_all_right_ones(api: httpx.Client) -> None:
    assert api.delete("/v1/jobs").headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/jobs"),
        ("GET", "/v1/jobs"),
        ("GET", f"/v1/jobs/{UNKNOWN}"),
        ("POST", "/v1/preview"),
        ("GET", "/v1/models"),
    ],
)
def test_without_the_database_callers_are_asked_to_come_back(stranded: httpx.Client, method: str, path: str) -> None:
    answer = stranded.request(method, path, json=request())

    assert answer.status_code == 503
    assert problem(answer)["code"] == "database_unavailable"
    assert answer.headers["retry-after"] == "2"


def test_what_needs_no_database_works_without(stranded: httpx.Client) -> None:
    assert stranded.get("/healthz").json() == {"status": "ok"}


def test_not_ready_without_the_database(stranded: httpx.Client) -> None:
    answer = stranded.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["status"] == "not_ready"
    assert "database" in answer.json()["database"]["reason"]
    assert "canary" not in answer.text


def test_ready_with_both_and_degraded_without_the_broker(settings: ApiSettings) -> None:
    broken = settings.model_copy(update={"broker_url": SecretStr("redis://:canary@127.0.0.1:1/0")})
    with serving(settings) as healthy, serving(broken) as degraded:
        ready, limping = healthy.get("/readyz"), degraded.get("/readyz")

    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert (limping.status_code, limping.json()["status"]) == (200, "degraded")
    assert "canary" not in limping.text


def test_degraded_while_a_restored_database_holds_jobs_back(settings: ApiSettings, database_url: str) -> None:
    restored = settings.model_copy(update={"database_url": SecretStr(database_url)})
    engine = make_engine(database_url)
    with Session(engine) as session, session.begin():
        account = Account(name="canary", base_url="https://canary.test", region="x", key_env="KEY", headers={})
        session.add(account)
        session.flush()
        session.add(SubmitGate(account_id=account.id, database_id="of a backup", is_open=True))
    engine.dispose()
    with serving(restored) as api:
        answer = api.get("/readyz")

    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert "python -m workers recover" in answer.json()["submissions"]["reason"]
    assert "canary" not in answer.text


def test_a_fault_of_our_own_tells_nothing_of_it(settings: ApiSettings, capfd: pytest.CaptureFixture[str]) -> None:
    unusable = settings.model_copy(update={"video_base_url": None})
    with serving(unusable) as api:
        answer = api.post("/v1/preview", json=request(prompt="a secret garden"))

    assert answer.status_code == 500
    assert problem(answer)["code"] == "internal_error"
    assert "garden" not in answer.text + "".join(capfd.readouterr())


def test_hints_go_on_after_the_broker_was_away() -> None:
    faults = iter([ConnectionError("broker away"), RuntimeError("a bug")])
    sent: SimpleQueue[str] = SimpleQueue()

    def send() -> None:
        fault = next(faults, None)
        sent.put(type(fault).__name__)
        if fault is not None:
            raise fault

    hints = DispatchHints(send)
    hints.start()
    seen = []
    for _ in range(3):
        hints.request_dispatch()
        seen.append(sent.get(timeout=30))
    hints.close()

    assert seen == ["ConnectionError", "RuntimeError", "NoneType"]


def test_hints_that_pile_up_behind_a_slow_broker_become_one() -> None:
    begun: SimpleQueue[None] = SimpleQueue()
    answered = threading.Semaphore(0)

    def send() -> None:
        begun.put(None)
        answered.acquire()

    hints = DispatchHints(send)
    hints.start()
    hints.request_dispatch()
    begun.get(timeout=30)  # the broker has this one and does not answer
    for _ in range(100):
        hints.request_dispatch()
    answered.release(2)
    hints.close()

    assert begun.qsize() == 1


@pytest.fixture
def stranded(settings: ApiSettings) -> Iterator[httpx.Client]:
    """An API whose database does not answer."""
    nowhere = SecretStr("postgresql+psycopg://reelqueue:canary@127.0.0.1:1/reelqueue")
    with serving(settings.model_copy(update={"database_url": nowhere})) as client:
        yield client
