"""Webhook endpoints over HTTP: made once with a secret, seen by their owner only."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from api.routes.webhooks import MAX_ENDPOINTS
from api.settings import ApiSettings
from models.api_key import ApiKey
from models.operations.webhooks.endpoints import derive_secret
from models.tenant import ensure_tenant
from models.webhook_delivery import WebhookDelivery
from models.webhook_endpoint import WebhookEndpoint
from reelqueue.webhooks import DeliveryState
from tests.api.conftest import Enqueue, problem, serving

URL = "https://receiver.example/hook"


def make(api: httpx.Client, url: str = URL, **headers: str) -> dict[str, Any]:
    answer = api.post("/v1/webhooks", json={"url": url}, headers=headers)
    assert answer.status_code == 201, answer.text
    endpoint: dict[str, Any] = answer.json()
    return endpoint


def test_an_endpoint_is_made_with_a_secret_that_is_shown_once(api: httpx.Client, settings: ApiSettings) -> None:
    answer = api.post("/v1/webhooks", json={"url": URL})

    made = answer.json()
    assert settings.webhook_key
    assert made["secret"] == derive_secret(settings.webhook_key, UUID(made["id"])).get_secret_value()
    assert answer.headers["cache-control"] == "no-store"
    assert "secret" not in api.get(answer.headers["location"]).json()
    assert made["secret"] not in api.get("/v1/webhooks").text


@pytest.mark.parametrize(
    "url",
    [
        "http://receiver.example/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::ffff:10.0.0.1]/",
        "https://0x7f000001/",
        "https://me:secret@receiver.example/",
        "file:///etc/passwd",
        "gopher://receiver.example/",
        "https://xn--/",
        "no URL",
    ],
)
def test_a_url_that_nothing_is_posted_to_is_refused(api: httpx.Client, url: str) -> None:
    answer = api.post("/v1/webhooks", json={"url": url})

    assert (answer.status_code, problem(answer)["code"], problem(answer)["field"]) == (422, "unsafe_url", "url")
    assert "secret" not in answer.text


def test_a_host_that_the_operator_allows_is_taken(api: httpx.Client) -> None:
    assert make(api, "http://receiver:8080/")["url"] == "http://receiver:8080/"


@pytest.mark.parametrize("body", [{}, {"url": None}, {"url": ""}, {"url": 1}, {"url": URL, "secret": "mine"}])
def test_a_body_of_another_shape_is_refused(api: httpx.Client, body: dict[str, object]) -> None:
    answer = api.post("/v1/webhooks", json=body)

    assert (answer.status_code, problem(answer)["code"]) == (422, "invalid_option")


def test_there_is_an_end_to_endpoints(api: httpx.Client) -> None:
    for _ in range(MAX_ENDPOINTS):
        make(api)

    assert problem(api.post("/v1/webhooks", json={"url": URL}))["code"] == "too_many_webhooks"


def test_a_server_without_a_key_says_so(settings: ApiSettings, rows: Session) -> None:
    assert rows
    with serving(settings.model_copy(update={"webhook_key": None})) as unkeyed:
        assert problem(unkeyed.post("/v1/webhooks", json={"url": URL}))["code"] == "webhooks_off"


def test_a_deleted_endpoint_is_told_nothing(api: httpx.Client, rows: Session, enqueue: Enqueue) -> None:
    path = f"/v1/webhooks/{make(api)['id']}"

    deleted = api.delete(path)
    api.post(f"/v1/jobs/{enqueue()['id']}/cancel")

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert api.get(path).status_code == api.delete(path).status_code == 404
    assert api.get("/v1/webhooks").json() == {"items": []}
    assert rows.scalars(select(WebhookDelivery)).all() == []


def test_what_an_endpoint_is_told_can_be_read(api: httpx.Client, enqueue: Enqueue) -> None:
    path = f"/v1/webhooks/{make(api)['id']}/deliveries"
    jobs = [enqueue()["id"] for _ in range(3)]
    for job in jobs:
        api.post(f"/v1/jobs/{job}/cancel")

    first = api.get(path, params={"limit": 2}).json()
    second = api.get(path, params={"limit": 2, "before": first["next_before"]}).json()

    seen = [each["job_id"] for each in first["items"] + second["items"]]
    assert seen == jobs[::-1]
    assert second["next_before"] is None
    assert {(each["type"], each["state"]) for each in first["items"]} == {("render_job.cancelled", "pending")}


def test_an_endpoint_can_be_tried(api: httpx.Client) -> None:
    endpoint = make(api)

    tried = api.post(f"/v1/webhooks/{endpoint['id']}/test")

    assert tried.status_code == 202
    assert (tried.json()["type"], tried.json()["job_id"]) == ("webhook.test", None)
    assert api.get(f"/v1/webhooks/{endpoint['id']}/deliveries").json()["items"] == [tried.json()]


def test_a_dead_delivery_can_be_tried_again_under_its_id(api: httpx.Client, rows: Session) -> None:
    path = f"/v1/webhooks/{make(api)['id']}"
    delivery_id = api.post(f"{path}/test").json()["id"]
    rows.execute(update(WebhookDelivery).values(state=DeliveryState.DEAD, next_attempt_at=None, finished_at=func.now()))
    rows.commit()

    again = api.post(f"{path}/deliveries/{delivery_id}/redeliver")

    assert again.status_code == 202
    assert (again.json()["id"], again.json()["state"], again.json()["finished_at"]) == (delivery_id, "pending", None)
    assert again.json()["next_attempt_at"]


def test_a_disabled_endpoint_takes_nothing_until_it_is_enabled(api: httpx.Client, rows: Session) -> None:
    path = f"/v1/webhooks/{make(api)['id']}"
    delivery_id = api.post(f"{path}/test").json()["id"]
    rows.execute(update(WebhookEndpoint).values(disabled_at=func.now(), disabled_reason="gone", failure_count=3))
    rows.commit()

    refused = [api.post(f"{path}/test"), api.post(f"{path}/deliveries/{delivery_id}/redeliver")]
    enabled = api.post(f"{path}/enable").json()

    assert {problem(answer)["code"] for answer in refused} == {"webhook_disabled"}
    assert (enabled["disabled_at"], enabled["disabled_reason"], enabled["failure_count"]) == (None, None, 0)
    assert api.post(f"{path}/test").status_code == 202


def test_a_delivery_of_another_endpoint_is_not_found(api: httpx.Client) -> None:
    one, other = make(api)["id"], make(api)["id"]
    delivery_id = api.post(f"/v1/webhooks/{one}/test").json()["id"]

    for path in (f"/v1/webhooks/{other}/deliveries/{delivery_id}", f"/v1/webhooks/{one}/deliveries/{uuid4()}"):
        assert problem(api.post(f"{path}/redeliver"))["code"] == "delivery_not_found"


def test_another_tenants_endpoint_does_not_exist(settings: ApiSettings, rows: Session) -> None:
    alice, bob = (key_of(rows, name) for name in ("alice", "bob"))
    with serving(settings, require_key=True) as locked:
        path = f"/v1/webhooks/{make(locked, **alice)['id']}"
        answers = [
            locked.request(method, path + tail, headers=bob)
            for method, tail in [
                ("GET", ""),
                ("DELETE", ""),
                ("POST", "/enable"),
                ("POST", "/test"),
                ("GET", "/deliveries"),
                ("POST", f"/deliveries/{uuid4()}/redeliver"),
            ]
        ]
        listed = locked.get("/v1/webhooks", headers=bob).json()
        unknown = locked.get(path)

    assert {problem(answer)["code"] for answer in answers} == {"webhook_not_found"}
    assert listed == {"items": []}
    assert unknown.status_code == 401


def key_of(rows: Session, name: str) -> dict[str, str]:
    key = f"rq_{name}"
    tenant_id = ensure_tenant(rows, name)
    rows.add(ApiKey(name=name, tenant_id=tenant_id, sha256=hashlib.sha256(key.encode()).hexdigest()))
    rows.commit()
    return {"Authorization": f"Bearer {key}"}


def test_a_second_endpoint_of_one_url_names_the_first(api: httpx.Client) -> None:
    first = api.post("/v1/webhooks", json={"url": URL}).json()
    other = api.post("/v1/webhooks", json={"url": f"{URL}?of=another"}).json()

    second = api.post("/v1/webhooks", json={"url": URL}).json()

    assert (first["same_url_ids"], other["same_url_ids"]) == ([], [])
    assert second["same_url_ids"] == [first["id"]]
