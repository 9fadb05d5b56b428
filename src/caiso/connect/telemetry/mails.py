"""Whether a mail that a tool sent went to somebody whom the call did not name, as the mail server tells it.

A tool that copies what passes through it does not say so in its result; the server that delivers knows. A delivery is that
of a call when one of its recipients and its subject are those of the call. Who is copied from the first mail on may be an
archive: told are only domains that came in after several deliveries without them, and none that the house itself sends from.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from caiso.connect.telemetry.meaning.escapes import without_breaks
from caiso.connect.telemetry.meaning.impact import strings_of
from caiso.connect.telemetry.meaning.messages import load
from caiso.connect.telemetry.places import MAIL, number_of, owner
from caiso.connect.telemetry.table import EventBatch

_DESTINATION: Final = "aisoc.flow.destination"
_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
_TO: Final = "mail.to"
_SUBJECTS: Final = frozenset(
    ("subject", "betreff", "title", "objet", "asunto", "assunto", "oggetto", "onderwerp", "temat")
)
_CALLS: Final = 5_000
_HOUSES: Final = 500
_SENDERS: Final = 1_000
_DOMAINS: Final = 64  # of those whom one sender writes to beside the recipients
_BEFORE: Final = 3  # deliveries without a domain, after which it is new
_CHARS: Final = 8_000


class Sender(msgspec.Struct):
    """How many mails of tools went out from an address, and which domains were copied."""

    mails: int = 0
    copied: list[int] = []


class Mailed(msgspec.Struct):
    """What a snapshot holds."""

    listening: bool = False
    own: list[str] = []
    calls: list[tuple[int, list[int]]] = []
    senders: list[tuple[str, Sender]] = []


class Mails:
    """Remembers what tools sent and for whom mail servers deliver."""

    def __init__(self) -> None:
        self._listening = False  # where no mail server tells anything, calls need not be remembered
        self.own: OrderedDict[str, None] = OrderedDict()  # domains that the house sends from
        self._calls: OrderedDict[int, list[int]] = OrderedDict()  # recipient and subject: the domains that a call named
        self._senders: OrderedDict[str, Sender] = OrderedDict()

    def noted(self, events: EventBatch) -> EventBatch:
        """The same batch; what its mail servers tell of the house's domains is remembered first."""
        fields = events.fields()
        self._listening = self._listening or _TO in fields
        if _TO in fields and "mail.outgoing" in fields:
            for sender, way in zip(events.column("mail.from"), events.column("mail.outgoing"), strict=True):
                if sender and way == "outbound":
                    self.own[owner(str(sender).rpartition("@")[2].strip(">"))] = None
            while len(self.own) > _HOUSES:
                self.own.popitem(last=False)
        return events

    def with_copies(self, events: EventBatch) -> EventBatch:
        """The batch with the fact as a field of deliveries; hardly any batch has it."""
        fields = events.fields()
        given = events.texts.get(_ARGUMENTS)
        delivered: Sequence[object] = events.column(_TO) if _TO in fields else ()
        if not self._listening or (given is None and not delivered):
            return events
        found: dict[int, str] = {}
        copied = events.column("mail.copied") if "mail.copied" in fields else [None] * len(events)
        about = events.column("mail.about") if "mail.about" in fields else [None] * len(events)
        senders = events.column("mail.from") if delivered else ()
        for row in range(len(events)):
            arguments = given[row] if given is not None else None
            if arguments and "@" in arguments:
                self._sent(arguments[:_CHARS])
            to = _mails(delivered[row]) if delivered else []
            number = about[row]
            if to and isinstance(number, int) and self._adds(str(senders[row]), to, _mails(copied[row]), number):
                found[row] = "added"
        if not found:
            return events
        before: Sequence[Any] = events.column(_DESTINATION) if _DESTINATION in events.fields() else [None] * len(events)
        return events.adding({_DESTINATION: [found.get(row) or value for row, value in enumerate(before)]})

    def _sent(self, arguments: str) -> None:
        """Note a call that names recipients and a subject."""
        told = list(strings_of(load(without_breaks(arguments))))
        subject = next((text for name, text in told if name in _SUBJECTS and text.strip()), "")
        if not subject:
            return
        everybody = [f"{local}@{domain}".lower() for local, domain in MAIL.findall(arguments)[:_DOMAINS]]
        domains = sorted({number_of(owner(mail.rpartition("@")[2])) for mail in everybody})
        for mail in everybody:
            key = _key(mail, number_of(subject.strip()))
            self._calls[key] = domains
            self._calls.move_to_end(key)
        while len(self._calls) > _CALLS:
            self._calls.popitem(last=False)

    def _adds(self, sender: str, to: list[str], copied: list[str], about: int) -> bool:
        """Whether a delivery is that of a call, and goes to a domain that is new for its sender."""
        call = next((found for mail in to if (found := self._calls.get(_key(mail, about))) is not None), None)
        if call is None:
            return False
        known = self._senders.get(sender)
        if known is None:
            while len(self._senders) >= _SENDERS:
                self._senders.popitem(last=False)
            known = self._senders[sender] = Sender()
        domains = [owner(mail.rpartition("@")[2]) for mail in [*to, *copied]]
        strange = {number_of(domain) for domain in domains if domain not in self.own} - {*call}
        is_new = known.mails >= _BEFORE and bool(strange - {*known.copied})
        known.mails += 1
        if not is_new:
            known.copied = [*known.copied, *(strange - {*known.copied})][-_DOMAINS:]
        return is_new

    def save(self) -> Mailed:
        """What is remembered, as plain data; the oldest first."""
        return Mailed(self._listening, [*self.own], [*self._calls.items()], [*self._senders.items()])

    @classmethod
    def of(cls, saved: Mailed) -> Mails:
        """Take up what ``save`` gave."""
        mails = cls()
        mails._listening = saved.listening
        mails.own = OrderedDict.fromkeys(saved.own)
        mails._calls = OrderedDict(saved.calls)
        mails._senders = OrderedDict(saved.senders)
        return mails


def _mails(value: object) -> list[str]:
    listed: Iterable[object] = value if isinstance(value, list) else [value]
    return [
        f"{local}@{domain}".lower() for one in listed if isinstance(one, str) for local, domain in MAIL.findall(one)
    ]


def _key(mail: str, about: int) -> int:
    return number_of(f"{mail}\n{about}")
