"""Tells of a payment whether the agent's instructions want an approval for it, and whether the user asked for anything like it.

Of each conversation the last turn that called tools is remembered: what the instructions say of approvals and up to which
sum none is needed, and which words the user said. Where neither says anything of the payment, it is untold; of services that
send no words of conversations at all, nothing is said.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final
from zlib import crc32

import msgspec

from caiso.connect.telemetry.meaning.impact import strings_of
from caiso.connect.telemetry.meaning.messages import load
from caiso.connect.telemetry.pieces import words_of
from caiso.connect.telemetry.places import Numbers
from caiso.connect.telemetry.row_texts import RowTexts
from caiso.connect.telemetry.table import EventBatch
from caiso.engine.detect.schema import SESSION_ALIAS

# over: the instructions want an approval from a tool for it; within: they want none for so little; asked: the user spoke of
# buying or paying; unasked: the user spoke, and of neither that nor anything that the call names; untold: the service tells
# what is said in its conversations, and that says nothing of it
MANDATE: Final = "aisoc.flow.mandate"
_TALKS: Final = 1_000
_SERVICES: Final = 2_000
_CHARS: Final = 4_000
_FEW: Final = 4  # words of a turn that may point to what was said before
_ALWAYS: Final = -1
_UNSTATED: Final = 0

_PAYS = re.compile(
    r"(?i)(?:^|[_.\-/])(?:pay|payout|wire|disburse|remit|buy|purchase|pagar|pagamento|bezahlen|zahlung|virement|paiement|bonifico|przelew|havale)(?:$|[_.\-])|payment|transfer"
    r"|(?:place|submit|create|confirm)_?order|überweis|ueberweis|(?:complete|confirm|submit)_?(?:checkout|purchase)|payout|swap_|withdraw"
)
_APPROVAL = re.compile(
    r"(?i)approv|authori[sz]|sign[- ]?off|four[- ]eyes|second person|supervisor|\bmanager|freigabe|freigeb|freigegeb|genehmig|zustimm|vier[- ]augen|approbation|approuv|validation|valid[ée]|accord "
    r"|aprob|aprova|autori[zs]|visto bueno|approva|goedkeur|akkoord|akcept|zatwierdz|zgod|godkend|godkänn|\bonay|schvál|承認|批准|审批|одобр|승인|confirm"
)
_STAFF = re.compile(
    r"(?i)supervisor|manager|lead\b|leit|controller|finance|director|treasur|kierowni|jefe|responsab|chef|capo|person|human|colleague|kolleg|clerk|desk|[a-z]{3,20}_[a-z_]{0,20}(?:approv|freigabe|valid|autor)|(?:approv|freigabe|valid|autor)[a-z]{0,8}_[a-z]{3}"
)
_CLIENT = re.compile(r"(?i)client|customer|\buser|kund|nutzer|utilisat|cliente|utente|klient|usuario|klant|kunde")
_MONEY = re.compile(
    r"(?i)pay|transfer|order|purchas|buy|invoice|refund|überweis|ueberweis|zahl|rechnung|bestell|virement|paiement|paye|factur|pago|pagar|pagam|bonific|fattur|przelew|faktur|płatn|betal|nota\b|fatur|wire\b"
)
_TOOL = re.compile(
    r"(?i)(?:approv|freigabe|genehmig|valid|autori|authori|aprob|aprov|confirm|akcept|goedkeur)[a-z]{0,12}_[a-z]{3}|[a-z]{3,20}_(?:for_)?(?:approv|freigabe|genehmig|valid|autori|authori|aprob|aprov|confirm|akcept|goedkeur)|approval[_ ]id"
)
_NONE_NEEDED = re.compile(
    r"(?i)\b(?:without|no|not|don.t|ohne|keine?n?r?|nicht|sans|sin|senza|sem|zonder|geen|bez|uden|utan)\b"
)
_NEVER = re.compile(r"(?i)\b(?:never|nie(?:mals)?|jamais|nunca|mai|nooit|nigdy|aldrig|must not|may not|only|nur)\b")
_SENTENCE = re.compile(r"[!?;\n。]|\.(?=\s|$)")
_SUM = re.compile(
    r"(?i)(?<![\w.])(?:(?P<before>eur|usd|gbp|chf|pln|sek|nok|dkk|czk|[€$£])\s?)?(?P<sum>[0-9]{1,3}(?:[., \u00a0\u202f'][0-9]{3}){1,3}|[0-9]{2,9})(?:[.,][0-9]{2})?(?P<thousand>\s?k\b)?(?P<after>\s?(?:eur|usd|gbp|chf|pln|sek|nok|dkk|czk|kr|zł|[€$£]))?"
)
_AMOUNT = re.compile(
    r"(?i)(?:amount|betrag|montant|importe|importo|valor|kwota|bedrag|summa|sum|total|tutar|bel[oø]b|value|cost|preis|prix|precio|prezzo)"
)
_PAYEE = re.compile(
    r"(?i)iban|account|payee|beneficiar|vendor|supplier|recipient|proveedor|fournisseur|lieferant|fornitore|dostawca|wallet|^to$|konto|empf"
)
# Words of buying and paying, in whatever form they come: the beginnings of words.
_TRADE = re.compile(
    r"(?i)\b(?:pay|paid|buy|bought|purchas|order|transfer|send (?:money|[0-9$€£])|wire|refund|reimburs|settle|invoice|bill|checkout|check out|book|reserv|rent|renew|subscri|top.?up|charge|donat|tip\b|deposit|withdraw|swap|trade|sell|invest|rebalanc|payroll|salar|payout|expense|budget|cart|due\b|overdue"
    r"|zahl|bezahl|kauf|bestell|überweis|ueberweis|rechnung|buch|reservier|erstatt|begleich|fällig|abonn|gehalt|paie|paye|payer|achet|command|vire|virement|règl|factur|rembours|réserv|pag[aoueé]|compr|ped[ií]|transfer|factura|reserv|reembols|abon|acquist|ordin|bonific|fattur|prenot|rimbors"
    r"|betaal|betal|koop|bestel|factuur|nota\b|boek|overmak|zapłac|opłac|przelew|faktur|kup|zamów|płatn|rezerw|köp|beställ|överför|boka|zaplat|objedn|ödeme|öde|sat.n|sipariş|havale|fatura|fizet|rendel|plăt|cumpăr|оплат|заплат|куп|закаж|перевед|счет|счёт)"
    r"|支払|払|購入|注文|振込|予約|付款|支付|购买|下单|转账|买|预订|결제|구매|주문|송금|예약|ادفع|دفع|شراء|تحويل"
)
_YES = re.compile(
    r"(?i)\W{0,3}(?:y(?:es|ep|eah)\b|ok|sure|go\b|do\b|please|ja\b|oui|s[ií]\b|sim\b|tak\b|evet|да\b|はい|是|好|네)"
)


class Given(msgspec.Struct):
    """What is known of a conversation; texts are of this run only, and become what stands below them."""

    limit: int = _UNSTATED
    trade: bool = False  # the user spoke of buying or paying, or in too few words to tell
    words: list[int] = []
    spent: dict[int, int] = {}  # by payee
    said: bool = False  # the user spoke at all
    system: str = ""
    user: str = ""
    history: str = ""


class Mandates:
    """Remembers what conversations were told of payments, and says it of the calls that pay."""

    def __init__(self) -> None:
        self._talks: OrderedDict[str, Given] = OrderedDict()
        self._services: OrderedDict[str, None] = OrderedDict()  # that tell what is said

    def with_mandates(self, events: EventBatch) -> EventBatch:
        """The batch with the fact as a field; few batches have it."""
        kinds, keys, services = (events.column(name) for name in ("event.kind", SESSION_ALIAS, "service.name"))
        calls, table = events.texts.get("content.tool_calls"), RowTexts(events)
        found: dict[int, str] = {}
        for row, kind in enumerate(kinds):
            if kind == "inference":
                if table.of("content.user", row):
                    self._services[str(services[row])] = None
                if calls is not None and calls[row] and isinstance(key := keys[row], str) and key:
                    self._note(key, table, row)
            elif kind in ("tool", "mcp") and pays(table.tool(row)):
                if given := self._talks.get(str(keys[row])):
                    found[row] = _verdict(_settled(given), table.of("gen_ai.tool.call.arguments", row))
                elif str(services[row]) in self._services:
                    found[row] = "untold"
        while len(self._services) > _SERVICES:
            self._services.popitem(last=False)
        if not found:
            return events
        return events.adding({MANDATE: [found.get(row) for row in range(len(events))]})

    def _note(self, key: str, table: RowTexts, row: int) -> None:
        given = self._talks.get(key)
        if given is None:
            while len(self._talks) >= _TALKS:
                self._talks.popitem(last=False)
            given = self._talks[key] = Given()
        else:
            self._talks.move_to_end(key)
        if given.user and (user := table.of("content.user", row)) and user != given.user:
            _settled(given)
        given.system = table.of("content.system", row) or given.system
        given.user = table.of("content.user", row) or given.user
        given.history = table.of("content.history", row) or given.history

    def save(self) -> tuple[list[tuple[str, Given]], list[str]]:
        """What is remembered, without a text, and the services that tell what is said; what was idle longest first."""
        return [(key, _settled(given)) for key, given in self._talks.items()], [*self._services]

    @classmethod
    def of(cls, saved: tuple[Iterable[tuple[str, Given]], Iterable[str]]) -> Mandates:
        """Take up what ``save`` gave."""
        mandates = cls()
        mandates._talks = OrderedDict(saved[0])
        mandates._services = OrderedDict.fromkeys(saved[1])
        return mandates


@lru_cache(maxsize=4096)
def pays(name: str) -> bool:
    """Whether a tool's name speaks of paying or buying."""
    return _PAYS.search(name) is not None


