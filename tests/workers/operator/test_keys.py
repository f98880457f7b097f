"""Operators list, make, rotate and revoke keys of the API."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from models.api_key import IS_VALID, ApiKey, KeyScope
from tests.support.commands import Run


def listed(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("keys", "list", "--json").out.splitlines()]


def valid(engine: Engine) -> list[ApiKey]:
    with Session(engine) as session:
        return list(session.scalars(select(ApiKey).where(*IS_VALID).order_by(ApiKey.created_at)))


def sha256(ended_out: str) -> str:
    return hashlib.sha256(ended_out.strip().encode()).hexdigest()


def test_keys_are_listed_and_none_is_shown(run: Run) -> None:
    key = run("keys", "create", "shop", "--tenant", "studio", "--read-only", "--expires", "90d").out.strip()

    (line,) = listed(run)
    shown = run("keys", "list").out

    assert (line["name"], line["tenant"], line["scope"], line["state"]) == ("shop", "studio", "read", "valid")
    assert (line["last_used_at"], line["expires_at"] is None) == (None, False)
    assert "shop" in shown
    assert key not in shown


def test_a_revoked_key_opens_nothing_and_its_name_is_free(run: Run, own_engine: Engine) -> None:
    run("keys", "create", "shop")

    assert run("keys", "revoke", "shop").out == "key shop is revoked\n"
    assert valid(own_engine) == []
    assert run("keys", "revoke", "shop").exit_code == 1
    assert run("keys", "create", "shop").exit_code == 0
    assert sorted(line["state"] for line in listed(run)) == ["revoked", "valid"]


def test_a_key_is_rotated_under_its_name(run: Run, own_engine: Engine) -> None:
    run("keys", "create", "shop", "--tenant", "studio", "--read-only")
    (old,) = valid(own_engine)

    ended = run("keys", "rotate", "shop")

    (new,) = valid(own_engine)
    assert (new.name, new.tenant_id, new.scope) == ("shop", old.tenant_id, KeyScope.READ)
    assert new.sha256 == sha256(ended.out) != old.sha256


def test_the_old_key_may_go_on_for_a_while(run: Run, own_engine: Engine) -> None:
    run("keys", "create", "shop")

    run("keys", "rotate", "shop", "--keep", "1h")

    assert len(valid(own_engine)) == 2
    assert sorted(line["state"] for line in listed(run)) == ["ending", "valid"]
    run("keys", "revoke", "shop")
    assert valid(own_engine) == []


def test_an_expired_key_is_rotated_with_a_new_end(run: Run, own_engine: Engine) -> None:
    run("keys", "create", "shop")
    with Session(own_engine) as session, session.begin():
        session.scalars(select(ApiKey)).one().expires_at = datetime.now(UTC) - timedelta(days=1)

    refused = run("keys", "rotate", "shop")

    assert (refused.exit_code, "say how long" in refused.err) == (1, True)
    assert listed(run)[0]["state"] == "expired"
    assert run("keys", "rotate", "shop", "--expires", "2999-01-01").exit_code == 0
    assert len(valid(own_engine)) == 1


@pytest.mark.parametrize("when", ["soon", "0d", "2001-01-01", "90"])
def test_a_wrong_end_is_refused(run: Run, when: str) -> None:
    assert run("keys", "create", "shop", "--expires", when).exit_code != 0
    assert listed(run) == []


def test_an_amount_above_which_a_second_key_is_needed(run: Run) -> None:
    run("keys", "create", "anna", "--tenant", "studio")

    ended = run("keys", "second-person", "100 USD", "--tenant", "studio")

    assert (ended.exit_code, ended.out) == (0, "more than 100.00 USD of a campaign of studio needs a second key\n")
    assert "tenant studio has 1 keys that may write" in ended.err
    off = run("keys", "second-person", "off", "--tenant", "studio")
    assert off.out == "one key of tenant studio is enough for any amount\n"
    unknown = run("keys", "second-person", "100 USD", "--tenant", "acme")
    assert (unknown.exit_code, "no tenant named acme" in unknown.err) == (1, True)
    assert run("keys", "second-person", "a lot", "--tenant", "studio").exit_code == 2
