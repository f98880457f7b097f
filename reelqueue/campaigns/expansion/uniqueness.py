"""Detect duplicate ids, contents and file names within a campaign file, by short hashes.

The only thing that grows with the number of rows: some 400 bytes a clip.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

NO_LINE = 0
"""Of a clip whose format tells no lines."""


@dataclass(slots=True)
class ClaimedNames:
    """Ids, contents and file names used so far, with the line that used each first."""

    _ids: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)
    _contents: dict[bytes, int] = field(default_factory=dict)
    _outputs: dict[bytes, int] = field(default_factory=dict)
    _followers: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)
    """Of clips that are not above: the first line that comes after each, and the content that it was told."""

    def claim_id(self, custom_id: str, line: int | None, content_sha256: str | None) -> int | None:
        """Claim an id; None if it was free, else the line that has it.

        Args:
            custom_id: The id.
            line: Of the row that wants it.
            content_sha256: Of its clip, for those that continue it; None for a clip that cannot be rendered.
        """
        key = _short(custom_id)
        if (taken := self._ids.get(key)) is not None:
            return taken[0]
        self._ids[key] = (line or NO_LINE, bytes.fromhex(content_sha256 or ""))
        return None

    def content_of(self, custom_id: str) -> str | None:
        """The content of an earlier clip; empty for one that cannot be rendered, None if there is none."""
        taken = self._ids.get(_short(custom_id))
        return None if taken is None else taken[1].hex()

    def note_follower(self, custom_id: str, line: int | None, content_sha256: str) -> None:
        """Remember that a clip comes after one that no row above has, and which content that one has on the server."""
        key = _short(custom_id)
        if key not in self._ids:
            self._followers.setdefault(key, (line or NO_LINE, bytes.fromhex(content_sha256)))

    def line_of_follower(self, custom_id: str, content_sha256: str) -> int | None:
        """The line of a clip above that comes after this one and knew another content of it; None if there is none."""
        line, known = self._followers.get(_short(custom_id), (None, b""))
        return None if known == bytes.fromhex(content_sha256) else line

    def spoil(self, custom_id: str) -> None:
        """Mark an id as unusable for followers, as its clip is not rendered."""
        key = _short(custom_id)
        self._ids[key] = (self._ids[key][0], b"")

    def line_of_content(self, content_sha256: str) -> int | None:
        """The line of an earlier clip that sends the same; None if there is none."""
        return self._contents.get(bytes.fromhex(content_sha256)[:16])

    def add_content(self, content_sha256: str, line: int | None) -> None:
        """Remember what a clip sends."""
        self._contents[bytes.fromhex(content_sha256)[:16]] = line or NO_LINE

    def claim_output(self, name: str, line: int | None) -> int | None:
        """Claim a file name; None if it was free, else the line that has it. Capitals do not tell names apart."""
        key = _short(name.casefold())
        if (earlier := self._outputs.get(key)) is None:
            self._outputs[key] = line or NO_LINE
        return earlier


def _short(text: str) -> bytes:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()
