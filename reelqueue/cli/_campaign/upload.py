"""Upload the clips of a file in batches while the file is still being read."""

from __future__ import annotations

import json
from contextlib import suppress
from queue import Queue
from threading import Thread
from types import TracebackType
from typing import Final, Self
from uuid import UUID

from reelqueue.campaigns.clip_json import clip_object
from reelqueue.campaigns.clips import Clip
from reelqueue.campaigns.options import CampaignOptions
from reelqueue.campaigns.plan.server_diff import ClipChange
from reelqueue.client import Client
from reelqueue.errors import InvalidRequestError, ReelqueueError
from reelqueue.schemas.campaigns import CsvStyle, ImportedClips, StagedClips, WaitingClips

BATCH_LINES: Final = 1_000
BATCH_BYTES: Final = 8 * 1024**2
"""Pictures may stand in the clips; a batch is sent before it has more than this and one clip."""
_BATCHES_WAITING: Final = 2
"""More would only fill the memory: the faster side waits for the other."""


class CampaignUpload:
    """One import: batches go to the server on a thread of their own, and nothing counts until `commit`.

    Left without a commit, it is discarded; killed, the server forgets it after a day.
    """

    def __init__(self, client: Client, name: str, options: CampaignOptions | None, file_name: str) -> None:
        """Send nothing yet.

        Args:
            client: Not used by other code until `finish`.
            name: Of the campaign.
            options: How it is run from the commit on; None: as before.
            file_name: For people.
        """
        self.refused: dict[str, InvalidRequestError] = {}
        """What the server says of clips that it does not take."""
        self._client, self._name, self._options, self._file_name = client, name, options, file_name
        self._import_id: UUID | None = None
        self._is_committed = False
        self._staged_count = 0
        self._error: ReelqueueError | None = None
        self._lines: list[bytes] = []
        self._size_bytes = 0
        self._waiting: Queue[list[bytes] | None] = Queue(_BATCHES_WAITING)
        self._sender = Thread(target=self._send, name="upload", daemon=True)
        self._sender.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sender.is_alive():
            self._waiting.put(None)
            self._sender.join()
        if self._import_id is not None and not self._is_committed:
            with suppress(ReelqueueError):  # it is forgotten after a day all the same
                self._client.campaigns.discard_import(self._name, self._import_id)

    def keep(self, clip: Clip, change: ClipChange) -> None:
        """Take a good clip; the server gets what changes something."""
        if change is ClipChange.PRESENT:
            return
        line = json.dumps(clip_object(clip), ensure_ascii=False).encode()
        self._lines.append(line)
        self._size_bytes += len(line)
        if len(self._lines) >= BATCH_LINES or self._size_bytes >= BATCH_BYTES:
            self._put()

    def finish(self) -> None:
        """Wait until the server has seen everything.

        Raises:
            ReelqueueError: It could not be reached, or refused a batch as a whole.
        """
        if self._lines:
            self._put()
        self._waiting.put(None)
        self._sender.join()
        if self._error is not None:
            raise self._error

    def price(self) -> WaitingClips:
        """What the commit would cost, by the server's prices."""
        return self._client.campaigns.price_import(self._name, self._begun(), clips=self._staged_count)

    def commit(self, csv_style: CsvStyle | None, *, agreed: WaitingClips | None) -> ImportedClips:
        """Commit everything.

        Args:
            csv_style: Of the file, for what is written about the campaign; None: it is no CSV file.
            agreed: What a person was shown; None: whatever it costs.
        """
        stored = self._client.campaigns.commit_import(
            self._name, self._begun(), clips=self._staged_count, csv_style=csv_style, agreed=agreed
        )
        self._is_committed = True
        return stored

    def _put(self) -> None:
        self._waiting.put(self._lines)
        self._lines, self._size_bytes = [], 0

    def _send(self) -> None:
        number = 0
        while (lines := self._waiting.get()) is not None:
            number += 1
            if self._error is None:  # else it only empties the queue, for which the reader may wait
                try:
                    self._note(self._client.campaigns.stage(self._name, self._begun(), number, lines))
                except ReelqueueError as error:
                    self._error = error

    def _begun(self) -> UUID:
        if self._import_id is None:
            campaigns = self._client.campaigns
            self._import_id = campaigns.begin_import(self._name, self._options, file_name=self._file_name)
        return self._import_id

    def _note(self, staged: StagedClips) -> None:
        self._staged_count += staged.clips
        for problem in staged.problems:
            refusal = InvalidRequestError(problem.code, problem.message, problem.field)
            if problem.custom_id is None:
                raise refusal
            self.refused[problem.custom_id] = refusal
