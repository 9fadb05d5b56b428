"""From which side a tool brings content: from strangers, from within, or either, as its name tells."""

from __future__ import annotations

import re
from functools import lru_cache

# Tools that bring in what strangers wrote, and those that may.
_OUTSIDE = re.compile(
    r"(?i)fetch|brows|web|https?(?:_|$)|url|scrap|crawl|mail|inbox|postfach|posta|correo|courriel|news|rss|feed|forum|linkedin"
    r"|review|comment|ticket|issue|tweet|download|attach|upload|page|site|seite|google|bing|pdf|invite|zendesk"
    r"|transcri|voice|speech|audio|call_?log|sms|whatsapp|screen|computer|desktop|\bocr\b|image|photo|camera|feedback|survey|guestbook"
    r"|(?:job|build|pipeline|\bci|test|run|deploy|crash|error|console|stack)_?(?:logs?|output|trace)(?:$|_)"
)
_EITHER = re.compile(
    r"(?i)file|doc|drive|notion|share_?point|confluence|wiki|repo|readme|git|message|nachricht|mensaje|slack|teams|chat"
    r"|calendar|kalender|note|retrieve|retrieval|search|knowledge|jira|read_?text|\bcat\b"
)
# Of the tools that bring in what strangers wrote, those that bring in what only few may read as well.
_PRIVATE = re.compile(
    r"(?i)mail|inbox|postfach|posta|correo|courriel|message|nachricht|mensaje|ticket|zendesk|whatsapp|\bsms|transcri|call_?log"
    r"|_?(?:logs?|output|trace)$"
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
