"""What every statistical method can be asked for, checked as it is read from a rule document."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar, Final

from caiso.engine.packs import Between, Fault, Length

FieldName = Annotated[str, Length(1, 120)]
RuleName = Annotated[str, Length(1, 80)]
Share = Annotated[float, Between(0, 1)]
Chance = Annotated[float, Between(1e-15, 0.1)]
Positive = Annotated[float, Between(0, 1e12)]
Fields = Annotated[tuple[FieldName, ...], Length(0, 6)]

LONGEST: Final = timedelta(days=30)
SHORTEST: Final = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What all methods share; ``keys`` bounds their memory.

    A key is made of the ``group_by`` fields, which an event must all have, of the first ``client`` field that it has
    (senders name their clients in different ways), and of the ``apart`` fields where it has them.
    """

    method: str
    rules: Annotated[tuple[RuleName, ...], Length(1, 50)]
    group_by: Fields = ()
    client: Fields = ()
    apart: Fields = ()
    timespan: timedelta = timedelta(hours=1)
    quiet: timedelta | None = None  # how long it stays silent for a key that it has reported; else the timespan
    keys: Annotated[int, Between(1, 100_000)] = 5_000

    naming: ClassVar[tuple[str, ...]] = ()  # the settings that name event fields, beside those of the key
    lasting: ClassVar[tuple[str, ...]] = ("timespan", "quiet")  # the settings that are durations

    @property
    def value_fields(self) -> tuple[str, ...]:
        """Every event field that is looked at, but those of the key."""
        found: dict[str, None] = {}
        for name in self.naming:
            value = getattr(self, name)
            found.update(dict.fromkeys((value,) if isinstance(value, str) else value or ()))
        return tuple(name for name in found if name)

    @property
    def key_fields(self) -> tuple[str, ...]:
        """Every event field that a key may be made of."""
        return (*self.group_by, *self.client, *self.apart)

    @property
    def span_us(self) -> int:
        return microseconds(self.timespan)

    @property
    def quiet_us(self) -> int:
        return microseconds(self.timespan if self.quiet is None else self.quiet)

    def faults(self) -> Iterable[Fault]:
        """Durations out of range, and what a method finds wrong between its own settings."""
        for name in self.lasting:
            value = getattr(self, name)
            if value is not None and not SHORTEST <= value <= LONGEST:
                yield Fault((name,), f"{name} is out of range, expected 1s to 30d")
        for key, message in self.mistakes():
            yield Fault((key,), message)

    def mistakes(self) -> Iterable[tuple[str, str]]:
        """(setting, what is wrong with it)."""
        return ()


def microseconds(duration: timedelta) -> int:
    """A duration in the engine's unit of time."""
    return int(duration / timedelta(microseconds=1))
