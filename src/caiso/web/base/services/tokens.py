"""Keys for machines: shown once, stored as a digest, bounded by scope, unit and time."""

import hashlib
import hmac
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction

from caiso.errors import DomainError
from caiso.web.base.access import Viewer
from caiso.web.base.models import ApiToken, TokenScope, Unit, User
from caiso.web.base.services import audit

LONGEST = timedelta(days=366)
USED_EVERY = timedelta(minutes=1)
LIVE_NEVER = hashlib.sha256(b"no token has this digest").hexdigest()


class UnableToCreateToken(DomainError):
    """The token may not be made like that."""


class UnableToRevokeToken(DomainError):
    """The token is revoked already, or not yours to revoke."""


def create_token(
    *,
    name: str,
    scope: TokenScope,
    unit: Unit,
    actor: User | None,
    user: User | None = None,
    expires_at: datetime | None = None,
    now: datetime,
) -> tuple[ApiToken, str]:
    """Make a token and return it with its text, which is shown this once.

    An ingest token is a source of its own. A reading or writing token acts as its maker (the command line names the
    login instead) and only within `unit`; nobody can make a token that acts as somebody else.
    """
    name = " ".join(name.split())
    if not name or len(name) > 120:
        raise UnableToCreateToken("give the token a name of at most 120 characters")
    if expires_at is not None and not now < expires_at <= now + LONGEST:
        raise UnableToCreateToken("the expiry must lie in the future, at most a year ahead")
    acts_as = None if scope == TokenScope.INGEST else (actor or user)
    _check_right(scope, unit, actor=actor, acts_as=acts_as, user=user)
    prefix = secrets.token_hex(6)
    text = f"caiso_{scope.value}_{prefix}_{secrets.token_urlsafe(32)}"
    with transaction.atomic():
        token = ApiToken.objects.create(
            name=name,
            prefix=prefix,
            digest=_digest(text),
            scope=scope,
            unit=unit,
            user=acts_as,
            created_at=now,
            created_by=actor,
            expires_at=expires_at,
            is_demo=unit.is_demo,
        )
        audit.record(
            actor=actor,
            verb="token.create",
            subject=token,
            changes={"scope": [None, scope.value], "expires_at": [None, expires_at], "acts_as": [None, acts_as]},
            now=now,
        )
    return token, text


def _check_right(scope: TokenScope, unit: Unit, *, actor: User | None, acts_as: User | None, user: User | None) -> None:
    if scope != TokenScope.INGEST and acts_as is None:
        raise UnableToCreateToken(f"a {scope.value} token acts as a login: name it")
    if actor is None:
        return
    if user is not None and user != actor:
        raise UnableToCreateToken("a token acts as the login that makes it, never as another")
    wanted = "token.edit" if scope == TokenScope.INGEST else "view"
    if not Viewer(actor).may(wanted, unit.path):
        raise UnableToCreateToken(f"you may not make {scope.value} tokens for {unit}")


def revoke_token(token: ApiToken, *, actor: User | None, now: datetime) -> None:
    """End a token at once (the edge's cache follows within three seconds)."""
    if token.revoked_at is not None:
        raise UnableToRevokeToken(f"{token} is revoked already")
    if actor is not None and token.user_id != actor.pk and not Viewer(actor).may("token.edit", token.unit.path):
        raise UnableToRevokeToken(f"{token} is not yours to revoke")
    with transaction.atomic():
        token.revoked_at = now
        token.save(update_fields=["revoked_at"])
        audit.record(actor=actor, verb="token.revoke", subject=token, now=now)


def authenticate_token(text: str, *, scopes: Collection[TokenScope], now: datetime) -> ApiToken | None:
    """The live token of that text with one of the scopes, or None."""
    parts = text.split("_", 3)
    prefix = parts[2] if len(parts) == 4 and parts[0] == "caiso" else ""
    token = ApiToken.objects.select_related("user", "unit").filter(prefix=prefix).first()
    # Always compared, so that the time does not tell whether the prefix exists.
    same = hmac.compare_digest(_digest(text), token.digest if token else LIVE_NEVER)
    if token is None or not same or token.scope not in scopes or not is_live(token, now=now):
        return None
    if token.last_used_at is None or now - token.last_used_at >= USED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def is_live(token: ApiToken, *, now: datetime) -> bool:
    """Whether the token is neither revoked nor expired nor of a closed login."""
    expired = token.expires_at is not None and token.expires_at <= now
    closed = token.user is not None and not token.user.is_active
    return token.revoked_at is None and not expired and not closed


def _digest(text: str) -> str:
    # The text is 256 random bits, so that a slow password hash would only slow us down.
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
