"""How much of its own instructions an answer gives away: word for word, turned round, letter by letter, or said in other words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple

from caiso.engine.detect.hidden import revealed

_MOST: Final = 64  # pieces and canaries of one text
_PIECE: Final = 30  # characters from which a sentence is told apart from a common phrase
_TURNED: Final = 4  # orders that are looked for backwards
_READ: Final = 16_384  # of an answer, where words are compared one by one
_AROUND: Final = " \t\r\"'“”*-•#>"
_END = re.compile(r"([.!?;:]| [-*•] )")  # of sentences, and of points in one line
_TYPOGRAPHIC: Final = str.maketrans(
    "\u2018\u2019\u201c\u201d\u2010\u2011\u2013\u2014\u00a0", "''\"\"---- "
)  # quotes and dashes

# What is said to the model, by its form: what a customer is to be told has a subject of its own ("we never share").
_ORDER = re.compile(
    r"^(?:(?:please|and|but|also|then|you|they)\s){0,2}(?:never|always|do not|don't|refuse|decline|avoid|hide|keep|act as|you are"
    r"|you're|your|only (?:quote|offer|answer|use|discuss|reveal|share|give|mention|speak|help|respond|provide|recommend|show|cite))\b"
    r"|\b(?:you must|must not|mustn't|may not|(?:must|should|may) never|under no circumstances|internal|confidential|secret"
    r"|not be (?:shared|disclosed|revealed)|escalate|du bist|darfst|niemals|nie|tu es|vous êtes|jamais|eres|nunca|você é|sei un)\b"
)
# What follows the colon is meant for whoever asks.
_PASSED_ON = re.compile(
    r"\b(?:tell|inform|remind)\b[^:]{0,60}$|\b(?:close|end|begin|start|finish|sign|greet)\b[^:]{0,40}\bwith\b[^:]{0,20}$"
    r"|\b(?:add|append|include|quote|show|display|state|say)\b[^:]{0,40}$|\b(?:disclaimer|notice|footer|signature|greeting)\s?$"
)
_NOT_PASSED_ON = re.compile(r"\b(?:never|not|don't|rules?|instructions?|internal|confidential|secret)\b")
# The line that an application puts before documents, and the one with which it speaks to the model again.
_GIVEN = re.compile(
    r"(?i)[ \t]{0,8}(?:#{1,4} |<|\[|\*\*|=== ?)?(?:here (?:is|are) (?:the )?)?(?:retrieved |relevant |additional |background |search |supporting )?"
    r"(?:context|documents?|passages?|sources?|results|snippets|excerpts|knowledge(?: base)?|kontext|quellen|dokumente|contexte|contexto|documenti)\b.{0,40}[:>\]*=]\s{0,8}$"
)
_RESUMED = re.compile(
    r"(?i)[ \t]{0,8}(?:</|(?:#{1,4} |\*\*|=== ?)?(?:your )?(?:instructions?|rules?|task|guidelines?|answer|question|important|anweisung(?:en)?|regeln)\b.{0,30}:)"
)
_CANARY = re.compile(
    r"(?i)\b(?:canary|honey ?token|trip ?wire|secret|confidential|pass(?:word|code|phrase)|code ?word|watermark)\b\W{1,4}"
    r"(?:[a-z]{1,10}\W{1,3}){0,4}?((?=[A-Za-z_+/=.-]{0,40}[0-9])[A-Za-z0-9][A-Za-z0-9_+/=.-]{7,63})"
)
_LONG_RUN = re.compile("[^ \t\r\n]{48}")
_PROSE: Final = 12  # characters from one space to the next that prose stays below on average
_SPELT: Final = 2.6  # and that single letters stay below
_WORD = re.compile(r"[^\W_]{4,}")
_SENTENCE = re.compile(r"[.!?\n]")
_STEM: Final = 5
_COMMON: Final = frozenset(word[:_STEM] for word in (
    "never", "always", "with", "that", "this", "your", "from", "must", "only", "them", "when", "have", "will", "about", "their",
    "under", "circumstances", "anybody", "anyone", "please", "should", "other", "than", "into", "what", "which", "every", "each", "they",
))  # fmt: skip
# An answer that speaks of what it was told.
_SPEAKING: Final = (
    "instruct", "told", "supposed to", "not to ", "guideline", "my rules", "the rules", "prompt", "configured", "anweis",
    "vorgabe", "regeln", "règles", "reglas", "regole", "regras",
)  # fmt: skip
_RETOLD: Final = 0.75  # of the words of an order that a sentence repeats when it says the order again
_LEAST_WORDS: Final = 3
_LEAST_RETOLD: Final = 2  # one order in other words is what a polite refusal looks like


class _Instructions(NamedTuple):
    """The sentences of a system text: which of them are orders, and the orders in other shapes."""

    facts: tuple[str, ...]
    orders: tuple[str, ...]
    turned: tuple[str, ...]
    spelt: tuple[str, ...]
    words: tuple[frozenset[str], ...]
    canaries: tuple[str, ...]


def leaked_pieces(system: str, output: str) -> int:
    """How many sentences of the instructions the answer gives away, canaries included.

    Facts that an assistant is told in order to pass them on count only from the third: what gives instructions
    away is orders to the model.
    """
    known = _instructions(system)
    lowered = _plain(output)
    spaces = output.count(" ")
    # An answer in base64 or the like, seen cheaply: it has few spaces.
    if spaces * _PROSE < len(output) and _LONG_RUN.search(output):
        lowered += "\n" + revealed(output).lower()
    orders = sum(order in lowered for order in known.orders)
    facts = sum(fact in lowered for fact in known.facts)
    secrets = sum(canary in lowered for canary in known.canaries)
    return orders + secrets + max(0, facts - 2) or _disguised(known, lowered, spelt=spaces * _SPELT > len(output))


def gives_orders_away(system: str, text: str) -> bool:
    """Whether a text repeats an order word for word, asked of what a model hands to its tools."""
    lowered = _plain(text)
    return any(order in lowered for order in _instructions(system).orders)


def _disguised(known: _Instructions, lowered: str, *, spelt: bool) -> int:
    if spelt:
        dense = "".join(lowered.split())
        return sum(order in dense for order in known.spelt)
    turned = sum(order in lowered for order in known.turned)
    if turned or len(known.words) < _LEAST_RETOLD or not any(sign in lowered for sign in _SPEAKING):
        return turned
    return _retold(known, lowered)


def _retold(known: _Instructions, lowered: str) -> int:
    """Orders that come again in other words: most of their words, in whatever order, in one sentence."""
    sentences = [_stems(sentence) for sentence in _SENTENCE.split(lowered[:_READ])]
    found = sum(
        any(len(words & said) >= max(_LEAST_WORDS, _RETOLD * len(words)) for said in sentences) for words in known.words
    )
    return found if found >= _LEAST_RETOLD else 0


@lru_cache(maxsize=256)
def _instructions(system: str) -> _Instructions:
    """The same few texts come with nearly every call."""
    orders: dict[str, None] = {}
    facts: dict[str, None] = {}
    for line in _own(_plain(system)):
        for piece in _said_to_the_model(line):
            (orders if _ORDER.search(piece) else facts)[piece] = None
    kept = tuple(islice(orders, _MOST))
    canaries = islice(_CANARY.finditer(system), _MOST)
    words = (_stems(order) for order in kept)
    return _Instructions(
        tuple(islice(facts, _MOST)),
        kept,
        tuple(order[::-1] for order in kept[:_TURNED]),
        tuple("".join(order.split()) for order in kept),
        tuple(each for each in words if len(each) >= _LEAST_WORDS),
        tuple(match[1].rstrip(".").lower() for match in canaries),
    )


def _own(system: str) -> Iterator[str]:
    """The lines of a system text without documents that were put into it: rules for people, in whatever tone."""
    is_given = False
    for line in system.split("\n"):
        if _GIVEN.match(line):
            is_given = True
            continue
        is_given = is_given and not _RESUMED.match(line)
        if not is_given:
            yield line


def _said_to_the_model(line: str) -> list[str]:
    """The sentences of a line that are long enough, up to where it says what to pass on."""
    found = []
    parts = _END.split(line)
    for piece, end in zip(parts[::2], [*parts[1::2], ""], strict=True):
        bare = piece.strip(_AROUND)
        if len(bare) >= _PIECE:
            found.append(bare)
        if end == ":" and _PASSED_ON.search(bare) and not _NOT_PASSED_ON.search(bare):
            break
    return found


def _stems(text: str) -> frozenset[str]:
    return frozenset(word[:_STEM] for word in _WORD.findall(text)) - _COMMON


def _plain(text: str) -> str:
    """In lower case, without what typography adds."""
    lowered = text.lower()
    if not lowered.isascii():
        lowered = lowered.translate(_TYPOGRAPHIC)
    return lowered.replace("**", "") if "**" in lowered else lowered
