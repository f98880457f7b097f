"""Errors travel between processes whole."""

from __future__ import annotations

import pickle

import pytest

from workers.dashscope import (
    MisdirectedError,
    NoAnswerError,
    NotSentError,
    ProviderError,
    RefusedError,
    ServerFaultError,
)


@pytest.mark.parametrize("kind", [NotSentError, RefusedError, ServerFaultError, NoAnswerError, ProviderError])
def test_an_error_survives_a_pickle(kind: type[ProviderError]) -> None:
    error = kind(
        "no such model", http_status=400, code="InvalidParameter", request_id="4909100c", retry_after_seconds=7
    )

    again = pickle.loads(pickle.dumps(error))  # noqa: S301 -- our own

    assert type(again) is kind
    assert vars(again) == vars(error)
    assert str(again) == "dashscope: no such model (400, InvalidParameter, request 4909100c)"


def test_a_long_message_is_cut() -> None:
    assert len(ProviderError("x" * 10_000).message) == 500


def test_an_error_of_another_service_survives_a_pickle() -> None:
    error = MisdirectedError("this host does not speak DashScope: a.example answers HTTP 404", http_status=404)

    again = pickle.loads(pickle.dumps(error))  # noqa: S301 -- our own

    assert (type(again), vars(again)) == (MisdirectedError, vars(error))
    assert again.summary == "this host does not speak DashScope: a.example answers HTTP 404"
