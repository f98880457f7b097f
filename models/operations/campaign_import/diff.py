"""What the staged clips of an import are to a campaign, decided for all of them at once.

Two tables of the transaction hold the answer. ``incoming`` has the clips that change something, each with the job that
is to stand for it and how it comes to it. ``outgoing`` has the jobs whose ids get another content.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from reelqueue.errors import ReelqueueError
from reelqueue.failure_codes import FailureCode

_TABLES: Final = """
CREATE TEMP TABLE incoming (
    batch int, line int, custom_id text PRIMARY KEY, content_sha256 text, was_there bool, rank int, job_id uuid,
    action text
) ON COMMIT DROP;
CREATE TEMP TABLE outgoing (id uuid PRIMARY KEY, replacement_id uuid, passes_to text) ON COMMIT DROP;
CREATE TEMP TABLE befores (custom_id text PRIMARY KEY, job_id uuid, content_sha256 text, state text) ON COMMIT DROP;
"""
_TWICE: Final = text(
    "SELECT custom_id FROM staged_clips WHERE import_id = :import_id GROUP BY custom_id HAVING count(*) > 1 LIMIT 1"
)
_INCOMING: Final = text("""
INSERT INTO incoming
SELECT s.batch, s.line, s.custom_id, s.content_sha256, coalesce(j.content_sha256, t.content_sha256) IS NOT NULL,
       row_number() OVER alike, first_value(s.job_id) OVER alike, NULL
FROM staged_clips s
LEFT JOIN render_jobs j ON j.campaign_id = :campaign_id AND j.custom_id = s.custom_id
     AND j.content_sha256 IS NOT NULL AND j.superseded_at IS NULL
LEFT JOIN clip_twins t ON t.campaign_id = :campaign_id AND t.custom_id = s.custom_id
WHERE s.import_id = :import_id AND coalesce(j.content_sha256, t.content_sha256, '') <> s.content_sha256
WINDOW alike AS (PARTITION BY s.content_sha256 ORDER BY s.batch, s.line)
""")
# In the order of their ids, before anything is read from them that decides.
_LOCK: Final = text("""
SELECT id FROM render_jobs WHERE id IN (
    SELECT j.id FROM incoming f JOIN render_jobs j ON j.campaign_id = :campaign_id AND j.custom_id = f.custom_id
           AND j.content_sha256 IS NOT NULL AND j.superseded_at IS NULL
    UNION
    SELECT j.id FROM incoming f JOIN render_jobs j ON j.campaign_id = :campaign_id
           AND j.content_sha256 = f.content_sha256
    UNION
    SELECT j.id FROM staged_clips s JOIN render_jobs j ON j.campaign_id = :campaign_id AND j.custom_id = s.after_id
           AND j.content_sha256 IS NOT NULL AND j.superseded_at IS NULL
    WHERE s.import_id = :import_id AND s.after_id IS NOT NULL
) ORDER BY id FOR NO KEY UPDATE
""")
# The content stands under another id. If that keeps it, it is shared; if that gets another one, it is handed over.
_SHARED: Final = text("""
UPDATE incoming f SET job_id = j.id, action = CASE
    WHEN f.rank = 1 AND EXISTS (SELECT FROM incoming o WHERE o.custom_id = j.custom_id) THEN 'renamed' ELSE 'shared' END
FROM render_jobs j
WHERE j.campaign_id = :campaign_id AND j.content_sha256 = f.content_sha256 AND j.superseded_at IS NULL
""")
# The content stood for an id before, and was submitted: the best that came of it stands again.
_RESTORED: Final = text("""
UPDATE incoming f SET job_id = k.id, action = CASE WHEN f.rank = 1 THEN 'restored' ELSE 'shared' END
FROM (
    SELECT DISTINCT ON (j.content_sha256) j.content_sha256, j.id
    FROM incoming o JOIN render_jobs j ON j.campaign_id = :campaign_id AND j.content_sha256 = o.content_sha256
    WHERE o.action IS NULL AND o.rank = 1 AND j.superseded_at IS NOT NULL
      AND NOT (j.state = 'cancelled' AND coalesce(j.failure_code, '') = :superseded)
    ORDER BY j.content_sha256, CASE WHEN j.state = 'succeeded' THEN 0
        WHEN j.state IN ('failed', 'moderated', 'lost', 'expired', 'cancelled') THEN 2 ELSE 1 END, j.id DESC
) k
WHERE f.content_sha256 = k.content_sha256 AND f.action IS NULL
""").bindparams(superseded=FailureCode.SUPERSEDED.value)
_NEW: Final = text("UPDATE incoming SET action = CASE WHEN rank = 1 THEN 'new' ELSE 'shared' END WHERE action IS NULL")
_LEAVING: Final = text("""
INSERT INTO outgoing
SELECT j.id, f.job_id, (
    SELECT min(t.custom_id) FROM clip_twins t
    WHERE t.campaign_id = :campaign_id AND t.content_sha256 = j.content_sha256
      AND NOT EXISTS (SELECT FROM incoming o WHERE o.custom_id = t.custom_id))
