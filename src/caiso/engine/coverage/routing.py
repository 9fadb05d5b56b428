"""Says to whom something goes that a duty's owner must see: the holder, who stands in, or nobody and why."""

from dataclasses import dataclass

from caiso.engine.coverage.snapshot import Seat, Snapshot
from caiso.engine.coverage.states import scopes_of_system, scopes_of_unit


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person to reach; `via` is the record that makes it this person, `instead_of` the absent holder."""

    person: str
    role: str
    via: str
    instead_of: str | None = None
    acting: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """Who receives it, or, when empty, where it hurts."""

    recipients: tuple[Recipient, ...]
    hurts: str


def route(snapshot: Snapshot, duty: str, *, system: str | None = None, unit: str | None = None) -> Route:
    """The holders of the role accountable for the duty, nearest scope first, with delegates for those absent."""
    scopes = scopes_of_system(snapshot, system) if system else scopes_of_unit(snapshot, unit)
    _, owners = snapshot.accountable(duty, scopes)
    if not owners:
        return Route((), f"nobody is accountable for {snapshot.duties[duty].title}")
    recipients: list[Recipient] = []
    hurts: list[str] = []
    for role in dict.fromkeys(owner.role for owner in owners):
        seats = snapshot.seats.get(role, [])
        found = [recipient for seat in seats for recipient in _of_seat(seat, duty)]
        recipients += found
        if not found:
            title = snapshot.roles[role].title
            hurts.append(f"{title} is vacant" if not seats else f"every holder of {title} is absent, nobody stands in")
    return Route(tuple(recipients), "; ".join(hurts))


def _of_seat(seat: Seat, duty: str) -> list[Recipient]:
    role, person = seat.holding.role, seat.person.id
    if not seat.absent:
        return [Recipient(person, role, seat.holding.record, acting=seat.holding.acting)]
    delegate = seat.named_for(duty) or seat.stand_in
    return [Recipient(delegate.delegate, role, delegate.record, instead_of=person)] if delegate else []
