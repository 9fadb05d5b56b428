"""What taking a file in would change, collection by collection, before anything is written."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from caiso.engine.coverage.organisation import Organisation
from caiso.engine.coverage.organisation.whole import COLLECTIONS
from caiso.web.organisation import queries

NAMES_SHOWN = 8
# Who holds what and who answers to whom is always the set that the file says.
REPLACED = frozenset({"holdings", "delegates", "assignments", "lines"})
# People may be logins and own tasks, and others refer to these; no file removes them.
STAYING = frozenset({"competences", "units", "people", "scorecard_evidence"})


@dataclass(frozen=True)
class Step:
    """How one collection would change; `gone` are records that the file does not name.

    They are removed (`always`), stay (`never`), or are removed when only what the file names shall stay (`asked`).
    """

    collection: str
    total: int
    new: int
    changed: int
    gone: tuple[str, ...]
    removed: Literal["always", "asked", "never"]

    @property
    def title(self) -> str:
        """The collection as a heading."""
        return self.collection.replace("_", " ").capitalize()

    @property
    def some_gone(self) -> str:
        """The first few names of what is not named."""
        more = len(self.gone) - NAMES_SHOWN
        return ", ".join(self.gone[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def compare_with_stored(found: Organisation) -> list[Step]:
    """The collections that would change, in the order of the model."""
    stored = queries.without_told(queries.organisation())
    steps = []
    for name in COLLECTIONS:
        step = _step(name, getattr(stored, name), getattr(found, name))
        if step.new or step.changed or step.gone:
            steps.append(step)
    return steps


def _step(name: str, before: tuple[Any, ...], after: tuple[Any, ...]) -> Step:
    if hasattr((*before, *after, None)[0], "id"):
        old, new = {one.id: one for one in before}, {one.id: one for one in after}
        changed = sum(1 for key, one in new.items() if key in old and old[key] != one)
        gone = tuple(sorted(set(old) - set(new)))
        return Step(name, len(after), len(set(new) - set(old)), changed, gone, "never" if name in STAYING else "asked")
    had, has = Counter(map(repr, before)), Counter(map(repr, after))
    words = {repr(one): getattr(one, "record", "") for one in before}
    lost = tuple(words[key] for key in (had - has).elements())
    fate: Literal["always", "asked"] = "always" if name in REPLACED or after else "asked"
    return Step(name, len(after), (has - had).total(), 0, lost, fate)
