"""What instructions keep back or cap, and what an answer does about it: it tells the values, spells out what it was given, or goes beyond a sum.

Instructions say which figures and codes nobody is to be told, and up to which sum an assistant may decide. Whoever talks it out of that,
in whatever words, leaves the same trace: a value that only the instructions hold stands in the answer, or a call has a higher sum.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple

from caiso.connect.telemetry.meaning.messages import load
from caiso.engine.detect.hidden import compiled_sign

_WORD = re.compile(r"[^\W\d_]{5,}")
_SHARED: Final = 2  # words
_MOST: Final = 64
_LIMIT: Final = 16_384
_BEFORE: Final = 3  # sentences that "the above" may mean
_LEAST_TOLD: Final = 2
_LEAST_CODE: Final = 5
_LEAST_SPELT: Final = 12
_SENTENCE = re.compile(r"(?<=[.!?])\s|[\n\u3002\uff01\uff1f]")  # not within 0.62
# What is not to be told, by a word for not and one for telling near it.
_KEPT_BACK = re.compile(
    r"(?i)\b(?:never|do not|don.t|not to be|must not|may not|not be|not)\b[^.\n]{0,40}\b(?:reveal|disclos|tell|told|name|mention|share|show|say|print|publish|quote|give out|appear|see)"
    r"|\b(?:nicht|niemals|nie|keinesfalls)\b[^.\n]{0,24}\b(?:nennen|verraten|erwähnen|zeigen|preisgeben|mitteilen|offenlegen|weitergeben)"
    r"|\b(?:ne|n.)\s?[^.\n]{0,24}\b(?:révél|divulgu|cit|mentionn|communiqu|montr|donn)\w{0,5}\b[^.\n]{0,12}\b(?:pas|jamais)?|\bne (?:cite|révèle|divulgue|mentionne)"
    r"|\b(?:no|nunca|jamás)\s(?:l[oae]s? )?(?:publi|revel|menc|digas|cites|compart|muestr|divulg|comuni)\w{0,8}"
    r"|\bnon (?:deve|devono|dire|rivelar|menzion|indicar|mostrar|comunic|cit|divulg)\w{0,8}"
    r"|\b(?:não|nunca) (?:revel|diga|menc|cit|mostr|divulg|compart|inform)\w{0,8}"
    r"|\b(?:niet|nooit|geen)\b[^.\n]{0,16}\b(?:noemen|vertellen|verklappen|tonen|zien|delen|geven|vermelden)|\bmag\b[^.\n]{0,40}\bnooit\b"
    r"|\bnie (?:ujawni|podaw|mów|zdradza|pokazu|wspomina)\w{0,6}|\b(?:söyleme|paylaşma|açıklama|gösterme)\b"  # noqa: RUF001 - other alphabets
    r"|не (?:раскрыв|назыв|сообщ|говор|показыв|упомин|разглаш)[а-я]{0,8}|(?:不得|不要|不能|不可|请勿|勿)[^。\n]{0,10}(?:告诉|透露|提及|泄露|公开|说)"  # noqa: RUF001 - other alphabets
    r"|(?:言わない|触れない|教えない|明かさない|漏らさない|見せない)|(?:말하지|알려주지|공개하지|언급하지|밝히지)"
    r"|\b(?:vis|nævn|avslør|røb|avslöja|nämn|oppgi|fortell) (?:ikke|aldri|aldrig|inte)|\b(?:ikke|aldri|aldrig|inte) (?:vis|nævn|avslør|røb|avslöja|nämn|oppgi|fortell)"
)
# A sentence that says so of others: "these rules", "the above", "internal guidance".
_OF_OTHERS = re.compile(
    r"(?i)\b(?:these|those|this|above|internal|diese\w?|obige\w?|interne\w?|ces|ceci|internes?|estas?|estos?|internas?|queste|questi|quanto sopra|deze|bovenstaande|te|tych|powyższ\w{1,3}|bunları|bu)\b"  # noqa: RUF001 - other alphabets
    r"|以上|上述|这些|上記|これら|이상|위"
)
# What is not to be told are figures or codes, which the sentence before names.
_FIGURES = re.compile(
    r"(?i)\b(?:combin\w{0,8}|codes?|códigos?|codici|kombination\w{0,2}|pins?|figures|numbers|zahlen|chiffres|números|numeri|thresholds?|limits?|schwelle\w{0,2}|grenzwerte?|seuils?|límites?|limiti|limites|drempels?"
    r"|answers|lösung\w{0,2}|solutions?|soluciones|soluzioni|respuestas|risposte|antwoorden)\b|数字|密码|代码|阈值|番号|暗証|しきい値|암호|번호"
)
_INTERNAL = re.compile(
    r"(?i)^\W{0,4}(?:internal(?:ly)?|confidential|secret|intern\w{0,2}|vertraulich|reglas internas|règles internes|regole interne|interno|confidentiel|confidencial|riservato|vertrouwelijk|poufne|внутр\w{0,8}|内部|社内)\b[^:\uff1a\n]{0,24}[:\uff1a]"
)
_VALUE = re.compile(
    r"(?<![\w.,])(?:[A-Za-z][\w-]{0,20}\d[\w-]{0,20}|\d{2,7}(?:[.,]\d{1,4})?(?![\d:])|\d[.,]\d{1,4}(?!\d)|\d{1,2}[:/]\d{1,3})"
)
_WITHOUT_SPACES = re.compile(r"\d{1,7}(?:[.,]\d{1,4})?")  # where no spaces part words from figures
_APART = re.compile(r"(?:[A-Za-z0-9][-\u2013_. \u00b7|]){4,}[A-Za-z0-9](?![A-Za-z0-9])")
_BETWEEN = re.compile(r"[-\u2013_. \u00b7|]")
_RUN = re.compile(r"[A-Za-z0-9+/=_-]{14,80}")
_spelt_sign: Final = compiled_sign(r"(?:[A-Za-z0-9][-_. |]){11}[A-Za-z0-9]|[A-Za-z0-9+/=_-]{6}[0-9][A-Za-z0-9+/=_-]{6}")
_MIXED = re.compile(r"[A-Za-z]")

# A sum up to which the assistant may decide, in a sentence that says what it may or must not grant.
_GRANTS = re.compile(
    r"(?i)approv|refund|waive|forgiv|write off|perdo|bonif|abat|storn|umorz|credit|discount|reimburs|pay|grant|compensat|settle|transfer|spend|genehmig|freig[ae]b|erlass|erstatt|nachlass|rabatt|gutschr|auszahl|überweis"
    r"|aprob|aprueb|reembols|abon|descuent|devol|condon|rembours|approuv|accord|remise|avoir|indemnis|approv|rimbors|sconto|abbuon|kwijtschel|terugbetal|vergoed|korting|goedkeur"
    r"|zwr[óo]|rabat|przyzna|zatwierdz|iade|indirim|onayla|refunder|godkjen|utbetal|godkän|återbetal|возврат|возмещ|скидк|одобр|компенс|退款|批准|赔付|折扣|返金|承認|値引|환불|승인|할인"
)
_CURRENCY: Final = r"(?:EUR|euros?|€|USD|US\$|\$|dollars?|GBP|£|pounds?|CHF|francs?|NOK|SEK|DKK|kr|kroner|kronor|PLN|zł|złotych|TRY|TL|₺|lira|RUB|руб\w{0,4}|₽|元|円|¥|원|INR|₹|rupees|BRL|R\$|reais|MXN|pesos)"  # noqa: RUF001 - other alphabets
_AMOUNT: Final = r"(\d{1,3}(?:[ .,'\u00a0]\d{3}){1,3}|\d{1,7})(?:[.,]\d{2})?"
_CAP = re.compile(
    rf"(?i)(?:above|over|exceed\w{{0,3}}|more than|up to|at most|no more than|maximum(?: of)?|max\.?|limit(?:ed)? (?:of|to)|cap of|beyond|bis(?: zu)?|höchstens|maximal|über|mehr als|ab|hasta|superiores? a|más de|máximo(?: de)?"
    rf"|jusqu.à|plus de|supérieur\w{{0,2}} à|au-delà de|dépass\w{{1,4}}|fino a|oltre|superiori? a|più di|massimo|até|acima de|mais de|hooguit|maximaal|tot|boven|meer dan|do|powyżej|więcej niż|maksymalnie|en fazla|inntil|over|opptil|upp till|högst|до|свыше|более|超过|不超过|最多|高于|최대)"
    rf"\s{{0,3}}(?:{_CURRENCY})?\s{{0,2}}{_AMOUNT}\s{{0,2}}(?:{_CURRENCY})?"
    rf"|{_AMOUNT}\s{{0,2}}{_CURRENCY}\s?(?:以上|以下|以内|まで|を超|이하|이상|까지|'?(?:den|dan) (?:fazla|çok)|'?ye kadar|or less|oder weniger|o menos|ou moins)"
)
_HAS_CURRENCY = re.compile(_CURRENCY, re.IGNORECASE)
_SUM = re.compile(
    r"(?i)(?:^|[._-])(?:amount|sum|total|value|importe|monto|cantidad|bedrag|betrag|summe|montant|importo|valor|kwota|tutar|belopp|beløp|сумма|金额|金額|금액)(?:$|[._-])"
)
# A call that asks others to decide, or only looks.
_ASKING = re.compile(
    r"(?i)request|ticket|case|escalat|forward|refer|hand_?(?:off|over)|queue|draft|propos|review|approval|quote|estimat|calc|simulat|check|get_|search|find|list|lookup|read|valid"
    r"|solicit|derivar|consult|buscar|dossier|aanvra|doorst|zoek|antrag|anfrage|weiterleit|vorgang|prüf|pruef|such|demande|transmet|cherch|richiest|inoltr|cerca|pedido|encaminh|wniosek|zgłosz|zglosz|szukaj|talep|sorgu|заяв|запрос|申请|申請|신청|sak|ärende|order|invoice|cart|booking|reserv"
)
_LEFT_TO_OTHERS = re.compile(
    r'(?i)"(?:approv\w{1,5}|approval_?id|freigabe\w{0,6}|reviewer|assign\w{1,5}|queue|cola|escalat\w{1,4})"\s{0,2}:\s{0,2}"(?!verbal|none|self|n/?a|skip)[^"]{2}|"status"\s{0,2}:\s{0,2}"(?:pending|draft|review|proposed)'
)


class _Kept(NamedTuple):
    """What a system text keeps back, and the highest sum that it lets the assistant grant."""

    values: frozenset[str]
    cap: int


def values_told(system: str, output: str, others: Callable[[], Iterable[str]]) -> int:
    """How many figures and codes that only the instructions hold, and keep back, an answer gives; one alone may be chance."""
    kept = _kept(system).values
    if not kept or not _may_tell(kept, output[:_LIMIT]):
        return 0
    told = kept & _values(output[:_LIMIT])
    told |= {code for text in _undone(output[:_LIMIT]) for code in kept if _is_code(code) and code in text}
    if not told:
        return 0
    said = frozenset().union(*(_values(text[-_LIMIT:]) for text in others()))
    told -= said
    return len(told) if len(told) >= _LEAST_TOLD or any(map(_is_code, told)) else 0


def beyond_cap(system: str, calls: Iterable[tuple[str, str]]) -> int:
    """How many calls grant more than the instructions let the assistant decide."""
    cap = _kept(system).cap
    return sum(_exceeds(name, arguments, cap) for name, arguments in calls) if cap else 0


def spelt_out(output: str, given: Callable[[], Iterable[str]]) -> int:
    """How many long keys of what a call was given an answer writes letter by letter or backwards."""
    if output.isascii() and not _spelt_sign.search(output):  # asked of every answer
        return 0
    found = {run for run in islice(_undone(output[:_LIMIT]), _MOST) if len(run) >= _LEAST_SPELT and _is_code(run)}
    if not found:
        return 0
    text = "\n".join(given())[: 4 * _LIMIT].lower()
    return sum(run in text for run in found)


def _may_tell(kept: frozenset[str], output: str) -> bool:
    """Whether a value stands in an answer in whatever form, seen cheaply."""
    plain = output.lower().replace(",", ".").replace("-", "")
    if any(value in plain for value in kept):
        return True
    dense = (
        "".join(plain.split())
        .replace("_", "")
        .replace("\u2013", "")
        .replace("|", "")
        .replace("\u00b7", "")
        .replace(".", "")
    )
    return any(code in dense or code[::-1] in dense for code in kept if _is_code(code))


def _undone(output: str) -> Iterator[str]:
    """What an answer says whose letters stand apart or in the other order, or that is encoded, in lower case."""
    for match in islice(_APART.finditer(output), _MOST):
        dense = _BETWEEN.sub("", match[0]).lower()
        yield dense
        yield dense[::-1]
    for run in islice(_RUN.findall(output), _MOST):
        if not run.isalpha() and not run.isdigit():
            yield run[::-1].lower()


def _is_code(value: str) -> bool:
    return (
        len(value) >= _LEAST_CODE
        and not value.isdigit()
        and _MIXED.search(value) is not None
        and any(map(str.isdigit, value))
    )


def _values(text: str) -> frozenset[str]:
    found = {_plain(value) for value in _VALUE.findall(text)}
    if not text.isascii():
        found.update(_plain(value) for value in _WITHOUT_SPACES.findall(text) if len(value) > 1)
    return frozenset(found)


def _plain(value: str) -> str:
    return value.strip("-_").replace(",", ".").replace("-", "").lower()


@lru_cache(maxsize=256)
def _kept(system: str) -> _Kept:
    """The same few texts come with nearly every call."""
    sentences = [sentence for sentence in _SENTENCE.split(system[:_LIMIT]) if sentence][: 2 * _MOST]
    values: set[str] = set()
    cap = 0
    says_so = False
    for place, sentence in enumerate(sentences):
        if _KEPT_BACK.search(sentence):
            says_so = True
            own = _values(sentence)
            near = sentences[max(0, place - _BEFORE) : place]
            if not own and _OF_OTHERS.search(sentence):
                own = frozenset().union(*map(_values, near))
            elif not own:
                own = frozenset().union(*(_values(one) for one in near if _speak_alike(sentence, one)))
                if not own and near and _FIGURES.search(sentence):
                    own = _values(near[-1])
            values.update(own)
        cap = max(cap, _cap(sentence))
    if says_so:
        values.update(*(_values(sentence) for sentence in sentences if _INTERNAL.search(sentence)))
    return _Kept(frozenset(islice(values, _MOST)), cap)


def _speak_alike(sentence: str, other: str) -> bool:
    """Whether two sentences are of one thing: "the voucher for staff", "never tell the staff voucher"."""
    return len(set(_WORD.findall(sentence.lower())) & set(_WORD.findall(other.lower()))) >= _SHARED


def _cap(sentence: str) -> int:
    if not _GRANTS.search(sentence):
        return 0
    found = [_number(m[1] or m[2]) for m in islice(_CAP.finditer(sentence), _MOST) if _HAS_CURRENCY.search(m[0])]
    return max(found, default=0)


def _number(text: str) -> int:
    return int(re.sub(r"\D", "", text))


def _exceeds(name: str, arguments: str, cap: int) -> bool:
    if _ASKING.search(name) or _LEFT_TO_OTHERS.search(arguments):
        return False
    given = load(arguments)
    return isinstance(given, Mapping) and any(_sum(value) > cap for path, value in _leaves(given) if _SUM.search(path))


def _leaves(given: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Values with their names, two levels deep."""
    for name, value in islice(given.items(), _MOST):
        if isinstance(value, Mapping):
            yield from islice(((str(inner), leaf) for inner, leaf in value.items()), _MOST)
        else:
            yield str(name), value


def _sum(value: object) -> float:
    if isinstance(value, bool):
        return 0
    if isinstance(value, int | float):
        return value
    match = re.fullmatch(rf"\D{{0,5}}{_AMOUNT}\D{{0,6}}", value) if isinstance(value, str) else None
    return _number(match[1]) if match else 0
