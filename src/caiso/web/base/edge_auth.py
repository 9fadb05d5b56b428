"""How the ingest edge knows who sends: the token's prefix is the source's id."""

from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from caiso.connect.telemetry.edge import Edge, NotAllowed
from caiso.connect.telemetry.keys import KeyRing
from caiso.connect.telemetry.records import Source
from caiso.connect.telemetry.wal import WalWriter
from caiso.web.base.models import TokenScope
from caiso.web.base.services.tokens import authenticate_token


def authenticate(token: str) -> Source | None:
    """The source of an ingest token; None when the token is unknown, expired or revoked.

    Runs in a thread; the edge keeps the answer for at most three seconds, so a revocation bites within that time.
    """
    close_old_connections()
    try:
        found = authenticate_token(token, scopes=list(TokenScope), now=timezone.now())
        if found is None:
            return None
        if found.scope != TokenScope.INGEST:
            raise NotAllowed("This token may not send telemetry; make one with the scope ingest.")
        return Source(id=found.prefix, name=found.name)
    finally:
        close_old_connections()


def build_edge(data: Path, *, prefix: str) -> Edge:
    """An ingest edge that writes to the log of that data directory; it opens the log when its process starts."""
    return Edge(lambda: WalWriter(data / "wal", KeyRing(data / "keys", "wal"), prefix=prefix), authenticate)


@lru_cache(maxsize=1)
def web_edge() -> Edge:
    """The edge that is mounted in this web process."""
    return build_edge(Path(settings.DATA), prefix="web")
