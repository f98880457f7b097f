"""Named places at which a test kills or freezes the process that passes them.

Between two lines of the protocol a process can die; each such place calls :func:`failpoint` with its name.
Nothing happens unless the environment names a folder in ``REELQUEUE_FAILPOINTS``, as only the fault tests do.
There, a file ``<name>.<action>`` arms a failpoint for one pass, of whichever process comes first; it is renamed to
``<name>.met`` before the action, so that a worker that is started again passes, and the test sees that it was met.
A file ``<name>.<job id>`` makes that job poisonous: it kills every worker that passes with it, for as long as it lies.
"""

from __future__ import annotations

import os
import signal
from enum import StrEnum
from pathlib import Path
from typing import Final
from uuid import UUID

VARIABLE: Final = "REELQUEUE_FAILPOINTS"


class Failpoint(StrEnum):
    """A place between two steps; each is passed in one place of the code."""

    TAKEN_IN = "taken_in"
    """A producer's request is committed, the dispatch hint is not sent."""
    TEXT_TAKEN_IN = "text_taken_in"
    """A producer's text request is committed, its hint is not sent."""
    ADMITTED = "admitted"
    """Slots are leased, the submit hints are not sent."""
    CLAIMING = "claiming"
    """A job is claimed in a transaction that is not committed."""
    INTENT = "intent"
    """The intent is committed, ``sent`` is not."""
    SENT = "sent"
    """``sent`` is committed, and not in the journal."""
    JOURNALED = "journaled"
    """The submit is in the journal, the POST has not left."""
    ACCEPTED = "accepted"
    """The provider has answered with a task id that is not noted anywhere."""
    NAMED = "named"
    """The task id is in the journal, and not committed."""
    REFUSED = "refused"
    """The provider has refused, which is not committed."""
    BOUND = "bound"
    """The task id is committed, the poll hint is not sent."""
    POLLING = "polling"
    """The lane is taken, nothing has been asked."""
    CANCELLING = "cancelling"
    """The provider was asked to cancel, and its task has not been asked about."""
    ASKED = "asked"
    """A batch has its answers, which are not committed."""
    POLLED = "polled"
    """A batch's answers are committed, the hints are not sent."""
    DOWNLOADING = "downloading"
    """A part of the file is here."""
    DOWNLOADED = "downloaded"
    """The file is here, and not yet under its name."""
    KEPT = "kept"
    """The files have their names, the job has not moved."""
    ARCHIVED = "archived"
    """The job has moved and its webhooks are due; their hints are not sent, its message is not acknowledged."""
    NOTIFYING = "notifying"
    """A batch of webhooks is taken, nothing has been posted."""
    NOTIFIED = "notified"
    """The receiver has answered, which is not committed."""
    REPORTING = "reporting"
    """New notices and their deliveries are inserted, nothing is committed."""
    REPORTED = "reported"
    """New notices are committed, the hints are not sent."""
    TELLING = "telling"
    """A channel's notifications are taken, nothing has been sent."""
    TOLD = "told"
    """A channel's service has answered, which is not committed."""
    DOUBTED = "doubted"
    """An ambiguous attempt is taken, the listing has not been asked."""
    LISTED = "listed"
    """The listing has been asked, nothing is committed."""
    RECONCILED = "reconciled"
    """The verdict is committed, the hints are not sent."""
    TEXT_INTENT = "text_intent"
    """A call's intent is committed, nothing is connected."""
    TEXT_SENT = "text_sent"
    """``sent`` is committed, the call has not left."""
    TEXT_BEGUN = "text_begun"
    """The head of an answer is here, and nothing of it is committed."""
    TEXT_ANSWERED = "text_answered"
    """A whole answer is here, which is not committed."""
    TEXT_CLOSED = "text_closed"
    """A call's outcome is committed, the hints are not sent."""
    BATCH_GATHERED = "batch_gathered"
    """A batch is committed with its jobs, its hint is not sent."""
    BATCH_UPLOADED = "batch_uploaded"
    """The file of a batch is at the provider, which is not committed."""
    BATCH_CREATING = "batch_creating"
    """A batch is committed as about to be made, the request has not left."""
    BATCH_CREATED = "batch_created"
    """The provider has made a batch, whose id is not committed."""
    BATCH_LISTED = "batch_listed"
    """The list of batches has been asked, nothing is committed."""
    BATCH_READ = "batch_read"
    """The result files of a batch are here, nothing of them is committed."""
    BATCH_SETTLED = "batch_settled"
    """Some results of a batch are committed."""
    BATCH_CLOSED = "batch_closed"
    """All jobs of a batch have their outcome, and it is not committed as closed."""
    SWEPT = "swept"
    """The sweep has healed what was overdue, the hints are not sent."""


class Action(StrEnum):
    """What happens to the process."""

    KILL = "kill"
    """SIGKILL: no line of it runs any more."""
    KILL_GROUP = "kill-group"
    """SIGKILL for its whole process group: a worker with its pool."""
    FREEZE = "freeze"
    """SIGSTOP: it is frozen until SIGCONT is sent."""


_folder: Final = Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def failpoint(name: Failpoint, job_id: UUID | None = None) -> None:
    """Pass a place at which a test may end or freeze this process; nothing where no test has asked for it."""
    if _folder is not None:
        _meet(_folder, name)
        if job_id is not None and (_folder / f"{name}.{job_id}").exists():
            _act(Action.KILL_GROUP)


def _meet(folder: Path, name: Failpoint) -> None:
    for action in Action:
        try:
            (folder / f"{name}.{action}").rename(folder / f"{name}.met")
        except FileNotFoundError:
            continue
        _act(action)


def _act(action: Action) -> None:
    match action:
        case Action.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        case Action.KILL_GROUP:
            os.killpg(os.getpgrp(), signal.SIGKILL)
        case Action.FREEZE:
            os.kill(os.getpid(), signal.SIGSTOP)
