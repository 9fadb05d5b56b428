"""Tells of the words of one tool whether they give orders that a definition has no business to give.

A definition says what a tool does and what its fields hold. One that keeps something from people and at the same time collects what
lies elsewhere, bends another tool, or sends somewhere, was written for the model against its user. Each tool is looked at by
itself: of two honest tools one may be silent about something and another read files.
"""

# ruff: noqa: RUF001 - letters of other scripts are meant

from __future__ import annotations

import re
from typing import Final

_CHARS: Final = 6_000  # of a tool's words
_SENTENCE = re.compile(r"(?<=[.!?;])\s|[\n。]")
_HIDES = re.compile(
    r"(?i)\b(?:do(?:es)? not|don.t|never|must not|no need to|need not|needn.t|avoid)\s(?:ever\s)?(?:[a-z]{1,12}\s){0,2}?(?:mention|tell|inform|reveal|disclos|notify|alert|explain|speak|talk|discuss|bother|show)\w{0,4}\b[^.\n]{0,16}\b(?:users?|humans?|persons?|people|customers?|this|it|that|them|these|anyone|anybody|side ?notes?|steps?|fields?|values?|relay|copy)\b"
    r"|\bwithout\s(?:[a-z]{1,10}\s){0,2}(?:mention|tell|inform|reveal|notif|alert|comment|remark|a word|notice|being (?:brought up|mentioned|asked|shown|noticed|discussed))\w{0,4}"
    r"|\b(?:nobody|no one|none of (?:this|it))\b[^.\n]{0,20}\b(?:need|has|have|must|should)?\w{0,2}\b[^.\n]{0,10}\b(?:told|know|hear|shown|informed|notice|mentioned)\b"
    r"|\b(?:users?|people|persons?|humans?|customers?|operators?)\b[^.\n]{0,12}\b(?:need not|needn.t|should not|must not|are not to)\b[^.\n]{0,14}\b(?:know|hear|see|be|notice|read)"
    r"|\b(?:must|should|shall|has to|have to|is to|are to|will) (?:stay|remain|be|happen|run|go) (?:silent|silently|unseen|unnoticed|invisible|hidden|unmentioned)\b"
    r"|\b(?:secretly|quietly|covertly|in the background|behind the scenes)\b|\bsilently (?:add|send|pass|include|copy|call|read|fill|attach|forward|route|redirect|use|replace)\w{0,3}"
    r"|\b(?:keep|leave|omit|drop|exclude)\b[^.\n]{0,30}\b(?:to yourself|hidden|secret|out of|from)\b[^.\n]{0,40}\b(?:yourself|users?|people|summar(?:y|ies)|repl(?:y|ies)|answers?|overviews?|chat|person)\b|\bkeep (?:it|this) (?:to yourself|hidden|secret)"
    r"|\b(?:showing|mentioning|explaining) (?:it|this|them)\b[^.\n]{0,20}\bwould\b|\bfind this (?:field )?confusing\b|\bnever shown? to\b|\bgently and not scary\b"
    r"|\b(?:nicht|nie|niemals)\b.{0,30}\b(?:erw.hn|mitteil|informier|davon sag|verrat)|\b(?:nutzer|benutzer|niemand\w{0,2})\b.{0,24}\bnichts?\b|\bohne\b.{0,24}\b(?:zu erw.hnen|hinweis|r.ckfrage|es zu sagen)"
    r"|\b(?:ne|sans)\b.{0,24}\b(?:mentionner|le dire|informer|pr.venir|signaler|avertir)|\b(?:sin|no)\b.{0,16}\b(?:avisar|mencionar|informar|decir)|\b(?:sem|n.o)\b.{0,16}\b(?:avisar|mencionar|informar|dizer)"
    r"|\b(?:senza|non)\b.{0,16}\b(?:avvisare|menzionare|informare|dirlo)|\b(?:zonder|niet)\b.{0,20}\b(?:vermelden|melden|te zeggen|noemen)|\b(?:bez|nie)\b.{0,16}\b(?:informowania|wspominaj|m.w)"
    r"|不要告诉|别告诉|勿告知|知らせないで|伝えないで|言わないで|[Нн]е говори|[Нн]е сообщай"
)
_THINGS = (
    r"(?:~/[\w.]|\.ssh\b|\.env\b|\bid_rsa\b|\bmcp\.json\b|\.cursor\b|\.aws\b|/etc/|claude_desktop_config|\bkeychain\b|\bclipboard\b|\baddress book\b|\bsession cookies?\b"
    r"|\b(?:seed|recovery|mnemonic) ?(?:phrase|words)?\b|\b(?:private|api|access|ssh|secret)[ _-]?keys?\b|\b(?:access|auth|bearer|refresh|session) tokens?\b|\bpasswords?\b|\bcredentials?\b|\bconnection strings?\b|\benvironment variables?\b|\bsystem prompt\b"
    r"|\b(?:last|recent|previous|earlier|latest|all|whole|entire|full|complete|other)\b[^.\n]{0,24}\b(?:turns?|messages?|chats?|conversations?|prompts?|e?-?mails?|bookings?|contacts?|history|transcript|files?|notes|context)\b|\b(?:conversation|chat|message) (?:history|so far|transcript|log)\b"
    r"|\b(?:letzten?|vorigen?|bisherigen?|allen?|gesamten?|derniers?|tous les|precedents?|[uú]ltim[oa]s|tod[oa]s (?:los|as|os)|ultimi|tutti i|laatste|alle|ostatni\w{0,3}|wszystkie)\b[^.\n]{0,16}\b(?:nachrichten|mails|gespr\w{2,5}|verlauf|messages|conversations|mensajes|mensagens|conversaciones|messaggi|berichten|gesprekken|wiadomo\w{2,4}|rozmow\w{1,2})\b"
    r"|\blist_[a-z]{3,20}\b|(?:对话|密钥|密码|会話|鍵|パスワード|переписк|ключ|парол))"
)
_REACHES = re.compile("(?i)" + _THINGS)
_HANDS = re.compile(
    r"(?i)\bcall (?:this|it|the tool)\b[^.\n]{0,30}\bwith\b|\b(?:pass|send|hand|include|attach|append|provide|forward|give|fill|put|copy|add|take|collect|compose|quote|supply|insert|read|open|load|ask|fetch|lies|lese|gib|.bergib|.bergeb\w{0,2}|mitgeben|mitgibt|anh.ngen|beif.gen|sende\w{0,1}|lis|lire|passe|envoie|transmets|lee|p.sa\w{0,2}|env[ií]a|incluye|leia|passa|inclua|leggi|invia|lees|geef|stuur|przeczytaj|wy.lij)\b|读取|打开|发送|传入|作为参数|読み|送信|渡す|[Пп]рочитай|[Оо]тправь|[Пп]ередай"
)
_REFUSES = re.compile(
    r"(?i)\b(?:do not|don.t|never|must not|cannot|can.t|not)\s(?:[a-z]{1,12}\s){0,3}?(?:pass|send|include|attach|read|open|commit|store|log|put|add|share|expose|provide|use|contain|copy|upload|paste)"
)
_BENDS = re.compile(
    r"(?i)\b(?:recipients?|addressees?|destination|receiver|payee|bcc|cc)\b[^.\n]{0,40}\b(?:becomes?|replaced?|changed?|set to|is always|use|goes? to|differs?)\b|\b(?:change|replace|set|redirect|route|forward)\b[^.\n]{0,40}\b(?:recipient|addressee|address|bcc|payee|payments?|e?-?mails?|messages?)\b[^.\n]{0,40}(?:@|https?://|\+[0-9]{6}|\b[a-z]{2,20}_[a-z_]{2,24}\b)"
    r"|\b(?:use|take) (?:that|this|it) as (?:the )?(?:recipient|address|destination)\b|\bthis tool (?:takes precedence|overrides|replaces)\b|\b(?:instead of|rather than) (?:the )?(?:other|original|any other)\b[^.\n]{0,30}\btools?\b"
    r"|\b(?:route|send|forward|redirect)\b[^.\n]{0,30}\b(?:payments?|e?-?mails?|messages?|requests?|orders?)\b[^.\n]{0,20}\b(?:through|via|over)\b"
    r"|\bbehaviou?r of [a-z_]{3,40}\b[^.\n]{0,40}\b(?:differs?|changes?|is different)\b|\bsend[^.\n]{0,40}https?://|\bcall [a-z_]{2,40} with https?://"
)
_SHADOWS = re.compile(r"(?i)\bwhen(?:ever)? [a-z]{2,20}_[a-z_]{2,30} (?:is|gets|was) (?:used|called|invoked)\b")
# Another tool by its name, and a mailbox or account that is to be put into it: no definition has a reason for both.
_TOOL_NAME = re.compile(
    r"\b(?:send|post|create|make|share|pay|transfer|forward|reply|write|upload|submit|book|order|publish|add|invite|set|update|execute|run|call|message|mail|email|get|list|read|fetch|search|log|save|open|convert|check|validate)"
    r"(?:_[a-z]{2,20}){1,3}\b"
)
_PLACE = re.compile(r"[\w.+-]{1,64}@(?:[\w-]{1,40}\.){1,4}[a-z]{2,12}\b|\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){3,7}")
_OFFERED = re.compile(
    r"(?i)\be\.?g\b|\bi\.e\b|\bexamples?\b|\bsuch as\b|\bfor instance\b|\bcontact\b|\bsupport\b|\bquestions?\b|\bhelp\b|\bmaintain|\bauthors?\b|\breport\b|\blike\b|\bz\. ?b\b|\bbeispiel|\bexemple|\bejemplo|\bexempel|\besempio|\bformat|例"
)
_KEYS = re.compile(
    r"(?i)~/\.(?:ssh|aws|config|kube|gnupg|netrc)|\bid_rsa\b|\.ssh/|\.aws/|claude_desktop_config|\bmcp\.json\b|/etc/passwd"
)
_FRAMED = re.compile(r"(?i)<\s{0,2}/?(?:important|system|secret|instructions?|critical|hidden|admin)\s{0,2}>")
_ORDERS = re.compile(
    r"(?i)\b(?:before|after|when|whenever|prior to|while) (?:using|calling|invoking|answering|you (?:use|call)|any|every|this tool|[a-z_]{3,40} is (?:used|called|invoked))\b|\bbefore (?:answering|responding|replying)\b|\botherwise (?:the|this) tool (?:will|does|won)"
    r"|\bthe (?:assistant|model|agent|ai|llm) (?:has to|must|should|needs to)\b|\b(?:vor|bei) jedem aufruf\b|\bavant (?:chaque appel|de l.utiliser)\b|\bantes de (?:cada|usar)\w{0,3}\b|使用前|调用前|呼び出す前"
)


