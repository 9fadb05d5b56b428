"""Inputs that change one value of an earlier input at a time, as who copies or explores a model feature by feature sends them.

Each is only counted where it differs in one value from a query that is not the one just before: a state that is reported
whenever something in it changes walks on, it does not come back to where it began. Nor is it a search where nearly
all changes are of the same value (a sensor, the slider of a form), or where most inputs are of their own (forms that
people correct). Points on one line count whatever lies between them: dummy queries do not hide that each value was
moved over a range while all others stood still, and people do not correct one record in one place eight times. One-at-a-time designs are the oldest way to learn what a model does with each of its inputs (Lowd and
Meek 2005 reverse classifiers in this way).
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from caiso.engine.detect.signal import Facts
from caiso.engine.detect.statistics.memory import Rows
from caiso.engine.detect.statistics.values import Vector

FEWEST: Final = 3  # values of an input, and of them that were changed
LONGEST: Final = 256  # values of an input; a longer one is an image or an embedding
_RECENT: Final = 300
_SHARE: Final = 0.5  # of the values must have been changed
_FAIR: Final = 4  # times as seldom as if all were changed alike, and a value does not count as changed
_RATIO: Final = 2  # times as many steps as other inputs
_LINE: Final = 7  # earlier inputs from which a point of a line differs in the one value
_LINED: Final = 5  # values of an input that can have lines; of fewer, all combinations are soon asked


class Steps(msgspec.Struct):
    """What one client changed, value by value."""

    recent: Rows | None = None
    counts: list[int] = []  # steps by place of the value that they change
    others: int = 0
    lined: list[int] = []  # those of the steps that are further points of a line

    def take(self, query: Vector) -> bool:
        """Take in an input; returns whether it is a step from an earlier one."""
        if not FEWEST <= query.size <= LONGEST:
            return False
        recent = self.recent
        if recent is None or recent.size != query.size:
            recent = self.recent = Rows(query.size, _RECENT)
            self.counts, self.others = [0] * query.size, 0
        if len(self.lined) != len(self.counts):
            self.lined = [0] * len(self.counts)
        row = query.astype(recent.kind)
        changed = recent.all() != row
        differing = np.count_nonzero(changed, axis=1)
        if not len(differing):
            recent.add(row)
            return False
        if not differing.min():
            return False  # the same again
        alone = differing == 1
        latest = (recent.place - 1) % len(recent)
        walks, alone[latest] = bool(alone[latest]), False
        recent.add(row)
        if alone.any():
            place = int(changed[int(alone.argmax())].argmax())
            self.counts[place] += 1
            self.lined[place] += int(np.count_nonzero(changed[alone, place])) >= _LINE
            return True
        self.others += not walks
        return False

    def facts(self, least: int) -> Facts | None:
        """What shows that the values are explored one after the other, from ``least`` steps on."""
        steps, size = sum(self.counts), len(self.counts)
        if steps < least:
            return None
        found = self.counts
        if steps < _RATIO * self.others:
            if size < _LINED or sum(self.lined) < least:
                return None
            found = self.lined
        explored = sum(count * size * _FAIR >= sum(found) for count in found)
        if explored < max(FEWEST, _SHARE * size):
            return None
        return {
            "inputs that change one value of another": steps,
            "values changed in turn": f"{explored} of {size}",
            "other inputs": self.others,
        }
