"""How much a correlation may hold, and how late an event may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LATENESS_US: Final = 300_000_000
IDLE_US: Final = 7 * 86_400_000_000  # events up to a week old are processed on their own time
MAX_KEYS: Final = 100_000
MAX_ENTRIES: Final = 2048  # per key


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one correlation's memory; ``max_keys`` is enforced between batches."""

    lateness_us: int = LATENESS_US
    max_keys: int = MAX_KEYS
    max_entries: int = MAX_ENTRIES


LIMITS: Final = Limits()
