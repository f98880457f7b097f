"""Turns: the pace of an account's calls, over all hosts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

from sqlalchemy.orm import Session

from models.operations.scheduling.provider_rate_limits import next_turn_at, take_turns
from models.rate_limit import TurnKind
from models.session import make_engine, make_sessions
from tests.support.stored_jobs import NOW, store_account


def test_turns_follow_each_other_at_the_pace(session: Session) -> None:
    account_id = store_account(session)
    turns = [take_turns(session, account_id, TurnKind.LIST, 1, now=NOW, per_second=20) for _ in range(3)]

    assert turns == [NOW + timedelta(milliseconds=50 * number) for number in range(3)]


def test_a_batch_takes_all_its_turns_at_once(session: Session) -> None:
    account_id = store_account(session)
    take_turns(session, account_id, TurnKind.QUERY, 30, now=NOW, per_second=20)

    assert take_turns(session, account_id, TurnKind.QUERY, 1, now=NOW, per_second=20) == NOW + timedelta(seconds=1.5)


def test_turns_that_nobody_took_are_gone(session: Session) -> None:
    account_id = store_account(session)
    take_turns(session, account_id, TurnKind.QUERY, 1, now=NOW, per_second=20)
    later = NOW + timedelta(hours=1)

    assert take_turns(session, account_id, TurnKind.QUERY, 1, now=later, per_second=20) == later


def test_a_turn_that_a_clock_ahead_has_taken_is_gone(session: Session) -> None:
    account_id = store_account(session)
    take_turns(session, account_id, TurnKind.QUERY, 1, now=NOW + timedelta(hours=1), per_second=20)

    assert next_turn_at(session, account_id, TurnKind.QUERY, now=NOW) == NOW
    assert take_turns(session, account_id, TurnKind.QUERY, 1, now=NOW, per_second=20) == NOW


def test_the_next_turn_is_told_and_not_taken(session: Session) -> None:
    account_id = store_account(session)
    assert next_turn_at(session, account_id, TurnKind.LIST, now=NOW) == NOW
    take_turns(session, account_id, TurnKind.LIST, 20, now=NOW, per_second=20)

    told = [next_turn_at(session, account_id, TurnKind.LIST, now=NOW) for _ in range(2)]

    assert told == 2 * [NOW + timedelta(seconds=1)]


def test_kinds_and_accounts_do_not_wait_for_each_other(session: Session) -> None:
    first, second = store_account(session, "first"), store_account(session, "second")
    taken = [(first, TurnKind.QUERY), (first, TurnKind.LIST), (first, TurnKind.CANCEL), (second, TurnKind.QUERY)]

    assert {take_turns(session, *one, 9, now=NOW, per_second=20) for one in taken} == {NOW}


def test_hosts_that_ask_at_once_get_different_turns(database_url: str) -> None:
    sessions = make_sessions(make_engine(database_url, pool_size=8))
    with sessions.begin() as session:
        account_id = store_account(session)

    def take(_: int) -> float:
        with sessions.begin() as session:
            turn = take_turns(session, account_id, TurnKind.QUERY, 1, now=NOW, per_second=20)
            return (turn - NOW).total_seconds()

    with ThreadPoolExecutor(8) as pool:
        turns = sorted(pool.map(take, range(40)))

    assert {round(later - earlier, 6) for earlier, later in pairwise(turns)} == {0.05}
    sessions.kw["bind"].dispose()
