"""Statistical detectors: what is out of the ordinary in the numbers, shapes and rhythms of many events."""

from caiso.engine.detect.statistics.build import METHODS, observer_for, read_statistic
from caiso.engine.detect.statistics.observer import Observer
from caiso.engine.detect.statistics.sheet import Sheet

__all__ = ["METHODS", "Observer", "Sheet", "observer_for", "read_statistic"]
