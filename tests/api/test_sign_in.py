"""Signing in with a browser: by a pasted key, by a link, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from api.auth.session_cookies import COOKIE, Pass, Purpose, read_pass, signed
from api.routes import sign_in
from api.routes.campaigns import gallery as campaign_gallery
from api.settings import ApiSettings
from models.api_key import ApiKey
from tests.api.conftest import problem, serving
from tests.support.campaigns import make

HERS = {"key": "rq_alice", "to": "/campaigns/autumn"}


def test_a_page_leads_to_the_form_and_back(locked: httpx.Client) -> None:
    answer = locked.get("/campaigns/autumn%20sale?after=1")

    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?to=%2Fcampaigns%2Fautumn%2520sale%3Fafter%3D1"


def test_a_pasted_key_becomes_a_cookie_that_no_script_reads(locked: httpx.Client, alice: dict[str, str]) -> None:
    answer = locked.post("/sign-in", data=HERS)

    assert (answer.status_code, answer.headers["location"]) == (303, "/campaigns/autumn")
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert "rq_alice" not in cookie


def test_behind_https_the_cookie_stays_there(locked: httpx.Client, alice: dict[str, str]) -> None:
    answer = locked.post("/sign-in", data=HERS, headers={"X-Forwarded-Proto": "https"})

    assert "Secure" in answer.headers["set-cookie"].split("; ")


def test_a_cookie_opens_what_the_key_opens_and_no_more(
    locked: httpx.Client, browser: httpx.Client, alice: dict[str, str], bob: dict[str, str]
) -> None:
    locked.put("/v1/campaigns/autumn", json={}, headers=alice).raise_for_status()
    locked.put("/v1/campaigns/winter", json={}, headers=bob).raise_for_status()

    page = browser.get("/campaigns").text

    assert "autumn" in page
    assert "winter" not in page
    assert browser.get("/campaigns/autumn").status_code == 200
    assert browser.get("/campaigns/winter").status_code == 404


def test_a_wrong_key_is_told_on_the_page(locked: httpx.Client) -> None:
    answer = locked.post("/sign-in", data={"key": "rq_wrong", "to": "/campaigns"})

    assert answer.status_code == 401
    assert "The API key is unknown, revoked or expired" in answer.text
    assert "rq_wrong" not in answer.text
    assert "set-cookie" not in answer.headers


def test_a_revoked_key_ends_its_sessions(rows: Session, browser: httpx.Client) -> None:
    assert browser.get("/campaigns").status_code == 200
    rows.execute(update(ApiKey).values(revoked_at=func.now()))
    rows.commit()

    assert browser.get("/campaigns").status_code == 303


def test_a_session_ends(locked: httpx.Client, alice: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "SESSION_LIFE", timedelta(seconds=-1))
    cookie = locked.post("/sign-in", data=HERS).cookies.get(COOKIE)

    answer = locked.get("/v1/campaigns", headers={"Cookie": f"{COOKIE}={cookie}"})

    assert answer.status_code == 401
    assert "this session has ended" in problem(answer)["detail"]


@pytest.mark.parametrize("cookie", ["", "x", "AAAA", "A" * 75, "é", "=" * 75])
def test_a_forged_cookie_opens_nothing(locked: httpx.Client, cookie: str) -> None:
    answer = locked.get("/v1/jobs", headers={b"Cookie": f"{COOKIE}={cookie}".encode()})

    assert answer.status_code == 401


def test_a_pass_is_good_for_its_purpose_alone(rows: Session, alice: dict[str, str]) -> None:
    now = rows.scalars(select(func.now())).one().replace(microsecond=0)
    one = Pass(rows.scalars(select(ApiKey.id)).one(), now)
    text = signed(one, Purpose.LINK, b"secret")

    assert read_pass(text, Purpose.LINK, b"secret") == one
    assert read_pass(text, Purpose.SESSION, b"secret") is None
    assert read_pass(text, Purpose.LINK, b"another") is None


def test_a_link_signs_in(locked: httpx.Client, alice: dict[str, str]) -> None:
    locked.put("/v1/campaigns/autumn", json={}, headers=alice).raise_for_status()
    link = urlsplit(locked.post("/v1/campaigns/autumn/link", headers=alice).json()["path"])
    assert (link.path, parse_qs(link.query)) == ("/sign-in", {"to": ["/campaigns/autumn"]})

    answer = locked.post("/sign-in", data={"pass": link.fragment.removeprefix("pass="), "to": "/campaigns/autumn"})

    assert answer.status_code == 303
    assert COOKIE in answer.cookies


def test_a_link_ends(locked: httpx.Client, alice: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign_gallery, "LINK_LIFE", timedelta(seconds=-1))
    locked.put("/v1/campaigns/autumn", json={}, headers=alice).raise_for_status()
    link = locked.post("/v1/campaigns/autumn/link", headers=alice).json()["path"]

    answer = locked.post("/sign-in", data={"pass": link.partition("#pass=")[2], "to": "/campaigns/autumn"})

    assert answer.status_code == 401
    assert "This link has ended" in answer.text


def test_a_session_is_no_link(locked: httpx.Client, alice: dict[str, str]) -> None:
    cookie = locked.post("/sign-in", data=HERS).cookies[COOKIE]
    locked.cookies.clear()

    assert locked.post("/sign-in", data={"pass": cookie, "to": "/campaigns"}).status_code == 401


def test_without_keys_a_link_needs_no_pass(api: httpx.Client) -> None:
    make(api, "autumn")

    assert api.post("/v1/campaigns/autumn/link").json() == {"path": "/campaigns/autumn", "expires_at": None}
    assert api.get("/sign-in", params={"to": "/campaigns/autumn"}).headers["location"] == "/campaigns/autumn"


@pytest.mark.parametrize(
    "to",
    ["//evil.test", "https://evil.test", "/campaigns@evil.test", "/campaigns/\\evil", "/campaigns/a\r\nb", "", "/v1"],
)
def test_nobody_is_led_elsewhere(locked: httpx.Client, alice: dict[str, str], to: str) -> None:
    answer = locked.post("/sign-in", data=HERS | {"to": to})

    assert answer.headers["location"] == "/campaigns"


def test_where_another_site_led_here_the_page_is_asked_for_once_more(browser: httpx.Client) -> None:
    browser.cookies.clear()

    first = browser.get("/campaigns", headers={"Sec-Fetch-Site": "cross-site"})
    second = browser.get("/campaigns", headers={"Sec-Fetch-Site": "same-origin"})

    assert (first.status_code, second.status_code) == (200, 303)
    assert '<meta http-equiv="refresh" content="0">' in first.text


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.test"}, {"Origin": "null"}]
)
def test_a_cookie_does_nothing_for_pages_of_others(browser: httpx.Client, headers: dict[str, str]) -> None:
    answers = [browser.put("/v1/campaigns/autumn", json={}, headers=headers)]
    answers += [browser.post(path, data=HERS, headers=headers) for path in ("/sign-in", "/sign-out")]

    assert [answer.status_code for answer in answers] == [403] * 3
    assert {problem(answer)["code"] for answer in answers} == {"other_origin"}


def test_signing_out_takes_the_cookie_away(browser: httpx.Client) -> None:
    browser.post("/sign-out")

    assert COOKIE not in browser.cookies
    assert browser.get("/campaigns").status_code == 303


def test_a_long_form_is_refused(locked: httpx.Client) -> None:
    assert locked.post("/sign-in", data={"key": "x" * 20_000}).status_code == 413


def test_sessions_outlive_a_restart_where_their_key_is_set(
    settings: ApiSettings, rows: Session, alice: dict[str, str]
) -> None:
    kept = settings.model_copy(update={"api_session_key": "k" * 32})
    kept = type(settings).model_validate(kept.model_dump())
    with serving(kept, require_key=True) as first:
        cookie = first.post("/sign-in", data=HERS).cookies[COOKIE]

    with serving(kept, require_key=True) as second:
        assert second.get("/v1/jobs", headers={"Cookie": f"{COOKIE}={cookie}"}).status_code == 200


@pytest.fixture
def browser(locked: httpx.Client, alice: dict[str, str]) -> Iterator[httpx.Client]:
    """A client that keeps cookies and has signed in with alice's key."""
    with httpx.Client(base_url=locked.base_url, trust_env=False) as client:
        assert client.post("/sign-in", data=HERS).status_code == 303
        yield client
