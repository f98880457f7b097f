"""Who may call, and whose jobs they see."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from api.app import _ROUTES
from models.api_key import ApiKey, KeyScope
from tests.api.conftest import problem, request

CANARY = "rq_canary-3f2a9c"


def test_without_a_key_nothing_is_served(locked: httpx.Client) -> None:
    paths = ["/v1/jobs", "/v1/models", f"/v1/jobs/{'0' * 32}", f"/v1/jobs/{'0' * 32}/asset"]

    answers = [locked.get(path) for path in paths]

    assert [answer.status_code for answer in answers] == [401] * len(paths)
    assert all(answer.headers["www-authenticate"].startswith("Bearer") for answer in answers)


def test_health_needs_no_key(locked: httpx.Client) -> None:
    assert locked.get("/healthz").status_code == 200
    assert locked.get("/readyz").status_code == 200


@pytest.mark.parametrize("header", [f"Bearer {CANARY}", f"Basic {CANARY}", CANARY, "Bearer", f"Bearer {CANARY}\xe9"])
def test_a_wrong_key_is_refused_and_not_repeated(
    locked: httpx.Client, capfd: pytest.CaptureFixture[str], header: str
) -> None:
    answer = locked.get("/v1/jobs", headers={"Authorization": header.encode("latin-1")})

    assert answer.status_code == 401
    assert problem(answer)["code"] == "unauthorized"
    assert CANARY not in answer.text + str(answer.headers) + "".join(capfd.readouterr())


def test_a_key_is_checked_before_the_body_is_read(locked: httpx.Client) -> None:
    answer = locked.post("/v1/jobs", content=b"not even JSON")

    assert answer.status_code == 401


def test_a_key_opens_the_api(locked: httpx.Client, alice: dict[str, str]) -> None:
    answer = locked.post("/v1/jobs", json=request(), headers=alice)

    assert answer.status_code == 201


def test_a_revoked_key_opens_nothing(locked: httpx.Client, rows: Session, alice: dict[str, str]) -> None:
    rows.execute(update(ApiKey).values(revoked_at=func.now()))
    rows.commit()

    assert locked.get("/v1/jobs", headers=alice).status_code == 401


def test_an_expired_key_opens_nothing(locked: httpx.Client, rows: Session, alice: dict[str, str]) -> None:
    rows.execute(update(ApiKey).values(expires_at=func.now()))
    rows.commit()

    assert locked.get("/v1/jobs", headers=alice).status_code == 401


def test_a_key_that_was_rotated_works_until_its_end(locked: httpx.Client, rows: Session, alice: dict[str, str]) -> None:
    rows.execute(update(ApiKey).values(revoked_at=func.now() + timedelta(hours=1)))
    rows.commit()

    assert locked.get("/v1/jobs", headers=alice).status_code == 200


CHANGING = [
    (method, route.path)
    for routes in _ROUTES
    for route in routes.router.routes
    if isinstance(route, APIRoute) and route.path.startswith("/v1/")
    for method in sorted(route.methods - {"GET"})
    if route.path not in {"/v1/preview", "/v1/campaigns/{name}/link"}
]


@pytest.mark.parametrize(("method", "path"), CHANGING)
def test_a_key_that_may_only_read_changes_nothing(
    locked: httpx.Client, rows: Session, alice: dict[str, str], method: str, path: str
) -> None:
    rows.execute(update(ApiKey).values(scope=KeyScope.READ))
    rows.commit()

    answer = locked.request(method, path.format_map(defaultdict(lambda: "0" * 32)), headers=alice)

    assert (answer.status_code, problem(answer)["code"]) == (403, "read_only_key")


def test_a_key_that_may_only_read_reads(locked: httpx.Client, rows: Session, alice: dict[str, str]) -> None:
    locked.put("/v1/campaigns/autumn", json={}, headers=alice).raise_for_status()
    rows.execute(update(ApiKey).values(scope=KeyScope.READ))
    rows.commit()

    answers = [
        locked.get("/v1/jobs", headers=alice),
        locked.post("/v1/preview", json=request(), headers=alice),
        locked.post("/v1/campaigns/autumn/link", headers=alice),
        locked.get("/v1/campaigns/autumn/results.csv", headers=alice),
    ]

    assert [answer.status_code for answer in answers] == [200] * 4


def test_the_last_use_of_a_key_is_noted_once_a_minute(
    locked: httpx.Client, rows: Session, alice: dict[str, str], bob: dict[str, str]
) -> None:
    def last_use() -> datetime | None:
        rows.rollback()
        return rows.scalars(select(ApiKey.last_used_at).where(ApiKey.name == "alice")).one()

    assert last_use() is None
    locked.get("/v1/jobs", headers=alice)
    first = last_use()
    locked.get("/v1/jobs", headers=alice)
    assert last_use() == first is not None
    rows.execute(update(ApiKey).values(last_used_at=func.now() - timedelta(minutes=2)))
    rows.commit()
    locked.get("/v1/jobs", headers=alice)
    assert (last_use() or first) > first


def test_a_wrong_key_is_refused_even_where_none_is_needed(api: httpx.Client) -> None:
    assert api.get("/v1/jobs", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_another_keys_job_does_not_exist(locked: httpx.Client, alice: dict[str, str], bob: dict[str, str]) -> None:
    job = post(locked, alice)
    path = f"/v1/jobs/{job['id']}"

    answers = [locked.get(path + tail, headers=bob) for tail in ("", "/events", "/asset", "/poster")]
    answers.append(locked.post(f"{path}/cancel", headers=bob))

    assert [answer.status_code for answer in answers] == [404] * 5
    assert {problem(answer)["code"] for answer in answers} == {"job_not_found"}
    assert locked.get("/v1/jobs", headers=bob).json()["items"] == []
    assert locked.get(path, headers=alice).json()["state"] == "queued"


def test_an_idempotency_key_is_its_callers_own(
    locked: httpx.Client, alice: dict[str, str], bob: dict[str, str]
) -> None:
    hers = post(locked, alice | {"Idempotency-Key": "shot-1"})

    his = post(locked, bob | {"Idempotency-Key": "shot-1"})

    assert hers["id"] != his["id"]


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "192.168.0.1",
        "localhost.evil.example:80",
        "[",
        "a]b",
        "[::1]x",
        "",
        "127.0.0.1@evil.example",
        "%",
    ],
)
def test_a_name_that_was_rebound_to_loopback_is_refused(api: httpx.Client, host: str) -> None:
    answer = api.get("/v1/jobs", headers={"Host": host})

    assert answer.status_code == 403
    assert problem(answer)["code"] == "not_local"


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example", "http://[", "[", ""]
)
def test_a_page_of_another_origin_cannot_post(api: httpx.Client, origin: str) -> None:
    answer = api.post("/v1/jobs", json=request(), headers={"Origin": origin})

    assert answer.status_code == 403


@pytest.mark.parametrize(
    "header",
    ["Forwarded", "X-Forwarded-For", "x-forwarded-proto", "X-Forwarded-Host", "X-Real-IP", "Via", "CF-Connecting-IP"],
)
def test_without_keys_nothing_is_taken_from_a_proxy(api: httpx.Client, header: str) -> None:
    answers = [api.get(path, headers={header: "203.0.113.9"}) for path in ("/v1/jobs", "/v1/models", "/campaigns")]

    assert [(answer.status_code, problem(answer)["code"]) for answer in answers] == [(403, "forwarded")] * 3


def test_with_keys_a_proxy_may_pass_requests_on(locked: httpx.Client, alice: dict[str, str]) -> None:
    headers = alice | {"X-Forwarded-For": "203.0.113.9", "Via": "1.1 proxy"}

    assert locked.get("/v1/jobs", headers=headers).status_code == 200


@pytest.mark.parametrize("headers", [{"Origin": "http://localhost:3000"}, {"Sec-Fetch-Site": "same-site"}])
@pytest.mark.parametrize(("method", "path"), CHANGING)
def test_without_keys_another_page_of_this_machine_changes_nothing(
    api: httpx.Client, method: str, path: str, headers: dict[str, str]
) -> None:
    """A POST without a body needs no leave of the browser's, so every one of them is tried."""
    answer = api.request(method, path.format_map(defaultdict(lambda: "0" * 32)), headers=headers)

    assert (answer.status_code, problem(answer)["code"]) == (403, "other_origin")


def test_without_keys_the_apis_own_pages_may_post(api: httpx.Client) -> None:
    own = f"http://{api.base_url.netloc.decode()}"

    assert api.post("/v1/jobs", json=request(), headers={"Origin": own}).status_code == 201


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1:8000", "127.8.8.8", "[::1]:8000"])
def test_every_name_of_this_machine_is_served(api: httpx.Client, host: str) -> None:
    assert api.get("/v1/models", headers={"Host": host}).status_code == 200


def post(api: httpx.Client, headers: dict[str, str]) -> dict[str, Any]:
    """A job that was enqueued with these headers."""
    job: dict[str, Any] = api.post("/v1/jobs", json=request(), headers=headers).raise_for_status().json()
    return job
