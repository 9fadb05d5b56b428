"""From which side a tool brings content: from strangers, from within, or either, as its name tells; and which tools remember."""

from __future__ import annotations

import re
from functools import lru_cache

# Tools that bring in what strangers wrote, and those that may.
_OUTSIDE = re.compile(
    r"(?i)fetch|brows|web|https?(?:_|$)|url|scrap|crawl|mail|inbox|postfach|posta|correo|courriel|news|rss|feed|forum|linkedin"
    r"|review|comment|ticket|issue|tweet|download|attach|upload|page|site|seite|google(?!_?(?:cal|drive|docs?|sheets?|slides|contacts?|tasks?|keep))|bing|pdf|invite|zendesk"
    r"|(?:read|parse|extract|scan|ocr|open|receive)_?(?:invoice|bill|receipt|rechnung|facture|factura|fattura|fatura|faktur|order_?confirmation)"
    r"|transcri|(?<![a-z])voice|speech|audio|call_?log|sms|whatsapp|screen|computer|desktop|\bocr\b|image|photo|camera|feedback|survey|guestbook"
    r"|(?:^|[_.-])(?:get_?|request_?|ask_?)?(?:quotes?|quotations?|cotiza(?:r|cion)|presupuestos?|angebote?|offerten?|devis|preventiv[oi]|orcamentos?)(?:$|[_.-])"
    r"|(?:^|[_.-])a2a(?:$|[_.-])|(?:remote|partner|external|peer|foreign|supplier|vendor)_?agent|agent_?card"
    r"|(?:job|build|pipeline|\bci|test|run|deploy|crash|error|console|stack)_?(?:logs?|output|trace)(?:$|_)"
)
_EITHER = re.compile(
    r"(?i)file|doc|drive|notion|share_?point|confluence|wiki|repo|readme|git|message|nachricht|mensaje|slack|teams|chat"
    r"|calendar|kalender|event|agenda|appointment|meeting|termin|invit|note|retrieve|retrieval|search|knowledge|jira|read_?text|\bcat\b"
)
# Of the tools that bring in what strangers wrote, those that bring in what only few may read as well.
_PRIVATE = re.compile(
    r"(?i)mail|inbox|postfach|posta|correo|courriel|message|nachricht|mensaje|ticket|zendesk|whatsapp|\bsms|transcri|call_?log"
    r"|_?(?:logs?|output|trace)$"
)
_REMEMBERS = re.compile(
    r"(?i)^bio$|^(?:to|update)_?bio$|memory|memories|memori[sz]e|remember|preference|save_?(?:note|fact|context|rule)|store_?(?:note|fact|context|rule)|note_?to_?self|merken|profile"
    r"|(?:add|write|store|update|upsert|index|insert)_?(?:to_?)?(?:knowledge|vector|persona|instruction|guideline)|knowledge_?(?:add|write|store|upsert)|gedächtnis"
)
_MEMORY_FILE = re.compile(
    r'(?i)"[a-z_]{0,12}(?:path|file|filename|target|uri)"\s{0,2}:\s{0,2}"[^"]{0,160}(?:memory|memories|claude\.md|agents\.md|gemini\.md|\.cursorrules'
    r"|\.windsurfrules|copilot-instructions|preferences|user_?profile|\.cursor/rules)"
)
_RECALLS = re.compile(r"(?i)^(?:[a-z0-9.]{0,30}[_-])?(?:get|read|search|recall|list|query|fetch|load|delete|forget)")

# What operates a screen: where it went, and that it types.
OPERATES = re.compile(r"(?i)brows|computer|screen|desktop|playwright|puppeteer|selenium|navigat|web_?page|\btab\b")
_TYPES = re.compile(
    r'(?i)"(?:action|command|operation|type|method|event)"\s{0,2}:\s{0,2}"(?:type|fill|input|enter|paste|submit|send_?keys|set_?value|insert|write)[a-z_]{0,12}"'
)
_TYPING = re.compile(
    r"(?i)(?:^|[_.-])(?:type|fill|enter_?text|input_?text|send_?keys|set_?value|insert_?text|submit_?form)"
)


@lru_cache(maxsize=4096)
def side_of(name: str) -> str:
    """``outside``, ``either``, or empty for a tool that reads within."""
    if _OUTSIDE.search(name):
        return "outside"
    return "either" if _EITHER.search(name) else ""


@lru_cache(maxsize=4096)
def is_private(name: str) -> bool:
    """Whether what a tool brings in from outside may be read by few only."""
    return _PRIVATE.search(name) is not None


def remembers(name: str, arguments: str, *, writes: bool) -> bool:
    """Whether a tool puts something into a memory that later conversations read."""
    kept = _REMEMBERS.search(name) or (writes and _MEMORY_FILE.search(arguments))
    return bool(kept) and not _RECALLS.search(name)


def types(name: str, arguments: str) -> bool:
    """Whether a call types something into a screen."""
    return bool((OPERATES.search(name) and _TYPES.search(arguments)) or _TYPING.search(name))
