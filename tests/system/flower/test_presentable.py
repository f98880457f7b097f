"""What a failure says to everybody, by whose words it has."""

from __future__ import annotations

import traceback

import psycopg
import pytest
from sqlalchemy.exc import IntegrityError

from models.account import Account
from models.storage import LocalArchive
from reelqueue.errors import ConfigurationError, InvalidRequestError
from tests.conftest import ROOT
from workers.dashscope import NoAnswerError, NotSentError, RefusedError
from workers.runtime.context import Context
from workers.runtime.redaction import RedactedTask, TaskError, redact

CANARY = "canary-7d1f"


class Crash(RedactedTask):
    """Fails as it is told."""

    name = "crash"
    error: Exception

    def run(self) -> None:
        """Fail."""
        try:
            int(CANARY)
        except ValueError as cause:
            raise self.error from cause

    @staticmethod
    def __header__() -> None:
        """Celery makes this of the signature."""


def test_our_own_words_stay() -> None:
    error = InvalidRequestError("too_long", "prompt: at most 1500 characters", "prompt")

    assert redact(error) is error


@pytest.mark.parametrize("error", [KeyError(CANARY), ValueError(CANARY), OSError(5, CANARY)])
def test_other_peoples_words_go(error: Exception) -> None:
    shown = str(redact(error))

    assert type(error).__name__ in shown
    assert CANARY not in shown


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (
            RefusedError(CANARY, http_status=400, code="InvalidURL", request_id="8c1e"),
            "dashscope: InvalidURL (400, request 8c1e)",
        ),
        (NoAnswerError(CANARY, http_status=200), "dashscope: NoAnswerError (200)"),
        # Nothing was received, so the words are ours.
        (NotSentError("the host cannot be reached"), "dashscope: the host cannot be reached"),
    ],
)
def test_the_provider_is_quoted_by_its_code(error: Exception, shown: str) -> None:
    assert str(redact(error)) == shown


def test_the_database_is_quoted_without_statement_and_row() -> None:
    cause = psycopg.errors.UniqueViolation(f"duplicate key\nDETAIL:  Key (prompt)=({CANARY}) already exists.")

    shown = str(redact(IntegrityError(f"INSERT {CANARY}", {"prompt": CANARY}, cause)))

    assert shown == "UniqueViolation: duplicate key"


def test_a_traceback_has_the_lines_and_not_the_causes() -> None:
    task = Crash()
    task.error = RuntimeError(CANARY)

    with pytest.raises(TaskError) as caught:
        task()

    printed = "".join(traceback.format_exception(caught.value))
    assert "in run" in printed
    assert CANARY not in printed


@pytest.mark.parametrize("key", [f"{CANARY}\nsk-2", f"{CANARY} 2", f"{CANARY}…"])
def test_a_key_that_no_header_can_carry_is_not_quoted(key: str) -> None:
    context = Context(
        settings=None,  # type: ignore[arg-type] # only the environment is looked at
        sessions=None,  # type: ignore[arg-type]
        archive=LocalArchive(ROOT),
        hints=None,  # type: ignore[arg-type]
        environment={"ALIBABA_API_KEY": key},
    )

    with pytest.raises(ConfigurationError, match="ALIBABA_API_KEY holds a space, a line break") as caught:
        context.key_of(Account(name="default", key_env="ALIBABA_API_KEY"))

    assert CANARY not in str(caught.value)
