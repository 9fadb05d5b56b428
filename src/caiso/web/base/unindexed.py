"""Conditions that the database tries on each row instead of looking rows up by them."""

from typing import Any

from django.db.models import BigIntegerField, F, Func, Q
from django.db.models.lookups import In


def tested_in(key: str, keys: Any) -> Q:
    """Rows whose key is one of these, told by looking at each: where most rows are, finding them by an index is the longer way."""
    return Q(In(_Unindexed(F(key)), keys))


class _Unindexed(Func):
    """A key as a value that no index can look up."""

    template = "+%(expressions)s"
    output_field = BigIntegerField()
