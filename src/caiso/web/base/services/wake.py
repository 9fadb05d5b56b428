"""The bell that wakes the worker: a huey queue of its own; losing a ring only means waiting for the next look.

The messages carry nothing and are never decoded, so nothing in that queue can be executed.
"""

import logging
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from caiso.memory import without

log = logging.getLogger(__name__)
RING = b"wake"


@lru_cache(maxsize=2)
def _bell(data: Path) -> Any:
    database = settings.DATABASES["default"]
    is_postgresql = database["ENGINE"].endswith("postgresql")
    with without(*(() if is_postgresql else ("psycopg",))):  # it takes 10 MB
        from huey import Huey  # noqa: PLC0415 - its storages load database drivers, which who never rings can do without
        from huey.serializer import SignedSerializer  # noqa: PLC0415 - as above
        from huey.storage import PostgresStorage, SqliteStorage  # noqa: PLC0415 - as above

    serializer = SignedSerializer(secret=settings.SECRET_KEY, salt="caiso-jobs")
    if is_postgresql:
        dsn = {
            "host": database["HOST"],
            "port": database["PORT"] or None,
            "dbname": database["NAME"],
            "user": database["USER"],
            "password": database["PASSWORD"],
        }
        return Huey("caiso", storage_class=PostgresStorage, serializer=serializer, blocking=False, **dsn)
    # A file of its own: enqueuing to the main file inside a transaction fails with "database is locked".
    return Huey("caiso", storage_class=SqliteStorage, serializer=serializer, filename=str(data / "jobs.sqlite3"))


def ring_on_commit() -> None:
    """Wake the worker once the caller's transaction is durable."""
    transaction.on_commit(ring, robust=True)


def ring() -> None:
    """Wake the worker now; a queue that is away only costs the worker's next look a second."""
    try:
        _bell(Path(settings.DATA)).storage.enqueue(RING)
    except Exception:
        log.warning("the worker could not be woken", exc_info=True)


def rang() -> bool:
    """Whether somebody rang since the last call."""
    storage = _bell(Path(settings.DATA)).storage
    if not storage.queue_size():
        return False
    storage.flush_queue()
    return True
