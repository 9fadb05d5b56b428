"""Services report here which facts they changed; the checks that read those facts are then evaluated again."""

from collections.abc import Iterable
from datetime import datetime

from caiso.web.base.facts import collection
from caiso.web.base.models import FactTouch


def touched(collection_name: str, scopes: Iterable[object] = (), *, now: datetime) -> None:
    """Report changed scopes of a collection, in the caller's transaction: it is known exactly when the change is.

    No scope means that the whole collection may have changed.
    """
    collection(collection_name)
    names = sorted({str(scope) for scope in scopes}) or [""]
    FactTouch.objects.bulk_create(
        [FactTouch(collection=collection_name, scope=name, touched_at=now) for name in names], batch_size=500
    )


def all_touched(collection_names: Iterable[str], *, now: datetime) -> None:
    """Report several collections, each of which may have changed as a whole; as ``touched``, in one statement."""
    names = list(collection_names)
    for name in names:
        collection(name)
    FactTouch.objects.bulk_create([FactTouch(collection=name, scope="", touched_at=now) for name in names])


def has_touches() -> bool:
    """Whether anything changed since the checks were last evaluated."""
    return FactTouch.objects.exists()


def pending_touches(limit: int = 5000) -> list[FactTouch]:
    """The oldest touches; call `forget_touches` once the checks were evaluated, so that a crash repeats and never loses."""
    return list(FactTouch.objects.order_by("id")[:limit])


def forget_touches(touches: Iterable[FactTouch]) -> None:
    """Remove touches whose checks were evaluated."""
    FactTouch.objects.filter(pk__in=[touch.pk for touch in touches]).delete()