FROM incoming f JOIN render_jobs j ON j.campaign_id = :campaign_id AND j.custom_id = f.custom_id
     AND j.content_sha256 IS NOT NULL AND j.superseded_at IS NULL
WHERE f.was_there AND NOT EXISTS (SELECT FROM incoming r WHERE r.job_id = j.id AND r.action = 'renamed')
""")
# The clips that others come after: those of this import, else those that stand; of two that a renewed hash has made
# alike, one that has succeeded.
_BEFORES: Final = text("""
INSERT INTO befores
SELECT DISTINCT ON (a.after_id) a.after_id, coalesce(f.job_id, own.id, shared.id),
       coalesce(f.content_sha256, own.content_sha256, shared.content_sha256),
       CASE WHEN f.job_id IS NULL THEN coalesce(own.state, shared.state) ELSE coalesce(p.state, 'queued') END
FROM (SELECT DISTINCT after_id FROM staged_clips WHERE import_id = :import_id AND after_id IS NOT NULL) a
LEFT JOIN incoming f ON f.custom_id = a.after_id
LEFT JOIN render_jobs p ON p.id = f.job_id
LEFT JOIN render_jobs own ON own.campaign_id = :campaign_id AND own.custom_id = a.after_id
     AND own.content_sha256 IS NOT NULL AND own.superseded_at IS NULL
LEFT JOIN clip_twins t ON t.campaign_id = :campaign_id AND t.custom_id = a.after_id
LEFT JOIN render_jobs shared ON shared.campaign_id = :campaign_id AND shared.content_sha256 = t.content_sha256
     AND shared.superseded_at IS NULL
ORDER BY a.after_id, shared.state = 'succeeded' DESC NULLS LAST, shared.id DESC
""")
_STALE: Final = text("""
SELECT s.custom_id FROM staged_clips s LEFT JOIN befores b ON b.custom_id = s.after_id
WHERE s.import_id = :import_id AND s.after_id IS NOT NULL
  AND (b.job_id IS NULL OR s.first_frame <> replace(:first_frame, '{}', b.content_sha256))
LIMIT 1
""")


class DuplicateClipError(ReelqueueError):
    """An import has staged an id twice."""

    def __init__(self, custom_id: str) -> None:
        super().__init__(custom_id)
        self.custom_id = custom_id

    def __str__(self) -> str:
        return f"custom_id: {self.custom_id[:80]!r} is in two batches of this import; give each clip an id"


class StaleImportError(ReelqueueError):
    """A clip was checked against another that has changed since."""

    def __init__(self, custom_id: str) -> None:
        super().__init__(custom_id)
        self.custom_id = custom_id

    def __str__(self) -> str:
        return (
            f"after: the clip that {self.custom_id[:80]!r} comes after was changed by another import while this was "
            "imported; apply the file again"
        )


def match_clips(session: Session, campaign_id: UUID, import_id: UUID, *, first_frame: str) -> None:
    """Fill ``incoming``, ``outgoing`` and, with the clips that others come after, ``befores``; lock the jobs they name.

    Args:
        session: In a transaction that holds `lock_clips`.
        campaign_id: Whose clips.
        import_id: What was staged.
        first_frame: What a clip's first frame is called that another's end gives; braces stand for that one's content.

    Raises:
        DuplicateClipError: An id was staged twice.
        StaleImportError: A clip comes after one that has changed since it was staged.
    """
    names = {"campaign_id": campaign_id, "import_id": import_id}
    session.execute(text("DROP TABLE IF EXISTS incoming, outgoing, befores"))
    session.execute(text(_TABLES))
    if (twice := session.scalars(_TWICE, names).first()) is not None:
        raise DuplicateClipError(twice)
    session.execute(_INCOMING, names)
    session.execute(text("CREATE INDEX ON incoming (job_id)"))
    session.execute(text("ANALYZE incoming"))
    session.execute(_LOCK, names)
    for statement in (_SHARED, _RESTORED, _NEW, _LEAVING, _BEFORES):
        session.execute(statement, names)
    if (stale := session.scalars(_STALE, names | {"first_frame": first_frame}).first()) is not None:
        raise StaleImportError(stale)
