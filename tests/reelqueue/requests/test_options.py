"""The declared keyword arguments of the types and of a submit are those that exist."""

from __future__ import annotations

from typing import is_typeddict

import pytest

from reelqueue import MediaItem
from reelqueue.requests import options
from reelqueue.requests.base import RenderRequest
from reelqueue.requests.option_table import EVERY_OPTION
from reelqueue.requests.types import REQUEST_TYPES


@pytest.mark.parametrize("kind", REQUEST_TYPES.values(), ids=lambda kind: kind.mode)
def test_a_type_accepts_the_names_that_it_stores(kind: type[RenderRequest]) -> None:
    accepted = getattr(options, f"{kind.__name__}Options")

    assert is_typeddict(accepted)
    assert frozenset(accepted.__annotations__) == frozenset(kind.model_fields)


def test_an_item_accepts_the_names_that_it_stores() -> None:
    assert frozenset(options.MediaItemOptions.__annotations__) == frozenset(MediaItem.model_fields)


def test_a_submit_accepts_the_names_of_every_kind() -> None:
    assert frozenset(options.RequestOptions.__annotations__) == EVERY_OPTION
