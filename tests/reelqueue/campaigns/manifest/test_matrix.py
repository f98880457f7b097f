"""The combinations of a matrix."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelqueue.campaigns.manifest.matrix import read_matrix
from reelqueue.errors import InvalidRequestError

VALUES = st.integers(0, 99) | st.sampled_from(["noir", "Pop art", "16:9", "日本"])
AXES = st.dictionaries(
    st.sampled_from(["style", "seed", "ratio", "product"]),
    st.lists(VALUES, min_size=1, max_size=4, unique=True),
    min_size=1,
    max_size=3,
)


@given(AXES, st.data())
def test_every_combination_comes_once_but_for_the_excluded(axes: dict[str, list[Any]], data: st.DataObject) -> None:
    rule = {name: data.draw(st.sampled_from(values)) for name, values in axes.items() if data.draw(st.booleans())}
    excluded = [rule] if rule else []

    made = [dict(one.options) | dict(one.variables) for one in read_matrix(axes | {"exclude": excluded}).combinations()]

    crossed = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    assert made == [one for one in crossed if not any(rule.items() <= one.items() for rule in excluded)]


@given(AXES)
def test_every_combination_has_an_id_of_its_own(axes: dict[str, list[Any]]) -> None:
    matrix = read_matrix(axes)

    slugs = [tuple(one.slugs.values()) for one in matrix.combinations()]

    assert len(set(slugs)) == len(slugs) == matrix.count_max


def test_a_rule_may_list_values_and_name_objects_by_their_id() -> None:
    products = [{"id": "cup", "name": "a cup"}, {"id": "lamp", "name": "a lamp"}]

    matrix = read_matrix({"product": products, "seed": [1, 2, 3], "exclude": [{"product": "cup", "seed": [1, 3]}]})

    assert [tuple(one.slugs.values()) for one in matrix.combinations()] == [
        ("cup", "2"),
        ("lamp", "1"),
        ("lamp", "2"),
        ("lamp", "3"),
    ]


def test_included_combinations_stand_alone_where_there_is_no_axis() -> None:
    matrix = read_matrix({"include": [{"seed": 1, "style": "noir"}, {"seed": 2}]})

    assert [dict(one.options) for one in matrix.combinations()] == [{"seed": 1}, {"seed": 2}]
    assert matrix.count_max == 2


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        ({"style": "noir"}, "must be a list of at least one value, not 'noir'"),
        ({"seed": list(range(1001)), "style": list(range(1000))}, "1001 x 1000 are 1001000 combinations"),
        ({f"axis{number}": [1] for number in range(17)}, "has 17 axes; 16 are the most"),
        ({"seed": [1], "exclude": [{"style": 1}]}, "names style; the axes are seed"),
        ({"seed": [1], "exclude": "all"}, "must be a list of objects"),
        ({"seed": [1], "include": [{}]}, "must be a list of objects"),
    ],
)
def test_a_matrix_that_cannot_be_is_refused(matrix: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        read_matrix(matrix)

    assert said in refused.value.message
