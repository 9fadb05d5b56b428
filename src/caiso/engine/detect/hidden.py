"""Makes readable what a text hides from its readers: encodings, invisible characters, look-alike letters, spacing.

Only what differs from the text as it stands is returned, so that a rule on it asks: was there something to hide?
A text without any sign of hiding costs one scan.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from html import unescape
from itertools import islice
from typing import Any, Final
from urllib.parse import unquote_to_bytes

try:
    import re2
except ImportError:
    re2 = None

MAX_CHARS: Final = 65_536  # of a text; what lies behind is left alone
MAX_REVEALED: Final = 16_384
_MAX_RUNS: Final = 32
_LEAST: Final = 12  # characters below which a decoded run says nothing
_LEAST_LETTERS: Final = 0.7

# English words that orders need, as rot13 and backwards write them.
_TURNED: Final = (
    r"vtaber|qvfertneq|vafgehpgvba|cebzcg|cerivbhf|cnffjbeq|flfgrz|"
    r"erongi|dragersid|noitcurtsni|tpmorp|suoiverp|drowssap|metsys"
)
# What must be there before it is worth decoding; all of them are first asked for at once.
_SIGNS: Final = {
    "base64": r"[A-Za-z0-9+/_-]{24}",
    "hex": r"[0-9a-fA-F]{24}|[0-9a-fA-F]{2}(?:[ :,][0-9a-fA-F]{2}){11}",
    "percent": r"(?:%[0-9A-Fa-f]{2}){6}",
    "entities": r"(?:&#x?[0-9a-fA-F]{2,6};){4}",
    "escapes": r"(?:\\(?:u00|x)[0-9a-fA-F]{2}\\?){6}",
    "bits": r"[01]{8} ?[01]{8} ?[01]{8}",
    "bytes": r"(?:[0-9]{2,3}(?: |, ?|-)){11}[0-9]{2,3}",
    "morse": r"(?:[.·-]{1,5} ){3}[.·-]{1,5} {1,2}[/|] {1,2}[.·-]{1,5} ",
    "spaced": r"(?:[A-Za-z0-9@$][ ._*-]{1,3}){6}",
    "leet": r"[A-Za-z][013457@$]{1,2}[A-Za-z]",
    "turned": "(?i)" + _TURNED,
}
_OTHER_SIGNS: Final = (
    "[\U000e0000-\U000e01ef]|[\u200b\u200c\u200d\u2060-\u2064\ufeff\u180e]{4}|[\ufe00-\ufe0f]{2}"
    "|[A-Za-z][\u00ad\u200b-\u200d\u2060-\u2064\ufeff]+[A-Za-z]"
    "|[A-Za-z][\u0370-\u03ff\u0400-\u04ff]|[\u0370-\u03ff\u0400-\u04ff][A-Za-z]"
    "|[\uff21-\uff3a\uff41-\uff5a\u24b6-\u24e9\U0001d400-\U0001d7ff\U0001f130-\U0001f149]{3}"
)

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{20,}={0,2}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}[ :,]?){12,}")
_ESCAPES = re.compile(r"(?:\\{1,2}(?:u00|x)[0-9a-fA-F]{2}){6,}")
_PERCENT = re.compile(r"(?:%[0-9a-fA-F]{2}){6,}")
_ENTITIES = re.compile(r"(?:&#x?[0-9a-fA-F]{2,6};\s?){4,}")
_BITS = re.compile(r"(?:[01]{8} ?){4,}")
_BYTES = re.compile(r"(?<![0-9])(?:[0-9]{2,3}(?: |, ?|-)){11,}[0-9]{2,3}(?![0-9])")
_MORSE = re.compile(r"(?:[.·-]{1,5} {1,3}(?:[/|] {1,2})?){8,}[.·-]{0,5}")
_SPACED = re.compile(r"(?:(?<![A-Za-z0-9])[A-Za-z0-9@$][ ._*-]{1,3}){6,}[A-Za-z0-9](?![A-Za-z0-9])")
_SPACED_SHORT = re.compile(r"(?:(?<![A-Za-z0-9])[A-Za-z0-9@$][ ._*-]{1,3}){2,}[A-Za-z0-9](?![A-Za-z0-9])")
_LEET_WORD = re.compile(r"[A-Za-z013457@$]{4,24}")
_HEX_WORD = re.compile(r"[0-9a-fA-F]+")
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{2,6}\U000e007f")
_TAGS = re.compile("[\U000e0001-\U000e007f]{3,}")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")
_WIDTHLESS = re.compile("[\u200b\u200c\u200d\u2060-\u2064\ufeff\u180e]{16,}")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\u180e\ufe00-\ufe0f\U000e0000-\U000e01ef]")
_MIXED_WORD = re.compile(r"[A-Za-z\u0370-\u04ff]{2,}")

_MORSE_CODE: Final = dict(
    zip(
        [
            ".-",
            "-...",
            "-.-.",
            "-..",
            ".",
            "..-.",
            "--.",
            "....",
            "..",
            ".---",
            "-.-",
            ".-..",
            "--",
            "-.",
            "---",
            ".--.",
            "--.-",
            ".-.",
            "...",
            "-",
            "..-",
            "...-",
            ".--",
            "-..-",
            "-.--",
            "--..",
        ],
        "abcdefghijklmnopqrstuvwxyz",
        strict=True,
    )
)
_LEET: Final = str.maketrans("013457@$", "oieastas")
_LEET_DIGITS: Final = frozenset("013457@$")
_LOOKALIKE: Final = str.maketrans(
    "аерсохуіјѕԁһкмтвнгАЕРСОХУІЈЅКМТВНαειοντυρκχηΑΕΙΟΝΤΡΚΧΗΒΜΥΖ",
    "aepcoxyijsdhkmtbnrAEPCOXYIJSKMTBHaeiovtupkxnAEIONTPKXHBMYZ",
)


def compiled_sign(pattern: str) -> Any:
    """RE2 where it is installed: this scan runs over every text."""
    if re2 is None:
        return re.compile(pattern)
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


_SIGN: Final = "|".join(f"(?:{sign})" for sign in _SIGNS.values())
ANY_SIGN: Final = f"{_SIGN}|{_OTHER_SIGNS}"  # what a text has that hides anything; bounded, and RE2 takes it
_any_sign: Final = compiled_sign(_SIGN)
_signs: Final = {kind: compiled_sign(sign) for kind, sign in _SIGNS.items()}
_other_signs: Final = compiled_sign(_OTHER_SIGNS)


def revealed(text: str) -> str:
    """The readable text that is hidden in a text, a line for each finding; empty for nearly every text."""
    if len(text) < _LEAST:
        return ""
    text = text[:MAX_CHARS]
    found: list[str] = []
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()  # RE2 takes no lone surrogates
        if _other_signs.search(text):
            found += _invisible(text)
            found += _respelt(text)
    if _any_sign.search(text):
        for kind, reveal in _REVEALERS.items():
            if _signs[kind].search(text):
                found += reveal(text)
    return "\n".join(dict.fromkeys(found))[:MAX_REVEALED]


def _readable(data: bytes) -> str:
    """The bytes as text if people could read it: mostly letters and spaces."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return ""
    if len(text) < _LEAST or (not text.isprintable() and not text.replace("\n", " ").replace("\t", " ").isprintable()):
        return ""
    plain = sum(character.isalpha() or character == " " for character in text)
    return text if plain >= _LEAST_LETTERS * len(text) and " " in text.strip() else ""


