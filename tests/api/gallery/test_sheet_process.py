"""A contact sheet is drawn outside the API's process, within bounds."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session

from api.gallery import sheet_process
from api.gallery.sheet_process import Order, SheetProcess
from api.problem_details import ProblemError
from api.settings import ApiSettings
from models.campaign import Campaign
from models.tenant import ensure_tenant


def test_a_sheet_is_drawn_by_another_process(sheets: SheetProcess, order: Order) -> None:
    assert sheets.draw(order).startswith(b"\x89PNG")
    assert sheets._process is not None
    assert os.getpriority(os.PRIO_PROCESS, sheets._process.pid) == os.getpriority(os.PRIO_PROCESS, 0) + 10


def test_a_sheet_is_drawn_beside_more_connections_than_select_can_name(
    sheets: SheetProcess, order: Order, tmp_path: Path
) -> None:
    with ExitStack() as connections:
        for _ in range(1_024):  # the highest number of FD_SETSIZE and one
            connections.enter_context((tmp_path / "open").open("wb"))

        assert sheets.draw(order).startswith(b"\x89PNG")


def test_what_reading_raises_is_raised_to_the_caller(sheets: SheetProcess, order: Order) -> None:
    with pytest.raises(NoResultFound):
        sheets.draw(Order(order.settings, uuid4(), "png", order.made_at))

    assert sheets.draw(order).startswith(b"\x89PNG")


def test_a_process_that_was_killed_is_started_again(sheets: SheetProcess, order: Order) -> None:
    sheets.draw(order)
    assert sheets._process is not None
    os.kill(sheets._process.pid, signal.SIGKILL)
    sheets._process.wait()

    assert sheets.draw(order).startswith(b"\x89PNG")


def test_a_sheet_that_ends_its_fork_is_refused(
    sheets: SheetProcess, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(_order: Order) -> bytes:
        os.kill(os.getpid(), signal.SIGXCPU)  # as the limit of processor time does
        return b""

    monkeypatch.setattr(sheet_process, "_drawn", kill)
    answer = pickle.loads(sheet_process._isolated(order))  # noqa: S301 -- made above
    monkeypatch.setattr(sheets, "_answer", lambda _order: answer)

    with pytest.raises(ProblemError, match="sheet_too_large"):
        sheets.draw(order)


@pytest.fixture
def sheets() -> Iterator[SheetProcess]:
    process = SheetProcess()
    yield process
    process.close()


@pytest.fixture
def order(settings: ApiSettings, rows: Session) -> Order:
    campaign = Campaign(name=f"drawn {uuid4()}", tenant_id=ensure_tenant(rows))
    rows.add(campaign)
    rows.flush()
    campaign_id = campaign.id
    rows.commit()  # nothing is read after it: the transaction would idle while a sheet is drawn
    return Order(settings, campaign_id, "png", datetime(2026, 11, 30, tzinfo=UTC))
