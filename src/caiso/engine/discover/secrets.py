"""Names of credentials, and the fingerprint of a secret that stands in the open; a value never leaves here."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterator

from caiso.engine.discover.signatures import Signatures

_GENERIC = re.compile(r"^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_API_KEY$")
_NOT_AI = re.compile(
    r"^(GOOGLE_MAPS|STRIPE|SENDGRID|TWILIO|MAILGUN|RESEND|SEGMENT|DATADOG|DD|SENTRY|ALGOLIA|X|MY|YOUR|TEST|SOME|FAKE|DUMMY)_"
)
_DERIVED = re.compile(r"^(?:VITE_|NEXT_PUBLIC_|REACT_APP_|EXPO_PUBLIC_|APP_|MY_|TEST_)(.+)$")
_SECRET = re.compile(
    r"(?<![\w-])(?:"
    r"(?P<anthropic>sk-ant-[A-Za-z0-9_-]{24,})|"
    r"(?P<openrouter>sk-or-v1-[a-f0-9]{32,})|"
    r"(?P<openai>sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{32,})|"
    r"(?P<huggingface>hf_[A-Za-z0-9]{30,})|"
    r"(?P<google>AIza[A-Za-z0-9_-]{35})|"
    r"(?P<groq>gsk_[A-Za-z0-9]{40,})|"
    r"(?P<replicate>r8_[A-Za-z0-9]{30,})|"
    r"(?P<xai>xai-[A-Za-z0-9]{40,})|"
    r"(?P<perplexity>pplx-[A-Za-z0-9]{40,})|"
    r"(?P<langsmith>lsv2_(?:pt|sk)_[a-f0-9]{30,}[_a-f0-9]*)|"
    r"(?P<pinecone>pcsk_[A-Za-z0-9_]{40,})|"
    r"(?P<tavily>tvly-[A-Za-z0-9-]{28,})"
    r")(?![\w-])"
)
SECRET_MARKS = (b"sk-", b"hf_", b"AIza", b"gsk_", b"r8_", b"xai-", b"pplx-", b"lsv2_", b"pcsk_", b"tvly-")


def credential_name(name: str, signatures: Signatures) -> str:
    """The service that a credential of this name opens; empty when it is none of AI."""
    if len(name) > 80 or len(name) < 6 or not name.isupper():
        return ""
    known = signatures.env.get(name)
    if known:
        return known
    derived = _DERIVED.match(name)
    if derived and derived[1] in signatures.env:
        return signatures.env[derived[1]]
    for prefix in ("OPENAI_", "ANTHROPIC_", "AZURE_OPENAI_", "HUGGINGFACE_", "GEMINI_"):
        if name.startswith(prefix) and name.endswith(("_KEY", "_TOKEN", "_SECRET")):
            return prefix.strip("_").lower()
    return "unknown" if _GENERIC.match(name) and not _NOT_AI.match(name) else ""


def find_secrets(text: str) -> Iterator[tuple[int, str, str]]:
    """Line, service and fingerprint of every real-looking secret."""
    for match in _SECRET.finditer(text):
        value = match[0]
        body = value.split("-", 1)[-1]
        if _entropy(body) < 3.6 or re.search(
            r"(?i)x{6}|example|your|placeholder|1234567|abcdef|\*{3}|dummy|test", value
        ):
            continue
        digest = hashlib.sha256(value.encode()).hexdigest()[:16]
        yield text.count("\n", 0, match.start()) + 1, str(match.lastgroup), f"sha256:{digest}"


def _entropy(text: str) -> float:
    counts = Counter(text)
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values()) if text else 0.0
