"""Answers to writes through the API, kept a day so that a repeat does nothing twice."""

from datetime import datetime

from caiso.web.base.models import RememberedAnswer, User


def recall(user: User, key: str) -> RememberedAnswer | None:
    """The answer that this login got for the key."""
    return RememberedAnswer.objects.filter(user=user, key=key).first()


def remember(user: User, key: str, *, digest: str, now: datetime) -> RememberedAnswer:
    """Take the key in the caller's transaction; raises IntegrityError when another request took it."""
    return RememberedAnswer.objects.create(user=user, key=key, request_digest=digest, created_at=now)


def complete(answer: RememberedAnswer, *, status: int, body: str, etag: str) -> None:
    """Keep the answer."""
    answer.status, answer.body, answer.etag = status, body, etag
    answer.save(update_fields=["status", "body", "etag"])