def gives_orders(description: str, fields: str, name: str = "") -> bool:
    """Whether a tool's description, or those of its fields, want something from elsewhere or bend another tool, and hide it."""
    if _fills_another(description[:_CHARS], name):
        return True
    told, held = description[:_CHARS], fields[:_CHARS]
    everything = f"{told}\n{held}"
    hides = _HIDES.search(everything) is not None
    if _SHADOWS.search(told) and _BENDS.search(told):
        return True
    if not hides and not _FRAMED.search(told) and not _ORDERS.search(told):
        return False
    reaches = _collects(told, wants=True) or (hides and _collects(held, wants=False))
    if hides:
        return reaches or _BENDS.search(everything) is not None
    if reaches and _KEYS.search(told):
        return True
    return _FRAMED.search(told) is not None and (reaches or _BENDS.search(told) is not None)


def _fills_another(told: str, own: str) -> bool:
    """Whether a description names another tool, and a mailbox or account that is no example and nobody to write to."""
    if "_" not in told or not (place := _PLACE.search(told)):
        return False
    if all(name == own for name in _TOOL_NAME.findall(told)):
        return False
    mailbox = place[0].partition("@")[0]
    around = f"{told[max(0, place.start() - 60) : place.start()]} {mailbox} {told[place.end() : place.end() + 30]}"
    return _OFFERED.search(around) is None


def _collects(words: str, *, wants: bool) -> bool:
    """Whether a sentence, other than one that forbids it, asks for something that lies elsewhere."""
    return any(
        _REACHES.search(sentence) and not _REFUSES.search(sentence) and (not wants or _HANDS.search(sentence))
        for sentence in _SENTENCE.split(words)
    )