def _decoded(pattern: re.Pattern[str], decode: Callable[[str], str], text: str) -> Iterator[str]:
    """What the runs of a code say, also when the code was applied twice."""
    for match in islice(pattern.finditer(text), _MAX_RUNS):
        shown = decode(match[0])
        if shown:
            yield shown
            inner = _BASE64.search(shown)
            again = _from_base64(inner[0]) if inner else ""
            if again:
                yield again


def _from_base64(run: str) -> str:
    if run.isdigit() or (run.isalpha() and (run.islower() or run.isupper())):
        return ""
    plain = run.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        data = base64.b64decode(plain[: len(plain) // 4 * 4] + _tail(plain))
        if data.isascii() and _BASE64.fullmatch(data.decode()):  # wrapped twice
            data = base64.b64decode(data + b"=" * (-len(data) % 4))
        return _readable(data)
    except (binascii.Error, ValueError):
        return ""


def _tail(plain: str) -> str:
    rest = plain[len(plain) // 4 * 4 :]
    return rest + "=" * (4 - len(rest)) if len(rest) > 1 else ""


def _from_hex(run: str) -> str:
    digits = re.sub("[ :,]", "", run)
    return _readable(bytes.fromhex(digits[: len(digits) // 2 * 2]))


def _from_escapes(run: str) -> str:
    return _readable(bytes.fromhex("".join(re.findall(r"(?:u00|x)([0-9a-fA-F]{2})", run))))


def _from_bits(run: str) -> str:
    bits = run.replace(" ", "")
    return _readable(bytes(int(bits[start : start + 8], 2) for start in range(0, len(bits) // 8 * 8, 8)))


def _from_bytes(run: str) -> str:
    numbers = [int(number) for number in re.findall("[0-9]+", run)]
    return _readable(bytes(numbers)) if max(numbers) < 256 else ""


def _from_morse(run: str) -> str:
    words = re.split("[/|]| {3}", run.replace("·", "."))
    return _readable(" ".join("".join(_MORSE_CODE.get(one, "") for one in word.split()) for word in words).encode())


def _spaced(text: str) -> Iterator[str]:
    if _SPACED.search(text):  # one long run gives the short ones away
        yield _SPACED_SHORT.sub(lambda match: _joined(match[0]), text[:MAX_REVEALED])


def _joined(run: str) -> str:
    """``i g n o r e  a l l`` as two words: a longer gap parts words, a single one letters."""
    words = re.split(r"[ ._*-]{2,}", run) if re.search(r"[A-Za-z0-9][ ._*-][A-Za-z0-9]", run) else [run]
    return " ".join(re.sub(r"[ ._*-]", "", word) for word in words)


def _without_leet(text: str) -> Iterator[str]:
    """The text with digits read as letters, if at least three words mix both as people who hide do."""
    mixed = 0
    for word in _LEET_WORD.findall(text[:MAX_REVEALED]):
        if _HEX_WORD.fullmatch(word):
            continue
        digits = sum(character in _LEET_DIGITS for character in word)
        if digits and len(word) - digits >= 2 and digits * 2 <= len(word) + 1 and word[0] not in "@$":
            mixed += 1
    if mixed >= 3 and mixed * 6 >= text[:MAX_REVEALED].count(" "):
        yield text[:MAX_REVEALED].translate(_LEET)


def _turned(text: str) -> Iterator[str]:
    yield codecs.encode(text[:MAX_REVEALED], "rot13")
    yield text[:MAX_REVEALED][::-1]


_REVEALERS: Final[dict[str, Callable[[str], Iterable[str]]]] = {
    "base64": partial(_decoded, _BASE64, _from_base64),
    "hex": partial(_decoded, _HEX, _from_hex),
    "escapes": partial(_decoded, _ESCAPES, _from_escapes),
    "percent": partial(_decoded, _PERCENT, lambda run: _readable(unquote_to_bytes(run))),
    "entities": partial(_decoded, _ENTITIES, lambda run: _readable(unescape(run).encode("utf-8", "replace"))),
    "bits": partial(_decoded, _BITS, _from_bits),
    "bytes": partial(_decoded, _BYTES, _from_bytes),
    "morse": partial(_decoded, _MORSE, _from_morse),
    "spaced": _spaced,
    "leet": _without_leet,
    "turned": _turned,
}


def _invisible(text: str) -> Iterator[str]:
    """What characters without a shape spell."""
    text = _FLAG.sub("", text)
    for match in _TAGS.finditer(text):
        yield "".join(chr(ord(character) - 0xE0000) for character in match[0] if ord(character) >= 0xE0020)
    for match in _SELECTORS.finditer(text):
        data = bytes(ord(c) - 0xFE00 if ord(c) < 0xFE10 else ord(c) - 0xE0100 + 16 for c in match[0])
        yield data.decode("utf-8", "replace")
    for match in _WIDTHLESS.finditer(text):
        kinds = sorted(set(match[0]))
        if len(kinds) == 2:
            for one in kinds:
                bits = "".join("1" if character == one else "0" for character in match[0])
                shown = _from_bits(bits)
                if shown:
                    yield shown


def _respelt(text: str) -> Iterator[str]:
    """The text as it looks: without invisible characters, letters of other scripts and shapes as plain ones."""
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    plain = _MIXED_WORD.sub(_as_latin, plain)
    if plain != text:
        yield plain[:MAX_REVEALED]


def _as_latin(match: re.Match[str]) -> str:
    word = match[0]
    return word if word.isascii() or not any(c.isascii() for c in word) else word.translate(_LOOKALIKE)
