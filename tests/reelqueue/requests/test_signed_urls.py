"""A signature says who may read a file and until when, and not which file."""

from __future__ import annotations

import pytest

from reelqueue import parse_request
from reelqueue.builder import build, content_sha256
from reelqueue.campaigns.clip_ids import derived_id, slug
from reelqueue.requests.signed_urls import without_signature

FILE = "https://media.example/shoes/a.png"
SIGNATURES = {
    "oss": "OSSAccessKeyId=LTAI{n}&Expires=176{n}&Signature=a%2F{n}%3D&security-token=t{n}",
    "oss-v4": "x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-credential=c{n}&x-oss-date=2026113{n}T000000Z"
    "&x-oss-expires=3600&x-oss-signature=5{n}",
    "s3-v2": "AWSAccessKeyId=AKIA{n}&Expires=176{n}&Signature=b{n}",
    "s3-v4": "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA{n}%2F20261130&X-Amz-Date=2026113{n}T000000Z"
    "&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Security-Token=t{n}&X-Amz-Signature=f{n}",
    "gcs-v2": "GoogleAccessId=robot%40example&Expires=176{n}&Signature=c{n}",
    "gcs-v4": "X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=r{n}&X-Goog-Date=2026113{n}T000000Z"
    "&X-Goog-Expires=3600&X-Goog-SignedHeaders=host&X-Goog-Signature=d{n}",
    "azure-sas": "sv=2024-11-04&st=2026-11-30T00%3A00Z&se=2026-12-0{n}T00%3A00Z&sr=b&sp=r&sig=e{n}%3D",
    "cloudfront": "Expires=176{n}&Signature=g{n}&Key-Pair-Id=K{n}",
    "cloudfront-policy": "Policy=eyJ{n}&Signature=h{n}&Key-Pair-Id=K{n}",
}


def digest(**options: object) -> str:
    return content_sha256(parse_request({"prompt": "it moves", **options}))


def signed(name: str, number: int, url: str = FILE) -> str:
    return f"{url}{'&' if '?' in url else '?'}{SIGNATURES[name].format(n=number)}"


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_file_under_a_new_signature_is_the_same_content(name: str) -> None:
    one, other = signed(name, 1), signed(name, 2)

    assert without_signature(one) == FILE
    assert digest(model="wan2.6-i2v", image=one) == digest(model="wan2.6-i2v", image=other)
    assert build(parse_request({"model": "wan2.6-i2v", "image": one})).body["input"] == {
        "img_url": one
    }  # sent as given


@pytest.mark.parametrize("name", SIGNATURES)
def test_what_says_which_file_still_counts(name: str) -> None:
    url = f"{FILE}?versionId=7&x-oss-process=image/resize,w_640#part"

    assert without_signature(signed(name, 1, f"{FILE}?versionId=7")) == f"{FILE}?versionId=7"
    assert without_signature(url) == url
    assert digest(model="wan2.6-i2v", image=signed(name, 1)) != digest(model="wan2.6-i2v", image=f"{FILE}?versionId=7")


@pytest.mark.parametrize(
    "options",
    [
        {"model": "wan2.6-t2v", "audio_url": "https://media.example/a.mp3?{}"},
        {"model": "wan2.2-kf2v-flash", "image": FILE, "last_frame": "https://media.example/b.png?{}"},
        {"model": "wan2.6-r2v", "reference_urls": [FILE, "https://media.example/b.mp4?{}"]},
        {
            "model": "wan2.7-r2v",
            "media": [{"type": "reference_image", "url": FILE, "reference_voice": "https://media.example/v.mp3?{}"}],
        },
    ],
)
def test_every_place_of_a_url_is_read_so(options: dict[str, object]) -> None:
    def signing(value: object, number: int) -> object:
        match value:
            case str():
                return value.format(SIGNATURES["s3-v4"].format(n=number))
            case list():
                return [signing(one, number) for one in value]
            case dict():
                return {name: signing(one, number) for name, one in value.items()}
        raise AssertionError(value)

    one, other = ({name: signing(value, number) for name, value in options.items()} for number in (1, 2))

    assert one != other
    assert digest(**one) == digest(**other)


@pytest.mark.parametrize(
    "url",
    [
        f"{FILE}?sig=1",  # Azure's needs its version beside it
        f"{FILE}?Signature=1&Expires=2",  # of nobody known
        f"{FILE}?Expires=176&Key-Pair-Id=K",  # no signature
        f"{FILE}?v=1&v=2",
        "oss://bucket/a.png",
        FILE,
    ],
)
def test_any_other_query_is_part_of_the_content(url: str) -> None:
    assert without_signature(url) == url


def test_a_url_in_a_prompt_is_text() -> None:
    texts = [digest(model="wan2.6-t2v", prompt=signed("s3-v4", number)) for number in (1, 2)]

    assert texts[0] != texts[1]


def test_a_row_that_is_named_by_its_values_keeps_its_name() -> None:
    ids = {derived_id({"prompt": "x", "refs": [signed("oss", number)]}) for number in (1, 2)}
    slugs = {slug(signed("oss", number)) for number in (1, 2)}

    assert (len(ids), len(slugs)) == (1, 1)
