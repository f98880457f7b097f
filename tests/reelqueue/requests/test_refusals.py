from __future__ import annotations

import base64
from collections.abc import Mapping

import pytest

from reelqueue import InvalidRequestError, data_uri, parse_request

P = "https://media.example/first.png"
V = "https://media.example/clip.mp4"
A = "https://media.example/voice.mp3"
TEXT = {"model": "wan2.6-t2v", "prompt": "fog"}
IMAGE = {"model": "wan2.6-i2v", "image": P}
REFERENCES = {"model": "wan2.6-r2v", "prompt": "character1", "reference_urls": [P]}
FRAMES27 = {"model": "wan2.7-i2v"}
REFERENCES27 = {"model": "wan2.7-r2v", "prompt": "Image 1"}
EDIT27 = {"model": "wan2.7-videoedit"}
WAN3 = {"model": "wan3.0-video", "prompt": "fog"}
HORSE = {"model": "happyhorse-1.1-r2v", "prompt": "[Image 1]"}
PIXEL = data_uri(
    base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
)


def item(role: str, url: str = P, **more: str) -> dict[str, str]:
    return {"type": role, "url": url, **more}


CASES = [
    # misspelt, foreign or inapplicable options name the near one and list what is taken
    ({**TEXT, "negative_promt": "x"}, "unknown_option", "negative_promt", "did you mean negative_prompt"),
    ({**TEXT, "negativePromt": "x"}, "unknown_option", "negative_promt", "did you mean negative_prompt"),
    ({**TEXT, "size": "1280*720"}, "unknown_option", "size", "did you mean resolution"),
    ({**IMAGE, "img_url": P}, "unknown_option", "img_url", "did you mean image"),
    ({**TEXT, "nonsense": 1}, "unknown_option", "nonsense", "It takes audio, audio_url, duration, negative_prompt"),
    ({**TEXT, "image": P}, "unknown_option", "image", "does not take it. It takes"),
    ({**TEXT, "last_frame": P}, "unknown_option", "last_frame", "wan2.6-t2v"),
    ({**TEXT, "ratio": "16:9"}, "unknown_option", "ratio", "resolution"),
    ({**IMAGE, "ratio": "16:9"}, "unknown_option", "ratio", "wan2.6-i2v"),
    ({**IMAGE, "last_frame": P}, "unknown_option", "last_frame", "wan2.6-i2v"),
    ({**IMAGE, "media": [item("first_frame")]}, "unknown_option", "media", "wan2.6-i2v"),
    ({**REFERENCES, "audio_url": A}, "unknown_option", "audio_url", "wan2.6-r2v"),
    ({"model": "wan2.7-t2v", "prompt": "fog", "shot_type": "multi"}, "unknown_option", "shot_type", "wan2.7-t2v"),
    ({**WAN3, "negative_prompt": "x"}, "unknown_option", "negative_prompt", "wan3.0-video"),
    ({**WAN3, "audio_url": A}, "unknown_option", "audio_url", "wan3.0-video"),
    ({**FRAMES27, "image": P, "ratio": "1:1"}, "unknown_option", "ratio", "wan2.7-i2v"),
    ({**HORSE, "reference_urls": [P], "prompt_extend": True}, "unknown_option", "prompt_extend", "happyhorse"),
    ({"model": "wan2.2-t2v-plus", "prompt": "fog", "audio": False}, "unknown_option", "audio", "wan2.2-t2v-plus"),
    ({"model": "acme", "prompt": "x", "image": P}, "unknown_option", "image", "may state its mode"),
    ({**TEXT, "audio_url": A, "audioUrl": A}, "conflicting_options", "audio_url", "given twice"),
    ({**TEXT, "nonsense": None}, "unknown_option", "nonsense", "does not take it"),
    # models and modes
    ({"prompt": "fog"}, "missing_option", "model", "wan2.6-t2v"),
    ({"model": 7}, "missing_option", "model", "give the id"),
    ({"model": "wan 2.6", "prompt": "fog"}, "bad_text", "model", "not 'wan 2.6'"),
    ({**TEXT, "mode": "image-to-video"}, "wrong_mode", "mode", "wan2.6-t2v renders text-to-video"),
    ({**TEXT, "mode": "film"}, "wrong_mode", "mode", "one of text-to-video"),
    # a type is never guessed
    ({**TEXT, "duration": "5"}, "wrong_type", "duration", "not '5'"),
    ({**TEXT, "duration": 5.5}, "wrong_type", "duration", "integer"),
    ({**TEXT, "watermark": "yes"}, "wrong_type", "watermark", "boolean"),
    ({**TEXT, "seed": True}, "wrong_type", "seed", "integer"),
    ({**TEXT, "prompt": 5}, "wrong_type", "prompt", "string"),
    ({**TEXT, "prompt": "a\x00b"}, "bad_text", "prompt", "NUL"),
    ({**REFERENCES, "reference_urls": P}, "wrong_type", "reference_urls", "must be a list"),
    ({**FRAMES27, "media": [3]}, "wrong_type", "media", "media[0]"),
    ({**FRAMES27, "media": [item("first_frame"), {"type": "last_frame"}]}, "bad_media", "media", "item 1: url"),
    # numbers and words out of range say the range
    ({**TEXT, "duration": 1}, "out_of_range", "duration", "2 to 15 seconds, not 1"),
    ({**TEXT, "duration": 16}, "out_of_range", "duration", "2 to 15 seconds"),
    ({"model": "wan2.5-t2v-preview", "prompt": "x", "duration": 7}, "out_of_range", "duration", "5 or 10 seconds"),
    ({**REFERENCES, "duration": 11}, "out_of_range", "duration", "2 to 10 seconds"),
    ({**REFERENCES27, "reference_urls": [V], "duration": 11}, "out_of_range", "duration", "with a reference video"),
    ({**WAN3, "duration": 0}, "out_of_range", "duration", "2 to 30 seconds, or -1 (the model decides)"),
    ({**EDIT27, "media": [item("video", V)], "duration": 11}, "out_of_range", "duration", "or 0 (keeps the length"),
    ({"model": "acme", "prompt": "x", "duration": 86_401}, "out_of_range", "duration", "86400"),
    ({"model": "acme", "prompt": "x", "seed": 2**63}, "out_of_range", "seed", "models take 0 to 2147483647"),
    ({"model": "acme", "prompt": "x", "ratio": "9" * 33}, "too_long", "ratio", "32"),
    ({**REFERENCES27, "media": [item("reference_image")] * 65}, "too_long", "media", "64"),
    ({**WAN3, "media": [{"type": [], "url": P}]}, "bad_media", "media", "item 0: type"),
    ({**TEXT, "seed": -1}, "out_of_range", "seed", "0 to 2147483647"),
    ({**WAN3, "seed": -2}, "out_of_range", "seed", "-1 to 2147483647"),
    ({**TEXT, "resolution": "4K"}, "out_of_range", "resolution", "480P, 720P, 1080P"),
    ({**TEXT, "resolution": "480P"}, "out_of_range", "resolution", "takes 720P, 1080P or 1280x720"),
    ({**TEXT, "resolution": "1104x832"}, "out_of_range", "resolution", "1088x832"),
    ({**TEXT, "resolution": "832x480"}, "out_of_range", "resolution", "wan2.6-t2v"),
    ({**WAN3, "ratio": "5:4"}, "out_of_range", "ratio", "adaptive, 21:9"),
    ({**TEXT, "shot_type": "triple"}, "out_of_range", "shot_type", "'single' or 'multi'"),
    ({**TEXT, "priority": 101}, "out_of_range", "priority", "100"),
    ({**TEXT, "poll_interval_ms": 0}, "out_of_range", "poll_interval_ms", "1"),
    ({**TEXT, "poll_timeout_ms": 86_400_001}, "out_of_range", "poll_timeout_ms", "86400000"),
    ({**TEXT, "on_timeout": "retry"}, "out_of_range", "on_timeout", "'collect', 'cancel' or 'abandon'"),
    # sound that cannot be switched off
    ({**TEXT, "audio": False}, "out_of_range", "audio", "always has sound"),
    ({**IMAGE, "audio": False}, "out_of_range", "audio", "always has sound"),
    ({**REFERENCES27, "reference_urls": [P], "audio": False}, "out_of_range", "audio", "always has sound"),
    # lengths: the service would cut and bill
    ({**TEXT, "prompt": "x" * 1501}, "too_long", "prompt", "reads 1500 characters, not 1501"),
    ({"model": "wan2.1-t2v-turbo", "prompt": "x" * 801}, "too_long", "prompt", "800"),
    ({"model": "happyhorse-1.1-t2v", "prompt": "马" * 2501}, "too_long", "prompt", "5000 characters, not 5002"),
    ({**TEXT, "negative_prompt": "x" * 501}, "too_long", "negative_prompt", "at most 500 characters"),
    ({**TEXT, "custom_id": "x" * 257}, "too_long", "custom_id", "at most 256 characters"),
    ({**TEXT, "custom_id": ""}, "too_short", "custom_id", "at least 1"),
    ({**TEXT, "metadata": {"notes": "x" * 17_000}}, "too_long", "metadata", "16384 bytes"),
    # missing inputs
    ({"model": "wan2.6-t2v"}, "missing_option", "prompt", "needs one"),
    # empty is no prompt, as an empty cell is none
    ({"model": "wan2.6-t2v", "prompt": ""}, "missing_option", "prompt", "needs one"),
    (
        {"model": "wan2.7-r2v", "prompt": " \n\t", "media": [item("reference_image")]},
        "missing_option",
        "prompt",
        "needs one",
    ),
    ({"model": "wan3.0-video"}, "missing_option", "prompt", "needs one"),
    ({"model": "wan2.6-i2v", "prompt": "fog"}, "missing_option", "image", "needs a first_frame"),
    (
        {"model": "wan2.6-r2v", "prompt": "fog"},
        "missing_option",
        "reference_urls",
        "reference_image or reference_video",
    ),
    ({**REFERENCES, "reference_urls": []}, "missing_option", "reference_urls", "needs"),
    ({"model": "wan2.2-kf2v-flash", "image": P}, "missing_option", "last_frame", "needs a last_frame"),
    ({**FRAMES27, "prompt": "fog"}, "missing_option", "image", "needs a first_frame"),
    ({**REFERENCES27, "image": P}, "missing_option", "reference_urls", "reference_image"),
    ({**EDIT27, "media": [item("reference_image")]}, "missing_option", "media", "needs a video"),
    ({**WAN3, "mode": "image-to-video"}, "missing_option", "image", "image-to-video needs it"),
    ({"model": "happyhorse-1.0-video-edit", "media": [item("video", V)]}, "missing_option", "prompt", "needs one"),
    # counts
    ({**REFERENCES, "reference_urls": [P] * 6}, "too_many", "reference_urls", "at most 5 reference_image, not 6"),
    ({**REFERENCES, "reference_urls": [V] * 4}, "too_many", "reference_urls", "at most 3 reference_video, not 4"),
    ({**REFERENCES, "reference_urls": [P, P, P, V, V, V]}, "too_many", "reference_urls", "5 references in all, not 6"),
    ({**REFERENCES27, "media": [item("reference_video", V)] * 6}, "too_many", "media", "at most 5"),
    ({**EDIT27, "media": [item("video", V)] * 2}, "too_many", "media", "at most 1 video"),
    ({**EDIT27, "media": [item("video", V), *[item("reference_image")] * 5]}, "too_many", "media", "at most 4"),
    ({**WAN3, "reference_urls": [P] * 11}, "too_many", "reference_urls", "at most 10"),
    ({**HORSE, "reference_urls": [P] * 10}, "too_many", "reference_urls", "at most 9"),
    # combinations
    ({**FRAMES27, "last_frame": P}, "bad_media", "last_frame", "first_clip + last_frame"),
    ({**FRAMES27, "media": [item("first_clip", V), item("first_frame")]}, "bad_media", "media", "not first_clip"),
    ({**FRAMES27, "media": [item("video", V)]}, "bad_media", "media", "first_frame, last_frame, driving_audio"),
    ({**FRAMES27, "image": P, "media": [item("last_frame")]}, "conflicting_options", "media", "not both"),
    ({**HORSE, "reference_urls": [V]}, "bad_media", "reference_urls", "takes reference_image"),
    ({**WAN3, "media": [item("first_frame"), item("reference_image")]}, "bad_media", "media", "either frames or"),
    ({**WAN3, "media": [item("file"), item("link")]}, "bad_media", "media", "no file together with link"),
    ({**WAN3, "media": [item("file")], "prompt_extend": False}, "conflicting_options", "prompt_extend", "file"),
    ({**FRAMES27, "media": [item("first_frame", reference_voice=A)]}, "bad_media", "media", "reference_voice"),
    # URLs
    ({**IMAGE, "image": "first.png"}, "bad_url", "image", "http, https or oss URL"),
    ({**IMAGE, "image": "ftp://media.example/a.png"}, "bad_url", "image", "not 'ftp:"),
    ({**IMAGE, "image": "https:///a.png"}, "bad_url", "image", "URL"),
    ({**IMAGE, "image": "https://[::1/a.png"}, "bad_url", "image", "URL"),
    ({**IMAGE, "image": "https://media.example/a b.png"}, "bad_url", "image", "URL"),
    ({**IMAGE, "image": "data:image/png,plain"}, "bad_url", "image", "base64"),
    ({**IMAGE, "image": "data:image/png;base64,%%%%"}, "bad_url", "image", "base64"),
    ({**IMAGE, "image": "data:image/png;base64,"}, "bad_url", "image", "empty"),
    ({**REFERENCES, "reference_urls": [P, "x"]}, "bad_url", "reference_urls", "reference_urls[1]"),
    ({**REFERENCES, "reference_urls": [PIXEL]}, "bad_url", "reference_urls", "not embedded"),
    ({**TEXT, "audio_url": PIXEL}, "bad_url", "audio_url", "not embedded"),
    # files of the machine that parses
    ({**IMAGE, "image": "file:///etc/passwd"}, "local_path_refused", "image", "the producer embeds it"),
    ({**REFERENCES, "reference_urls": [P, "FILE:///etc/passwd"]}, "local_path_refused", "reference_urls", "elsewhere"),
    ({**FRAMES27, "media": [item("first_frame", "file:///etc/passwd")]}, "local_path_refused", "media", "elsewhere"),
    # job options
    ({**TEXT, "headers": {"Authorization": "Bearer x"}}, "reserved_header", "headers", "Authorization"),
    ({**TEXT, "headers": {"x-dashscope-async": "disable"}}, "reserved_header", "headers", "x-dashscope-async"),
    ({**TEXT, "headers": {"X-DashScope-WorkSpace": "ws-1"}}, "reserved_header", "headers", "accounts change NAME"),
    ({**TEXT, "headers": {"Expect": "100-continue"}}, "reserved_header", "headers", "X-DashScope-DataInspection alone"),
    ({**TEXT, "headers": {"X-DashScope-DataInspection": "1\r\nX-B: 2"}}, "bad_header", "headers", "plain ASCII"),
    ({**TEXT, "headers": {"X A": "1"}}, "reserved_header", "headers", "'X A'"),
    ({**TEXT, "raw": {"a": float("nan")}}, "bad_json", "raw", "JSON"),
    # raw is for what has no option: the price is known from the options
    ({**TEXT, "raw": {"duration": 15}}, "option_in_raw", "raw", "give duration itself"),
    ({**TEXT, "raw": {"size": "1920*1080"}}, "option_in_raw", "raw", "give resolution itself"),
    ({**TEXT, "raw": {" promptExtend": False}}, "option_in_raw", "raw", "give prompt_extend itself"),
    ({**TEXT, "raw": {"model": "wan2.5-t2v-preview"}}, "option_in_raw", "raw", "give model itself"),
    ({**TEXT, "raw": {"n": 4}}, "option_in_raw", "raw", "each job renders one video"),
    ({**TEXT, "metadata": {"a": "\ud800"}}, "bad_json", "metadata", "surrogates"),
    ({**TEXT, "metadata": {"a": "\x00"}}, "bad_text", "metadata", "NUL"),
    ({**TEXT, "metadata": []}, "wrong_type", "metadata", "JSON object"),
    ({**TEXT, "start_by": "2027-01-01T00:00:00"}, "wrong_type", "start_by", "timezone"),
    ({**TEXT, "start_by": 1_800_000_000}, "wrong_type", "start_by", "with its timezone"),
    ({**TEXT, "start_by": "1800000000"}, "wrong_type", "start_by", "with its timezone"),
    ({**TEXT, "start_by": "0001-01-01T00:00:00+23:00"}, "out_of_range", "start_by", "exists in UTC"),
]


@pytest.mark.parametrize(("options", "code", "field", "words"), CASES)
def test_a_refusal_says_which_option_and_what_is_taken(
    options: Mapping[str, object], code: str, field: str, words: str
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_request(options)

    assert (caught.value.code, caught.value.field) == (code, field)
    assert words in caught.value.message


def test_a_refusal_never_quotes_the_prompt() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_request({**TEXT, "prompt": "secret " * 400})

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {**TEXT, "prompt": "x" * 1500},  # exactly the cap
        {"model": "happyhorse-1.1-t2v", "prompt": "马" * 2500},  # a Chinese character counts twice
        {**TEXT, "negative_prompt": "x" * 500},
        {**TEXT, "metadata": {"path": "C:\\u0000"}},  # a backslash, not the character NUL
        {**REFERENCES, "reference_urls": [P, P, V, V, V]},
        {**WAN3, "seed": -1},
        {**WAN3, "duration": -1},
        {**TEXT, "image": None, "poll_interval_ms": None},  # None says nothing, not even about another mode's option
    ],
)
def test_what_lies_just_inside_is_taken(options: Mapping[str, object]) -> None:
    assert parse_request(options).model == options["model"]