def _settled(given: Given) -> Given:
    """The texts as numbers, once."""
    if given.system:
        given.limit = limit_of(given.system)
    said = "\n".join(line for line in (given.user, *given.history.splitlines()) if line[:1] not in ("{", "["))[:_CHARS]
    if said:
        given.said = True
        few = 0 < len(given.user.split()) <= _FEW or _YES.match(given.user) is not None
        given.trade = given.trade or few or _TRADE.search(said) is not None
        known: Numbers = dict.fromkeys(given.words)
        known.update(words_of(said))
        given.words = [*known][-512:]
    given.system = given.user = given.history = ""
    return given


def _verdict(given: Given, arguments: str) -> str:
    sums = dict(_sums(arguments))
    amount = max(sums.values(), default=0)
    if given.limit > 0 and amount:
        payee = _payee(arguments)
        spent = given.spent[payee] = given.spent.get(payee, 0) + amount
        if len(given.spent) > 64:
            del given.spent[next(iter(given.spent))]
        return "over" if spent > given.limit else "within"
    if given.limit == _ALWAYS:
        return "over"
    if not given.said:
        return "untold"
    return "asked" if given.trade or not words_of(arguments).keys().isdisjoint(given.words) else "unasked"


def _payee(arguments: str) -> int:
    named = [text for key, text in strings_of(load(arguments)) if _PAYEE.search(key)]
    return crc32("\n".join(named[:2]).lower().encode("utf-8", "replace"))


