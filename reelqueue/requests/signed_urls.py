"""Remove the temporary signature from URLs of private files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

_SCHEMES: Final = (
    # What all of it needs, and what belongs to it where it is there; names are compared in lower case.
    # OSS, Amazon S3 version 2, Google Cloud Storage version 2, CloudFront
    ({"ossaccesskeyid", "expires", "signature"}, {"security-token"}),
    ({"awsaccesskeyid", "expires", "signature"}, {"x-amz-security-token"}),
    ({"googleaccessid", "expires", "signature"}, set[str]()),
    ({"key-pair-id", "signature"}, {"expires", "policy"}),
    # OSS version 4, Amazon S3 version 4, Google Cloud Storage version 4
    (
        {"x-oss-signature"},
        {
            "x-oss-signature-version", "x-oss-credential", "x-oss-date", "x-oss-expires", "x-oss-security-token",
            "x-oss-additional-headers",
        },
    ),
    (
        {"x-amz-signature"},
        {
            "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-security-token",
            "x-amz-signedheaders",
        },
    ),
    (
        {"x-goog-signature"},
        {"x-goog-algorithm", "x-goog-credential", "x-goog-date", "x-goog-expires", "x-goog-signedheaders"},
    ),
    # Azure shared access signatures
    (
        {"sig", "sv"},
        {
            "st", "se", "sp", "sr", "ss", "srt", "sip", "spr", "si", "ses", "sdd", "saoid", "suoid", "scid", "skoid",
            "sktid", "skt", "ske", "sks", "skv",
        },
    ),
)  # fmt: skip

SIGNED_URL: Final = r"^https?://[^#]*[?&](signature|sig|x-(oss|amz|goog)-signature)="
"""Matches every URL that may have one, whatever the case of its letters; also what Postgres reads as a pattern."""


def without_signature(url: str) -> str:
    """*url* without the parameters of a signature; what says which file, or which form of it, stays as it is."""
    address, mark, rest = url.partition("?")
    if not mark or not url.startswith(("http://", "https://")):
        return url
    query, hash_mark, fragment = rest.partition("#")
    parts = query.split("&")
    names = [unquote(part.partition("=")[0]).lower() for part in parts]
    signing: set[str] = set()
    for needed, others in _SCHEMES:
        if needed <= set(names):
            signing |= needed | others
    kept = "&".join(part for part, name in zip(parts, names, strict=True) if name not in signing)
    return f"{address}{'?' if kept else ''}{kept}{hash_mark}{fragment}" if signing else url


def without_signatures(value: object) -> object:
    """*value* with every URL in it, however deep, as `without_signature` has it."""
    match value:
        case str():
            return without_signature(value)
        case list() | tuple():
            return [without_signatures(one) for one in value]
        case Mapping():
            return {name: without_signatures(one) for name, one in value.items()}
        case _:
            return value
