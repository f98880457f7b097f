from __future__ import annotations

import pytest

from reelqueue.catalog import MODELS, Mode, ModelSpec, Protocol, Sound, assume, lookup, mode_by_id
from reelqueue.catalog.price_list import PRICES
from reelqueue.catalog.sizes import LEGACY_SIZES, SHAPE_BY_SIZE, WAN27_SIZES

SPECS = list(MODELS.values())

TEXT, IMAGE, REFERENCE = Mode.TEXT_TO_VIDEO, Mode.IMAGE_TO_VIDEO, Mode.REFERENCE_TO_VIDEO
ALL, HD = ("480P", "720P", "1080P"), ("720P", "1080P")

FACTS = [
    # the six models that the product started from
    ("wan2.6-t2v", TEXT, Protocol.LEGACY, HD, (2, 15), Sound.ALWAYS, 1500, 5, 5),
    ("wan2.5-t2v-preview", TEXT, Protocol.LEGACY, ALL, (5, 10), Sound.ALWAYS, 1500, 5, 5),
    ("wan2.6-i2v", IMAGE, Protocol.LEGACY, HD, (2, 15), Sound.ALWAYS_STATED, 1500, 5, 5),
    ("wan2.6-i2v-flash", IMAGE, Protocol.LEGACY, HD, (2, 15), Sound.SWITCH, 1500, 5, 5),
    ("wan2.6-r2v", REFERENCE, Protocol.LEGACY, HD, (2, 10), Sound.ALWAYS_STATED, 1500, 5, 5),
    ("wan2.6-r2v-flash", REFERENCE, Protocol.LEGACY, HD, (2, 10), Sound.SWITCH, 1500, 5, 5),
    # the scope of the United States
    ("wan2.6-t2v-us", TEXT, Protocol.LEGACY, HD, (5, 15), Sound.ALWAYS, 1500, 5, 5),
    ("wan2.6-i2v-us", IMAGE, Protocol.LEGACY, HD, (5, 15), Sound.ALWAYS_STATED, 1500, 5, 5),
    ("wan2.5-i2v-preview", IMAGE, Protocol.LEGACY, ALL, (5, 10), Sound.ALWAYS, 1500, 5, 5),
    # silent families, five seconds
    ("wan2.2-t2v-plus", TEXT, Protocol.LEGACY, ("480P", "1080P"), (5, 5), Sound.SILENT, 800, 2, 2),
    ("wan2.2-i2v-flash", IMAGE, Protocol.LEGACY, ALL, (5, 5), Sound.SILENT, 800, 2, 2),
    ("wan2.2-i2v-plus", IMAGE, Protocol.LEGACY, ("480P", "1080P"), (5, 5), Sound.SILENT, 800, 2, 2),
    ("wan2.1-t2v-turbo", TEXT, Protocol.LEGACY, ("480P", "720P"), (5, 5), Sound.SILENT, 800, 2, 2),
    ("wan2.1-i2v-turbo", IMAGE, Protocol.LEGACY, ("480P", "720P"), (3, 5), Sound.SILENT, 800, 2, 2),
    ("wan2.1-i2v-plus", IMAGE, Protocol.LEGACY, ("720P",), (5, 5), Sound.SILENT, 800, 2, 2),
    # first and last frame
    ("wan2.2-kf2v-flash", IMAGE, Protocol.FIRST_LAST, ALL, (5, 5), Sound.SILENT, 800, 2, 2),
    ("wan2.1-kf2v-plus", IMAGE, Protocol.FIRST_LAST, ("720P",), (5, 5), Sound.SILENT, 800, 2, 1),
    # media protocol
    ("wan2.7-t2v", TEXT, Protocol.MEDIA, HD, (2, 15), Sound.ALWAYS, 5000, 5, 5),
    ("wan2.7-i2v", IMAGE, Protocol.MEDIA, HD, (2, 15), Sound.ALWAYS, 5000, 5, 5),
    ("wan2.7-r2v", REFERENCE, Protocol.MEDIA, HD, (2, 15), Sound.ALWAYS, 5000, 5, 5),
    ("wan2.7-videoedit", Mode.VIDEO_EDIT, Protocol.MEDIA, HD, (2, 10), Sound.ALWAYS, 5000, 5, 5),
    ("happyhorse-1.1-t2v", TEXT, Protocol.MEDIA, ALL, (3, 15), Sound.ALWAYS, 5000, 5, 10),
    ("happyhorse-1.0-r2v", REFERENCE, Protocol.MEDIA, HD, (3, 15), Sound.ALWAYS, 5000, 5, 10),
    # one id for every mode, and no published limits
    ("wan3.0-video", TEXT, Protocol.WAN3, ALL, (2, 30), Sound.SWITCH, 20_000, None, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "mode", "protocol", "tiers", "seconds", "sound", "characters", "slots", "submits"), FACTS
)
def test_published_facts(
    model: str,
    mode: Mode,
    protocol: Protocol,
    tiers: tuple[str, ...],
    seconds: tuple[int, int],
    sound: Sound,
    characters: int,
    slots: int | None,
    submits: int | None,
) -> None:
    spec = MODELS[model]

    assert spec.modes[0] is mode
    assert spec.protocol is protocol
    assert spec.tiers == tiers
    assert (spec.durations.seconds[0], spec.durations.seconds[-1]) == seconds
    assert spec.sound is sound
    assert spec.prompt.characters_max == characters
    assert (spec.slots, spec.submits_per_second) == (slots, submits)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.id)
