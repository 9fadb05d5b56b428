"""What is added to a batch of events before rules see it: what no event shows by itself. Nothing of it is stored.

Spans that name no conversation get that of their trace (``linking``). Calls that only a model's answer asks for become events (``asked``), and where things come from and go to becomes fields
of the calls that send them (``flows``). That a tool is described otherwise than before becomes one of its listing
(``offers``), that a history was rewritten one of the call that is given it (``retold``), that it holds an offer that nobody made as well
(``agreed``), that a call writes into an open repository what a closed one holds one of the call (``closed``), that a server is not on
the list of allowed ones one of its listing (``listed``), and that an answer lists people for one who never had such lists one of the
answer (``habits``), as that it leads to an imitation of the service's own sign-in (``portals``); whether a payment was asked for and within what needs no approval one of the
payment (``mandate``). What was started on a machine
where an agent works is matched like a command of it (``machines``), and that a mail server delivers a tool's mail to somebody
more becomes a field of that delivery (``mails``). All remember something of earlier batches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from caiso.connect.telemetry.agreed import Agreed
from caiso.connect.telemetry.agreed import Kept as Offered
from caiso.connect.telemetry.asked import Asked, Heard
from caiso.connect.telemetry.closed import Closed
from caiso.connect.telemetry.flows import Flows
from caiso.connect.telemetry.habits import Habit, Habits
from caiso.connect.telemetry.handed import Answer, Handed
from caiso.connect.telemetry.linking import Link, Links
from caiso.connect.telemetry.listed import Listed
from caiso.connect.telemetry.machines import Machines
from caiso.connect.telemetry.mails import Mailed, Mails
from caiso.connect.telemetry.mandate import Given, Mandates
from caiso.connect.telemetry.offers import Approval, Offer, Offers
from caiso.connect.telemetry.portals import Portals
from caiso.connect.telemetry.retold import Retold, Talk
from caiso.connect.telemetry.table import EventBatch
from caiso.connect.telemetry.talks import Kept
from caiso.engine.detect.schema import TEXT_FIELDS


class Memory(msgspec.Struct):
    """What is remembered, as plain data."""

    heard: Heard = msgspec.field(default_factory=Heard)
    talks: list[Kept] = []
    offers: list[Offer] = []
    retold: list[tuple[str, Talk]] = []
    approvals: list[Approval] = []
    links: list[Link] = []
    agreed: Offered = msgspec.field(default_factory=Offered)
    habits: list[tuple[str, Habit]] = []
    machines: list[str] = []
    mails: Mailed = msgspec.field(default_factory=Mailed)
    handed: list[tuple[int, Answer]] = []
    linked: list[int] = []
    closed: list[tuple[str, list[int], list[int]]] = []
    portals: list[tuple[str, list[str]]] = []
    houses: list[tuple[str, Habit]] = []
    listed: tuple[list[str], list[str]] = ([], [])
    mandates: tuple[list[tuple[str, Given]], list[str]] = ([], [])


@dataclass(slots=True)
class Preparation:
    """Sees every batch once, in order."""

    asked: Asked = field(default_factory=Asked)
    flows: Flows = field(default_factory=Flows)
    offers: Offers = field(default_factory=Offers)
    retold: Retold = field(default_factory=Retold)
    links: Links = field(default_factory=Links)
    agreed: Agreed = field(default_factory=Agreed)
    habits: Habits = field(default_factory=Habits)
    machines: Machines = field(default_factory=Machines)
    mails: Mails = field(default_factory=Mails)
    closed: Closed = field(default_factory=Closed)
    portals: Portals = field(default_factory=Portals)
    listed: Listed = field(default_factory=Listed)
    mandates: Mandates = field(default_factory=Mandates)

    def __post_init__(self) -> None:
        """What mail servers tell of the house's domains is of use to whoever looks where things go."""
        self.flows.own = self.mails.own

    def of(self, events: EventBatch) -> EventBatch:
        """The batch as rules see it."""
        called = self.asked.with_calls(self.links.with_links(self.machines.with_commands(events)))
        offered = self.listed.with_unlisted(self.offers.with_changes(called))
        seen = self.retold.with_history(offered)
        sent = self.flows.with_flows(self.mails.noted(seen))
        told = self.portals.with_portals(self.habits.with_people(self.agreed.with_agreed(sent)))
        return self.mandates.with_mandates(self.closed.with_crossings(self.mails.with_copies(told)))

    def of_merged(self, events: Iterable[Mapping[str, object]]) -> EventBatch:
        """The same of events that hold their texts themselves."""
        given = list(events)
        names = {name for event in given for name in event.keys() & TEXT_FIELDS}
        texts = {
            name: [text if isinstance(text := event.get(name), str) else None for event in given]
            for name in sorted(names)
        }
        bare = [{name: value for name, value in event.items() if name not in TEXT_FIELDS} for event in given]
        return self.of(EventBatch.of_events(bare, texts))

    def save(self) -> Memory:
        """What it remembers."""
        return Memory(
            self.asked.save(),
            self.flows.save(),
            self.offers.save(),
            self.retold.save(),
            self.offers.approvals,
            self.links.save(),
            self.agreed.save(),
            self.habits.save(),
            self.machines.save(),
            self.mails.save(),
            self.flows.handed.save(),
            self.flows.linked.save(),
            self.closed.save(),
            self.portals.save(),
            self.habits.save_houses(),
            self.listed.save(),
            self.mandates.save(),
        )

    @classmethod
    def restored(cls, memory: Memory) -> Preparation:
        """Take up what ``save`` gave."""
        restored = cls(
            Asked.of(memory.heard),
            Flows.of(memory.talks, memory.linked),
            Offers.of(memory.offers, memory.approvals),
            Retold.of(memory.retold),
            Links.of(memory.links),
            Agreed.of(memory.agreed),
            Habits.of(memory.habits, memory.houses),
            Machines.of(memory.machines),
            Mails.of(memory.mails),
            Closed.of(memory.closed),
            Portals.of(memory.portals),
            Listed(*memory.listed),
            Mandates.of(memory.mandates),
        )
        restored.flows.handed = Handed.of(memory.handed)
        return restored
