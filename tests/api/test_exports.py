"""Files of a campaign's rows: read page by page, and no connection is held while a page is written."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from api.routes.campaigns import clips as contents
from api.routes.campaigns.clips import _contents
from models.campaign import Campaign
from models.operations.campaigns import failed_rows, results
from models.operations.campaigns.failed_rows import failure_pages
from models.operations.campaigns.results import result_pages
from tests.support.stored_clips import ENDED_FAILED, apply, clip, end, make_campaign, standing

FIVE = ["a", "b", "c", "d", "e"]


@pytest.fixture
def campaign(rows: Session, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    """Five rows, of which the last shares the first's clip and two have failed; pages are small."""
    for name in ("_IDS_AT_ONCE", "_CLIPS_AT_ONCE"):
        monkeypatch.setattr(results, name, 2)
    monkeypatch.setattr(results, "_ROWS_AT_ONCE", 1)
    monkeypatch.setattr(failed_rows, "_CLIPS_AT_ONCE", 1)
    monkeypatch.setattr(contents, "_ROWS_AT_ONCE", 2)
    made = make_campaign(rows)
    apply(rows, made, *(clip(name) for name in "abcd"), clip("e", prompt="clip a"))
    for name in ("b", "d"):
        end(rows, standing(rows, made)[name], *ENDED_FAILED)
    rows.commit()
    rows.refresh(made)
    rows.expunge(made)
    rows.commit()  # and holds no connection itself
    return made


@pytest.fixture
def sessions(engine_of_api: Engine, rows: Session) -> sessionmaker[Session]:
    return sessionmaker(engine_of_api, expire_on_commit=False)


def test_every_row_is_told_once_and_between_pages_no_connection_is_held(
    campaign: Campaign, sessions: sessionmaker[Session], engine_of_api: Engine
) -> None:
    told: list[str] = []
    failed: list[str] = []
    held: list[str] = []
    for page in result_pages(sessions, campaign.id):
        told += [row["custom_id"] for row in page]
        assert engine_of_api.pool.checkedout() == 0
    for page in failure_pages(sessions, campaign.id, with_pictures=False):
        failed += [row["custom_id"] for row in page]
        assert engine_of_api.pool.checkedout() == 0
    for text in _contents(sessions, campaign):
        held += [json.loads(line)["custom_id"] for line in text.splitlines()]
        assert engine_of_api.pool.checkedout() == 0

    assert told == ["a", "e", "b", "c", "d"]
    assert failed == ["b", "d"]
    assert sorted(held) == FIVE