def test_a_specification_agrees_with_itself(spec: ModelSpec) -> None:
    assert spec.default_tier in spec.tiers
    assert spec.default_ratio is None or spec.default_ratio in spec.ratios
    assert spec.durations.default_seconds is None or spec.durations.allows(spec.durations.default_seconds)
    assert bool(spec.sizes) == (spec.protocol is Protocol.LEGACY and spec.modes != (Mode.IMAGE_TO_VIDEO,))
    assert {tier for tier, _ratio in spec.sizes.values()} <= set(spec.tiers)
    assert {doubt.option for doubt in spec.doubts} <= spec.options


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.id)
def test_the_spelling_of_an_id_says_its_mode(spec: ModelSpec) -> None:
    assert mode_by_id(spec.id) in spec.modes


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.id)
def test_what_is_assumed_by_spelling_fits_what_is_published(spec: ModelSpec) -> None:
    assumed = assume(spec.id)

    assert (assumed.protocol, assumed.path) == (spec.protocol, spec.path)
    assert spec.options <= assumed.options


def test_only_first_and_last_frame_models_have_a_path_of_their_own() -> None:
    elsewhere = {spec.id for spec in SPECS if not spec.path.endswith("/video-generation/video-synthesis")}

    assert elsewhere == {"wan2.1-kf2v-plus", "wan2.2-kf2v-flash"}


def test_an_unpublished_id_is_in_no_table() -> None:
    assert lookup("wan9.9-t2v") is None
    assert assume("wan9.9-t2v").is_known is False


@pytest.mark.parametrize("region", PRICES)
def test_only_published_models_and_tiers_have_prices(region: str) -> None:
    for model, price in PRICES[region].items():
        assert set(price.per_second) <= set(MODELS[model].tiers)
        if price.silent_per_second is not None:
            assert MODELS[model].sound is Sound.SWITCH
            assert set(price.silent_per_second) == set(price.per_second)


def test_a_size_has_the_pixels_of_its_ratio() -> None:
    for size, (_tier, ratio) in SHAPE_BY_SIZE.items():
        width, height = map(int, size.split("x"))
        across, down = map(int, ratio.split(":"))

        assert width / height == pytest.approx(across / down, rel=0.03)


def test_wan27_renders_four_to_three_wider_than_before() -> None:
    assert LEGACY_SIZES["720P"]["4:3"] == "1088x832"
    assert WAN27_SIZES["720P"]["4:3"] == "1104x832"
