"""Each rule of a storyboard and of a prompt: what breaks it is found, and named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reelqueue.campaigns.writer.checks import check_prompts, check_storyboard
from reelqueue.campaigns.writer.compose import write_clip
from reelqueue.campaigns.writer.inputs import Brand, Brief, Medium
from reelqueue.campaigns.writer.products import Products
from reelqueue.campaigns.writer.rules import RULES
from tests.reelqueue.campaigns.writer.conftest import FOX, MakeSources, make_clip, make_parts

BANNED = Brand("", ("best in the world",))
TABLE = Products(
    Path("products.csv"),
    ({"name": "Blue mug", "claim": "glazed by hand"}, {"name": "Red mug", "claim": "holds a great deal of soup"}),
    ("name", "claim"),
    has_image=False,
    has_references=False,
)


def rules_of(found: dict[str, Any]) -> set[str]:
    return {breach.rule for breaches in found.values() for breach in breaches}


def test_rules_are_sentences() -> None:
    assert all(rule.endswith(".") and rule[0].isalpha() for rule in RULES.values())


def test_a_good_storyboard_breaks_nothing(sources: MakeSources) -> None:
    assert check_storyboard([make_clip(1), make_clip(2), make_clip(3)], sources()) == {}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"model": "wan9"}, "model"),
        ({"seconds": 16}, "seconds"),
        ({"model": "wan2.2-t2v-plus", "sound": ""}, None),
        ({"model": "wan2.2-t2v-plus", "seconds": 6}, "seconds"),
        ({"ratio": "21:9"}, "ratio"),
        ({"start": "fox"}, "start"),
        ({"start": "fox", "model": "wan2.7-i2v", "ratio": "any"}, None),
        ({"start": "previous clip", "model": "wan2.7-i2v"}, "start"),
        ({"start": "product picture", "model": "wan2.7-i2v"}, "start"),
        ({"start": "nothing", "model": "wan2.7-i2v"}, "start"),
        ({"references": ("fox",)}, "references"),
        ({"references": ("fox", "fox"), "model": "wan2.7-r2v"}, "references"),
        ({"references": ("wolf",), "model": "wan2.7-r2v"}, "references"),
        ({"references": ("fox",), "model": "wan2.7-r2v", "subject": "@fox runs"}, None),
        ({"subject": "@wolf runs"}, "references"),
        ({"action": ""}, "needed"),
        ({"action": "x" * 601}, "length"),
        ({"dialogue": "one two three four five six seven eight nine ten eleven twelve"}, None),
        ({"dialogue": "one two three four five six seven eight nine ten eleven twelve thirteen"}, "dialogue"),
        ({"dialogue": "今天天气很好我们一起去山上喝茶看日出吧好不好"}, None),
        ({"dialogue": "今天天气很好我们一起去山上喝茶看日出吧好不好呀呀"}, "dialogue"),
        ({"dialogue": "hello", "model": "wan2.2-t2v-plus"}, "dialogue"),
        ({"dialogue": '"hello"'}, "dialogue"),
        ({"action": "it is 8 years old"}, "numbers"),
        ({"action": "it is 7 years old"}, None),
        ({"action": "the BEST in the world"}, "banned"),
        ({"action": "see https://boat.example"}, "links"),
        ({"action": "shows {{ name }}"}, "variables"),
        ({"action": "shows {% set x %}"}, "variables"),
    ],
)
def test_a_rule_of_the_storyboard(sources: MakeSources, changes: dict[str, Any], rule: str | None) -> None:
    found = check_storyboard([make_clip(1, **changes)], sources(brand=BANNED))

    assert rules_of(found) == ({rule} if rule else set())
    for breach in found.get("01", []):
        assert RULES[breach.rule] in str(breach)


def test_a_chain_has_one_size(sources: MakeSources) -> None:
    following = make_clip(2, model="wan2.6-i2v", start="previous clip")

    assert check_storyboard([make_clip(1), following], sources()) == {}
    assert rules_of(check_storyboard([make_clip(1, model="wan2.2-t2v-plus", sound=""), following], sources())) == {
        "chain"
    }


def test_two_clips_with_the_same_words_are_one(sources: MakeSources) -> None:
    found = check_storyboard([make_clip(1), make_clip(1, id="02")], sources())

    assert {clip: [breach.rule for breach in breaches] for clip, breaches in found.items()} == {"02": ["duplicate"]}


def test_all_clips_together_are_not_too_long(sources: MakeSources) -> None:
    held = sources(seconds=12, clips=3)

    found = check_storyboard([make_clip(1, seconds=8), make_clip(2, seconds=2), make_clip(3, seconds=3)], held)

    assert {clip: [breach.rule for breach in breaches] for clip, breaches in found.items()} == {"01": ["total"]}


def test_a_clip_costs_its_share_with_the_video_that_it_refers_to(sources: MakeSources) -> None:
    film = Medium("film", "https://media.example/film.mp4")
    held = sources(brief=Brief("A fox.", (FOX, film)), models=("wan2.7-r2v",), clips=2, budget="1.00 USD")
    cheap = make_clip(1, model="wan2.7-r2v", references=("fox",), subject="@fox", seconds=5)
    dear = make_clip(2, model="wan2.7-r2v", references=("film",), subject="@film", seconds=5)

    found = check_storyboard([cheap, dear], held)

    assert {clip: [breach.rule for breach in breaches] for clip, breaches in found.items()} == {"02": ["budget"]}


def test_dialogue_is_in_the_language_that_was_asked_for(sources: MakeSources) -> None:
    assert rules_of(check_storyboard([make_clip(1, dialogue="hello")], sources(language="zh"))) == {"language"}
    assert check_storyboard([make_clip(1, dialogue="你好")], sources(language="zh")) == {}


def test_a_cell_of_the_table_is_a_variable_and_counts_as_long_as_its_longest(sources: MakeSources) -> None:
    held = sources(models=("wan2.7-t2v",), products=TABLE, clips=1)

    typed = check_storyboard([make_clip(1, action="it is Glazed by hand")], held)
    spoken = check_storyboard([make_clip(1, seconds=2, dialogue="{{ name }} {{ claim }}")], held)
    unknown = check_storyboard([make_clip(1, action="costs {{ price }}")], held)

    assert (rules_of(typed), rules_of(spoken), rules_of(unknown)) == ({"variables"}, {"dialogue"}, {"variables"})
    assert check_storyboard([make_clip(1, seconds=4, dialogue="{{ name }} {{ claim }}")], held) == {}


@pytest.mark.parametrize(
    ("clip", "parts", "rule"),
    [
        ({}, {}, None),
        ({}, {"action": "", "shots": ({"seconds": 2, "text": "one"}, {"seconds": 3, "text": "two"})}, None),
        ({}, {"shots": ({"seconds": 2, "text": "one"}, {"seconds": 2, "text": "two"})}, "shots"),
        ({}, {"shots": ({"seconds": 5, "text": "one"},)}, "shots"),
        ({"model": "wan2.2-t2v-plus"}, {"sound": "", "shots": ({"seconds": 5, "text": "one"},)}, "shots"),
        ({"model": "wan2.2-t2v-plus"}, {}, "words"),
        ({}, {"action": ""}, "words"),
        ({}, {"camera": ""}, "words"),
        ({"model": "wan2.7-i2v", "start": "fox"}, {}, "picture"),
        ({"model": "wan2.7-i2v", "start": "fox"}, {"subject": "", "setting": "", "look": ""}, None),
        (
            {"model": "wan2.7-i2v", "start": "fox", "setting": "narrow bridge over foaming water"},
            {"subject": "", "setting": "", "look": "", "action": "narrow bridge over foaming water, it walks"},
            "picture",
        ),
        ({"model": "wan2.7-r2v", "references": ("fox",)}, {}, "references"),
        ({"model": "wan2.7-r2v", "references": ("fox",)}, {"subject": "@fox"}, None),
        ({"model": "wan2.7-r2v", "references": ("fox",)}, {"subject": "@fox and @harbour"}, "references"),
        ({"model": "wan2.6-r2v", "references": ("fox",)}, {"subject": "@fox as character1"}, "labels"),
        ({}, {"action": 'It says "hello"'}, "quotes"),
        ({"dialogue": "let it float away"}, {"action": "It says let it float away"}, "quotes"),
        ({}, {"avoid": ("no blur",)}, "avoid"),
        ({}, {"sound": "No music"}, "avoid"),
        ({}, {"look": "best in the world"}, "banned"),
        ({}, {"look": "35 mm film"}, "numbers"),
    ],
)
def test_a_rule_of_the_prompt(
    sources: MakeSources, clip: dict[str, Any], parts: dict[str, Any], rule: str | None
) -> None:
    held = sources(brand=BANNED)
    story = make_clip(1, **clip)
    model = held.offer.model(story.model)
    assert model is not None

    found = check_prompts([write_clip(story, make_parts(**parts), model, held.media, name="autumn")], held)

    assert rules_of(found) - {rule} <= {"numbers"}
    assert bool(found) is (rule is not None)


def test_a_prompt_fits_into_its_model(sources: MakeSources) -> None:
    held = sources(models=("wan2.2-t2v-plus",))
    parts = make_parts(subject="s" * 300, setting="t" * 300, action="a" * 300, sound="")

    found = check_prompts(
        [write_clip(make_clip(1, model="wan2.2-t2v-plus"), parts, held.offer.models[0], {}, name="a")], held
    )

    assert rules_of(found) == {"cap"}
    assert "reads 800" in found["01"][0].detail


def test_a_prompt_of_a_product_names_it(sources: MakeSources) -> None:
    held = sources(models=("wan2.7-t2v",), products=TABLE, clips=1)
    model = held.offer.models[0]

    without = check_prompts([write_clip(make_clip(1), make_parts(), model, {}, name="a")], held)
    named = check_prompts([write_clip(make_clip(1), make_parts(subject="{{ name }}"), model, {}, name="a")], held)

    assert (rules_of(without), named) == ({"variables"}, {})
