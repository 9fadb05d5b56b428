"""Typed relations between what two texts demand, and what follows when one is chained to the next."""

from enum import StrEnum


class Relation(StrEnum):
    """Left to right: `superset` means that meeting the left meets all of the right and more."""

    EQUAL = "equal"
    SUPERSET = "superset"
    SUBSET = "subset"
    INTERSECTS = "intersects"
    NONE = "none"

    @property
    def covers(self) -> bool:
        """Whether meeting the left side meets all of the right side."""
        return self in (Relation.EQUAL, Relation.SUPERSET)


class ReviewStatus(StrEnum):
    """Only reviewed links may stand behind a claim; the others are shown and labelled."""

    UNREVIEWED = "unreviewed"
    REVIEWED = "reviewed"
    DISPUTED = "disputed"


_CHAINS = {
    (Relation.SUPERSET, Relation.SUPERSET): Relation.SUPERSET,
    (Relation.SUBSET, Relation.SUBSET): Relation.SUBSET,
    # A contains B and B lies in C (or touches it): A shares B (or that touch) with C, and more is not known.
    (Relation.SUPERSET, Relation.SUBSET): Relation.INTERSECTS,
    (Relation.SUPERSET, Relation.INTERSECTS): Relation.INTERSECTS,
    # A touches B and B lies in C: the shared part lies in C as well.
    (Relation.INTERSECTS, Relation.SUBSET): Relation.INTERSECTS,
}


def chain(first: Relation, second: Relation) -> Relation:
    """The relation that A has to C for certain, from A to B and B to C; what is not certain is `none`.

    Read as non-empty sets. Subset then superset (two parts of one whole), subset then intersects, intersects then
    superset or intersects may all be disjoint, so nothing is claimed.
    """
    if first is Relation.EQUAL:
        return second
    if second is Relation.EQUAL:
        return first
    return _CHAINS.get((first, second), Relation.NONE)


def inverse(relation: Relation) -> Relation:
    """The relation read from right to left."""
    return {Relation.SUPERSET: Relation.SUBSET, Relation.SUBSET: Relation.SUPERSET}.get(relation, relation)
