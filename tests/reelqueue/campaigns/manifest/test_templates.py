"""Prompts from templates that may come with a file from somebody else."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelqueue.campaigns.limits import RENDERED_CHARACTERS_MAX
from reelqueue.campaigns.manifest.templates import TemplateRefusedError, compile_templates


def render(source: str, **variables: object) -> str:
    return compile_templates({"prompt": source})["prompt"].render(variables)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a {{ thing }}, {{ style.look|upper }}", "a cup, NOIR"),
        ("{% if claim %}{{ claim }}{% else %}none{% endif %}", "none"),
        (
            "{% for one in things %}{{ loop.index }} {{ one }}{% if not loop.last %}, {% endif %}{% endfor %}",
            "1 a, 2 b",
        ),
        ("{{ things|join(' and ') }}", "a and b"),
        ("{{ missing|default('plain') }}", "plain"),
        ("{{ count * 2 + 1 }}", "7"),
        ("{{ '4'|int + 1 }}", "5"),
        ("{% if missing is defined %}x{% endif %}y", "y"),
    ],
)
def test_a_prompt_is_filled_in(source: str, expected: str) -> None:
    variables = {"thing": "cup", "style": {"look": "noir"}, "claim": "", "things": ["a", "b"], "count": 3}

    assert render(source, **variables) == expected


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ missing }}", "'missing' is undefined"),  # never an empty place in a paid prompt
        ("{{ style.tone }}", "has no attribute 'tone'"),
        ("{{ name.upper }}", "has no attribute 'upper'"),  # would print a method
        ("{{ name.upper() }}", "a call"),
        ("{{ ''.__class__.__mro__ }}", "no attribute '__class__'"),
        ("{{ name['__class__'] }}", "no attribute '__class__'"),
        ("{{ name|attr('__class__') }}", "there is no filter attr"),
        ("{{ none }}", "was given None"),
        ("{{ things }}", "was given a list; use join"),
        ("{{ style }}", "was given an object; name one of its keys: look"),
        ("{{ true }}", "was given True"),
        ("{{ 'x' * 999999999 }}", "multiplies numbers only"),
        ("{{ '%999999999d' % 1 }}", "% cannot be used"),
        ("{{ 9 ** 99999999 }}", "** cannot be used"),
        ("{{ range(10) }}", "a call"),
        ("{{ [1, 2]|random }}", "there is no filter random"),  # the same file is the same clips
        ("{% set x = 1 %}", "set cannot be used"),
        ("{% include 'x' %}", "include cannot be used"),
        ("{% macro m() %}{% endmacro %}", "macro cannot be used"),
        ("{% for x in things recursive %}{% endfor %}", "for cannot be used"),
        ("{{ 'many'|int }}", "invalid literal"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ name|sum }}", "unsupported operand"),
        ("{{ name", "unexpected end of template"),
        ("x" * 20_001, "20000 are the most"),
        ("{{" + "(" * 3000 + "1" + ")" * 3000 + "}}", "nested too deeply"),
        ("{% if name %}" * 150 + "{% endif %}" * 150, "nested too deeply"),
        ("{% for a in things %}" * 50 + "{% endfor %}" * 50, "nested too deeply"),
        ("{{ name" + "|upper" * 250 + " }}", "more than 30 parts"),
        ("{{ name|truncate(1) }}", "AssertionError: expected length"),
        ("{{ [style]|join(attribute='tone') }}", "KeyError"),
        ("{{ name|upper(1) }}", "TypeError"),
    ],
)
def test_what_a_prompt_does_not_need_is_refused(source: str, said: str) -> None:
    variables = {"style": {"look": "noir"}, "name": "cup", "none": None, "things": ["a"]}

    with pytest.raises(TemplateRefusedError) as refused:
        render(source, **variables)

    assert said in refused.value.message
    assert refused.value.field == "prompt"


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in many %}{% for b in many %}{% for c in many %}{% endfor %}{% endfor %}{% endfor %}",
        "{{ long|replace('a', long)|replace('a', long) }}",
        "{{ long|join(long)|join(long) }}",
        "{% for a in many %}{{ long }}{% endfor %}",
        "{{ too_long }}",
    ],
)
def test_no_template_runs_away(source: str) -> None:
    with pytest.raises(TemplateRefusedError):
        render(source, many=list(range(200)), long="a" * 9000, too_long="a" * 10_001)


@given(st.text(st.sampled_from("{}%|~.()[]'\"*+-/ abcx01forinendif\n#")), st.text(max_size=20))
def test_any_text_is_a_template_or_refused(source: str, value: str) -> None:
    text = ""
    with suppress(TemplateRefusedError):
        text = render(source, a=value, b=[value], c={"x": value}, x=1)

    assert len(text) <= RENDERED_CHARACTERS_MAX


@given(st.text(max_size=50))
def test_a_value_is_never_read_as_a_template(value: str) -> None:
    assert render("{{ value }}", value=value) == value
