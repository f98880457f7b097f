"""Flower's settings: locked, legible, and on this machine only.

``celery -A workers.app flower`` reads this file from the folder that it is started in: the checkout, or the image's
working folder. Flower has read its environment and its flags by then, so ``FLOWER_PORT``, ``FLOWER_ADDRESS`` and
``FLOWER_BASIC_AUTH`` are in ``options``; what is assigned here wins over the environment, and a flag wins over both.
"""

from tornado.options import options

# Flower knows no other login that needs no third party. The environment, because a flag would show the password in
# the list of processes.
if not options.basic_auth or not all(all(login.partition(":")) for login in options.basic_auth):
    raise SystemExit("flower: set FLOWER_BASIC_AUTH=USER:PASSWORD (several are divided by commas), then start it again")
# Flower compares logins in a way that fails for other letters: every page would be an error 500.
if not all(login.isascii() for login in options.basic_auth):
    raise SystemExit("flower: FLOWER_BASIC_AUTH has a letter beyond ASCII, which Flower cannot compare; choose another")

# Its own default is every interface. A container listens on 0.0.0.0 and publishes the port on loopback.
address = options.address or "127.0.0.1"

# It shuts down no worker, revokes no task and starts none: jobs are cancelled through the API, where the row says so.
read_only = True

# The arguments name model and job, or account (workers/runtime/hints.py), the result says what became of them, and the
# UUID is the link to the task's page. What stands last is cut off on a narrow screen.
tasks_columns = "name,received,state,args,result,uuid,runtime,worker"

# 5 KB each, in memory: a hundred megabytes at most. The record is in Postgres.
max_tasks = 20_000

# A container that was replaced leaves its name behind; a worker that died is to be seen for a day.
purge_offline_workers = 24 * 3600


def format_task(task):  # noqa: ANN001, ANN201 - Flower's own words for its hook, which it ships without types
    """A task as the pages show it: why it failed in place of a result, and no quotes around a sentence."""
    task.result = task.exception or (task.result and task.result.strip("'"))
    return task