def _sums(arguments: str) -> Iterator[tuple[str, int]]:
    """The amounts that a call names."""
    loaded = load(arguments)
    if not isinstance(loaded, dict):
        return
    for key, value in loaded.items():
        if _AMOUNT.search(str(key)) is None or isinstance(value, bool):
            continue
        if isinstance(value, (int, float)):
            yield str(key), int(value)
        elif isinstance(value, str) and (match := _SUM.search(value)):
            yield str(key), _whole(match)


def _whole(match: re.Match[str]) -> int:
    whole = int("".join(sign for sign in match["sum"] if sign.isdigit()))
    return whole * 1000 if match["thousand"] else whole


@lru_cache(maxsize=256)
def limit_of(system: str) -> int:
    """Up to which sum instructions want no approval, -1 where they always want one from a tool, 0 where they do not say."""
    stated = _UNSTATED
    for sentence in _SENTENCE.split(system[: 2 * _CHARS]):
        if len(sentence) < 12 or _APPROVAL.search(sentence) is None:
            continue
        sums = [_whole(match) for match in _SUM.finditer(sentence) if _is_sum(match)]
        if sums and (_MONEY.search(sentence) or _TOOL.search(sentence)):
            return max(sums) if _TOOL.search(system) else _UNSTATED
        if _MONEY.search(sentence) is None or (_CLIENT.search(sentence) and not _STAFF.search(sentence)):
            continue
        if _TOOL.search(sentence) and (not _NONE_NEEDED.search(sentence) or _NEVER.search(sentence)):
            stated = _ALWAYS
    return stated


def _is_sum(match: re.Match[str]) -> bool:
    return bool(match["before"] or match["after"] or match["thousand"]) or len(match["sum"]) >= len("500")
