"""Imports over HTTP: a whole file or nothing, however often a part of it is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from api.settings import ApiSettings
from models import Account, Campaign, ClipImport, ModelPrice, RenderJob, StagedClip
from models.operations.campaign_import.staging import sweep_imports
from reelqueue.catalog.price_list import PriceSource
from tests.api.conftest import problem, request, serving
from tests.support.campaigns import NDJSON, clips, do, make, read, submit_clips
from tests.support.stored_clips import age

IMPORTS = "/v1/campaigns/autumn/imports"


def begin(api: httpx.Client, **body: Any) -> str:
    """A new import."""
    answer = api.post(IMPORTS, json=body)
    assert answer.status_code == 201, answer.text
    return f"{IMPORTS}/{answer.json()['id']}"


def stage(api: httpx.Client, place: str, number: int, *lines: dict[str, Any]) -> dict[str, Any]:
    """Send a batch."""
    body = "\n".join(map(json.dumps, lines))
    answer = api.put(f"{place}/batches/{number}", content=body, headers={"Content-Type": NDJSON})
    assert answer.status_code == 200, answer.text
    staged: dict[str, Any] = answer.json()
    return staged


def commit(api: httpx.Client, place: str, count: int) -> httpx.Response:
    """Put it in force."""
    return api.post(f"{place}/commit", json={"clips": count})


def count_of(rows: Session, table: type[RenderJob | StagedClip | ClipImport]) -> int:
    """How many rows there are."""
    return rows.scalars(select(func.count()).select_from(table)).one()


def test_nothing_is_in_force_before_the_commit(api: httpx.Client, rows: Session) -> None:
    place = begin(api, options={"budget": "40 USD"}, file_name="autumn.yaml")
    stage(api, place, 1, *clips(3))
    before = (count_of(rows, RenderJob), api.get("/v1/campaigns").json()["items"])

    stored = commit(api, place, 3).json()

    campaign = read(api)
    assert (before, stored["new"]) == ((0, []), 3)
    assert (campaign["counts"], campaign["file_name"]) == ({"queued": 3}, "autumn.yaml")
    assert campaign["options"]["budget"] == {"amount": "40", "currency": "USD"}


def test_a_campaign_has_its_variables_in_the_order_of_its_file(api: httpx.Client, rows: Session) -> None:
    files = [("Ground", "SKU"), ("style", "Ground", "SKU", "Name")]
    for columns in files:
        place = begin(api)
        lines = [line | {"clip": {"variables": dict.fromkeys(columns, "x")}} for line in clips(2)]
        for number, line in enumerate(lines, 1):
            assert stage(api, place, number, line)["bad"] == 0
        assert commit(api, place, 2).status_code == 200

    assert rows.scalars(select(Campaign.variable_names)).one() == ["style", "Ground", "SKU", "Name"]


@pytest.mark.parametrize("way", ["import", "clips", "contents"])
def test_a_database_of_an_older_version_knows_its_clips_under_new_signatures(
    api: httpx.Client, rows: Session, way: str
) -> None:
    make(api)
    signed = [one | {"audio_url": f"https://media.example/{n}.mp3?sv=1&sig={{}}"} for n, one in enumerate(clips(3))]
    first, second = ([one | {"audio_url": one["audio_url"].format(day)} for one in signed] for day in (1, 2))
    assert submit_clips(api, *first).json()["new"] == 3
    known = api.get("/v1/campaigns/autumn/contents").text
    age(rows, rows.scalars(select(Campaign)).one())
    rows.commit()

    match way:
        case "import":
            place = begin(api)
            stage(api, place, 1, *second)
            stored = commit(api, place, 3).json()
        case "clips":
            stored = submit_clips(api, *second).json()
        case "contents":
            assert api.get("/v1/campaigns/autumn/contents").text == known
            return

    # Waiting clips are sent with the newest signature.
    assert {name: stored[name] for name in ("new", "changed", "present")} == {"new": 0, "changed": 0, "present": 3}
    urls = select(RenderJob.audio_url).execution_options(populate_existing=True)
    assert {str(url)[-1] for url in rows.scalars(urls)} == {"2"}


def test_a_batch_that_is_sent_again_replaces_itself(api: httpx.Client) -> None:
    place = begin(api)
    for _ in range(2):
        stage(api, place, 1, *clips(3))

    assert commit(api, place, 3).json()["new"] == 3


def test_a_commit_that_is_sent_again_is_told_again(api: httpx.Client, rows: Session) -> None:
    place = begin(api)
    stage(api, place, 1, *clips(3))

    first, second = commit(api, place, 3).json(), commit(api, place, 3).json()

    assert (first, count_of(rows, RenderJob), count_of(rows, StagedClip)) == (second, 3, 0)


def test_an_import_that_lacks_a_batch_stores_nothing(api: httpx.Client, rows: Session) -> None:
    place = begin(api)
    stage(api, place, 1, *clips(3))

    answer = commit(api, place, 4)

    assert (answer.status_code, problem(answer)["code"]) == (409, "import_outdated")
    assert (count_of(rows, RenderJob), api.get("/v1/campaigns").json()["items"]) == (0, [])


def test_an_id_in_two_batches_stores_nothing(api: httpx.Client, rows: Session) -> None:
    place = begin(api)
    stage(api, place, 1, *clips(1))
    stage(api, place, 2, clips(1)[0] | {"prompt": "another"})

    answer = commit(api, place, 2)

    assert (answer.status_code, problem(answer)["code"], count_of(rows, RenderJob)) == (422, "duplicate_id", 0)


def test_bad_lines_are_told_and_left_out(api: httpx.Client) -> None:
    place = begin(api)

    staged = stage(api, place, 1, *clips(2), {"custom_id": "x", "model": "wan2.6-t2v"})

    (told,) = staged["problems"]
    assert (staged["clips"], staged["bad"]) == (2, 1)
    assert (told["line"], told["custom_id"], told["code"], told["field"]) == (3, "x", "missing_option", "prompt")


def test_a_clip_comes_after_one_of_an_earlier_batch(api: httpx.Client, rows: Session) -> None:
    place = begin(api)
    stage(api, place, 1, *clips(1))
    follower = {"custom_id": "b", "model": "wan2.6-i2v", "prompt": "on", "duration": 5}
    chain = {"clip": {"after": "0", "first_frame": "last_frame"}}

    assert stage(api, place, 2, follower | chain)["bad"] == 0

    assert commit(api, place, 2).json()["new"] == 2
    jobs = {job.custom_id: job for job in rows.scalars(select(RenderJob))}
    assert (jobs["b"].after_job_id, jobs["b"].is_awaiting) == (jobs["0"].id, True)


def test_a_clip_does_not_come_after_one_of_a_later_batch(api: httpx.Client) -> None:
    place = begin(api)
    stage(api, place, 2, *clips(1))

    staged = stage(api, place, 1, {**clips(2)[1], "clip": {"after": "0"}})

    assert [told["code"] for told in staged["problems"]] == ["bad_chain"]


def test_a_clip_that_was_checked_against_another_content_is_refused(api: httpx.Client, rows: Session) -> None:
    make(api)
    submit_clips(api, *clips(1))
    place = begin(api)
    follower = {"custom_id": "b", "model": "wan2.6-i2v", "prompt": "on", "duration": 5}
    stage(api, place, 1, follower | {"clip": {"after": "0", "first_frame": "last_frame"}})
    submit_clips(api, clips(1)[0] | {"prompt": "another"})

    answer = commit(api, place, 1)

    assert (answer.status_code, problem(answer)["code"]) == (409, "import_outdated")
    assert "apply the file again" in problem(answer)["detail"]


def test_a_discarded_import_is_gone(api: httpx.Client, rows: Session) -> None:
    place = begin(api)
    stage(api, place, 1, *clips(2))

    assert api.delete(place).status_code == 204

    assert (count_of(rows, StagedClip), count_of(rows, ClipImport)) == (0, 0)
    assert commit(api, place, 2).status_code == 404


def test_an_import_that_was_left_lying_is_forgotten_by_the_sweep(api: httpx.Client, rows: Session) -> None:
    left = begin(api)
    stage(api, left, 1, *clips(2))
    rows.execute(update(ClipImport).values(created_at=ClipImport.created_at - timedelta(days=2)))
    rows.commit()
    begin(api)

    assert sweep_imports(rows, now=datetime.now(UTC), limit=9) == 1
    assert (count_of(rows, StagedClip), count_of(rows, ClipImport)) == (0, 1)


@pytest.fixture
def narrow(settings: ApiSettings, rows: Session) -> Iterator[httpx.Client]:
    """An API with small quotas."""
    quotas = {
        "api_queued_jobs_per_tenant": 3,
        "api_open_imports_per_tenant": 2,
        "api_staged_bytes_per_tenant": 1000,
    }
    with serving(settings.model_copy(update=quotas)) as client:
        yield client


def test_open_imports_are_bounded(narrow: httpx.Client, rows: Session) -> None:
    first = begin(narrow)
    begin(narrow)

    refused = narrow.post(IMPORTS, json={})
    narrow.delete(first).raise_for_status()
    begin(narrow)

    assert (refused.status_code, problem(refused)["code"]) == (409, "too_many_imports")


def test_staged_bytes_are_bounded_and_a_batch_counts_once(narrow: httpx.Client, rows: Session) -> None:
    place = begin(narrow)
    for _ in range(3):
        stage(narrow, place, 1, *clips(1))
    once = rows.scalars(select(ClipImport.staged_bytes)).one()
    assert 0 < once < 1000
    stage(narrow, place, 2, *clips(3, prompt="x" * 900))

    refused = narrow.put(f"{place}/batches/3", content=json.dumps(clips(1)[0]), headers={"Content-Type": NDJSON})
    assert (refused.status_code, problem(refused)["code"]) == (409, "staged_too_much")


def test_queued_jobs_are_bounded_however_they_come(narrow: httpx.Client, rows: Session) -> None:
    place = begin(narrow)
    stage(narrow, place, 1, *clips(4))
    whole = commit(narrow, place, 4)
    make(narrow)
    batch = "\n".join(map(json.dumps, clips(4)))
    posted = narrow.post("/v1/campaigns/autumn/clips", content=batch, headers={"Content-Type": NDJSON})
    assert count_of(rows, RenderJob) == 0
    again = {"Idempotency-Key": "again"}
    narrow.post("/v1/jobs", json=request(), headers=again).raise_for_status()
    submit_clips(narrow, *clips(2)).raise_for_status()
    single = narrow.post("/v1/jobs", json=request())

    assert count_of(rows, RenderJob) == 3
    assert [problem(answer)["code"] for answer in (whole, posted, single)] == ["queue_full"] * 3
    assert {answer.status_code for answer in (whole, posted, single)} == {429}
    assert submit_clips(narrow, *clips(2)).json()["present"] == 2, "what is there may be sent again"
    assert narrow.post("/v1/jobs", json=request(), headers=again).status_code == 200


def test_a_cancelled_campaign_takes_no_import(api: httpx.Client) -> None:
    make(api)
    place = begin(api)
    do(api, "cancel")

    answers = [api.post(IMPORTS, json={}), commit(api, place, 0)]

    assert [(answer.status_code, problem(answer)["code"]) for answer in answers] == [(409, "campaign_cancelled")] * 2


@pytest.mark.parametrize("options", [{"budget": "a lot"}, {"name": "winter"}, {"pace": 3}])
def test_a_wrong_option_is_refused_at_once(api: httpx.Client, options: dict[str, object]) -> None:
    assert api.post(IMPORTS, json={"options": options}).status_code == 422


def test_a_campaign_that_would_outlive_its_model_is_refused_whole(api: httpx.Client, rows: Session) -> None:
    account = Account(name="one", base_url="https://one.test", region="ap-southeast-1", key_env="KEY")
    rows.add(account)
    rows.flush()
    rows.add(ModelPrice(
        source=PriceSource.PROVIDER, account_id=account.id, region=account.region, model="wan2.6-t2v", currency="USD",
        per_second={"720P": "0.1"}, origin="test", from_at=datetime.now(UTC), ends_at=datetime.now(UTC),
    ))  # fmt: skip
    rows.commit()
    place = begin(api)
    stage(api, place, 1, *clips(2))

    answer = commit(api, place, 2)

    assert (answer.status_code, problem(answer)["code"]) == (409, "model_ends")
    assert "use wan2.7-t2v" in problem(answer)["detail"]
    assert count_of(rows, RenderJob) == 0


def test_the_prices_of_an_import_are_agreed_to(api: httpx.Client, rows: Session) -> None:
    place = begin(api)
    stage(api, place, 1, *clips(1))
    assert commit(api, place, 1).status_code == 200

    assert rows.scalars(select(Campaign.prices_agreed_at)).one() is not None


def raise_price(rows: Session) -> None:
    """Twice the price that this release knows."""
    rows.add(ModelPrice(
        source=PriceSource.OPERATOR, region="ap-southeast-1", model="wan2.6-t2v", currency="USD",
        per_second={"1080P": "0.3"}, origin="test", from_at=datetime.now(UTC),
    ))  # fmt: skip
    rows.commit()


def test_an_import_has_a_price_before_its_commit(api: httpx.Client, rows: Session) -> None:
    place = begin(api)
    stage(api, place, 1, *clips(2))
    raise_price(rows)

    shown = api.post(f"{place}/price", json={"clips": 2}).json()

    assert (shown["count"], float(shown["max_amount"]), shown["currency"]) == (2, 3.0, "USD")
    assert shown["priced_by"] == [f"operator {datetime.now(UTC).date()}"]
    assert (count_of(rows, RenderJob), api.get("/v1/campaigns").json()["items"]) == (0, [])
    assert commit(api, place, 2).json()["new"] == 2


def test_only_what_is_new_is_in_the_price_of_an_import(api: httpx.Client) -> None:
    first = begin(api)
    stage(api, first, 1, *clips(2))
    assert commit(api, first, 2).status_code == 200
    second = begin(api)
    stage(api, second, 1, *clips(3))

    assert api.post(f"{second}/price", json={"clips": 3}).json()["count"] == 1


def test_an_import_that_costs_more_than_was_shown_is_not_stored(api: httpx.Client, rows: Session) -> None:
    place = begin(api)
    stage(api, place, 1, *clips(2))
    shown = api.post(f"{place}/price", json={"clips": 2}).json()
    raise_price(rows)
    agreed = {"clips": 2, "amount_max": shown["max_amount"], "unpriced_max": 0}

    refused = api.post(f"{place}/commit", json=agreed)

    assert (refused.status_code, problem(refused)["code"]) == (409, "more_than_agreed")
    assert "up to 3.0 USD" in problem(refused)["detail"]
    assert count_of(rows, RenderJob) == 0
    agreed["amount_max"] = "3.00"
    stored = api.post(f"{place}/commit", json=agreed)
    assert (stored.status_code, stored.json()["new"]) == (200, 2)
    # Sent again after its answer was lost, it is told again.
    assert api.post(f"{place}/commit", json=agreed).json() == stored.json()
    assert problem(api.post(f"{place}/price", json={"clips": 2}))["code"] == "import_committed"
