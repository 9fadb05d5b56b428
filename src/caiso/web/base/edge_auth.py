"""How the ingest edge knows who sends: the token's prefix is the source's id."""

from django.db import close_old_connections
from django.utils import timezone

from caiso.connect.telemetry.edge import NotAllowed
from caiso.connect.telemetry.records import Source
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
