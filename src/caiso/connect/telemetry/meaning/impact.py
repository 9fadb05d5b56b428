"""Infers what a tool call can do (read, write, egress, exec, admin) and where it sends, from its name and arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from caiso.connect.telemetry.meaning.messages import load

_TEXT_LIMIT: Final = 64 * 1024
_VALUES_LIMIT: Final = 512
_LONG_QUERY: Final = 100  # characters after "?" beyond which a GET carries data out

_WORDS = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z\u00df-\u017f]+|[\u00c0-\u017f]+|[0-9]+")
_NAMESPACE = re.compile(r"__|[./:]")
# Credentials before "@" are not the host: https://good.example@evil.example goes to evil.example.
_URL = re.compile(r"(?i)\b(?:https?|wss?|ftps?|sftp|smtp)://(?:[^\s/?#\"'<>\\]*@)?(\[[0-9a-f:.]+\]|[^\s/?#\"'<>\\:@]+)")
_QUERY = re.compile(r"(?i)\bhttps?://[^\s?\"']+\?([^\s\"']+)")
_MAIL = re.compile(r"[\w.+-]{1,64}@([A-Za-z0-9](?:[A-Za-z0-9-]*\.)+[A-Za-z0-9-]+)")
_SQL = re.compile(r"(?is)^\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*([a-z]+)")
_NETWORK_COMMAND = re.compile(
    r"(?i)\b(?:curl|wget|nc|ncat|netcat|scp|rsync|ftp|sftp|ssh|invoke-webrequest|iwr|telnet)\b"
)

_READ = frozenset((
    "get", "list", "read", "search", "find", "query", "lookup", "view", "describe", "fetch", "show", "load",
    "browse", "open", "count", "check", "inspect", "download", "retrieve", "summarize", "select", "scan",
    "stat", "cat", "ls", "grep", "head", "tail", "recall", "watch", "status", "calculate", "navigate", "crawl", "scrape",
    "lesen", "liste", "auflisten", "suchen", "suche", "abrufen", "anzeigen", "oeffnen", "öffnen", "laden", "holen",
    "finden", "lire", "chercher", "rechercher", "consulter", "ouvrir", "afficher", "lister", "leer", "buscar",
    "consultar", "abrir", "obtener", "mostrar", "listar", "ler", "pesquisar", "obter", "leggi", "leggere", "cerca",
    "cercare", "apri", "mostra", "lezen", "zoeken", "ophalen", "openen", "czytaj", "szukaj", "pobierz", "oku", "getir",
))  # fmt: skip
_WRITE = frozenset((
    "write", "create", "update", "insert", "edit", "save", "append", "set", "put", "modify", "patch", "move",
    "rename", "delete", "remove", "drop", "truncate", "commit", "add", "store", "copy", "replace", "upsert",
    "index", "archive", "clear", "erase", "overwrite", "merge", "rm", "mkdir", "touch", "schedule", "book",
    "cancel", "remember", "memorize", "purge", "wipe", "destroy", "schreiben", "speichern", "anlegen", "erstellen",
    "aendern", "ändern", "loeschen", "löschen", "aktualisieren", "merken", "ecrire", "écrire", "creer", "créer", "modifier",
    "supprimer", "enregistrer", "ajouter", "escribir", "crear", "guardar", "actualizar", "borrar", "eliminar",
    "escrever", "criar", "salvar", "atualizar", "apagar", "excluir", "scrivi", "scrivere", "crea", "salva", "aggiorna",
    "elimina", "schrijven", "opslaan", "verwijderen", "zapisz", "utworz", "usun", "yaz", "kaydet", "sil",
    "wijzig", "wijzigen", "aanmaken", "toevoegen", "boeken", "annuleren", "modifica", "modificare", "cambia", "cambiar", "imposta",
    "cancella", "prenota", "reservar", "alterar", "mudar", "reserver", "réserver", "annuler", "buchen", "stornieren", "setzen",
    "zmien", "zmień", "dodaj", "ustaw", "andra", "ändra", "skapa", "uppdatera", "radera", "boka", "endre", "opret", "slet", "guncelle", "ekle",
))  # fmt: skip
_EGRESS = frozenset((
    "send", "post", "upload", "publish", "email", "mail", "tweet", "webhook", "notify", "forward", "share",
    "reply", "message", "sms", "push", "transmit", "submit", "export", "transfer", "pay", "wire", "slack",
    "http", "https", "request", "curl", "broadcast", "relay", "sync", "senden", "versenden", "verschicken", "schicken",
    "weiterleiten", "hochladen", "veröffentlichen", "veroeffentlichen", "antworten", "überweisen", "ueberweisen",
    "bezahlen", "envoyer", "transmettre", "publier", "virement", "payer", "repondre", "répondre", "enviar", "reenviar",
    "publicar", "subir", "pagar", "transferir", "invia", "inviare", "inoltra", "pubblica", "paga", "bonifico",
    "versturen", "verzenden", "doorsturen", "betalen", "betaal", "stuur", "zaplac", "zapłać", "przelej", "przeslij", "prześlij", "betala", "skicka", "wyslij", "wyślij", "gonder", "gönder",
))  # fmt: skip
_EXEC = frozenset((
    "exec", "execute", "run", "shell", "bash", "sh", "zsh", "terminal", "cmd", "command", "powershell", "eval",
    "spawn", "subprocess", "python", "interpreter", "repl", "script", "sandbox", "code", "invoke", "kubectl",
    "ssh", "ausfuehren", "ausführen", "befehl", "executer", "exécuter", "ejecutar", "executar", "esegui", "uitvoeren",
    "uruchom", "wykonaj",
))  # fmt: skip
_ADMIN_VERB = frozenset((
    "grant", "revoke", "assume", "impersonate", "elevate", "escalate", "sudo", "disable", "enable", "approve",
    "deploy", "provision", "promote",
))  # fmt: skip
_ADMIN_NOUN = frozenset((
    "role", "roles", "permission", "permissions", "policy", "policies", "iam", "acl", "user", "users",
    "account", "accounts", "admin", "guardrail", "guardrails", "apikey", "credential", "credentials", "secret",
    "secrets", "config", "configuration", "settings", "firewall", "group", "groups", "member", "members",
    "token", "tokens", "password",
))  # fmt: skip
_SERVICES = frozenset((  # products and things that stand before the verb: slack_read_channel reads
    "slack", "email", "mail", "message", "messages", "sms", "webhook", "webhooks", "terminal", "sandbox", "code",
    "script", "python", "shell",
))  # fmt: skip
_PUBLIC = frozenset(("public", "gist", "pastebin", "tweet", "post"))  # creating one of these shows it to everybody
_HTTP = frozenset(
    (
        "http",
        "https",
        "request",
        "requests",
        "fetch",
        "curl",
        "api",
        "url",
        "webpage",
        "browser",
        "page",
        "site",
        "website",
        "link",
    )
)
_SQL_WORDS = frozenset(("sql", "database", "db", "query", "postgres", "mysql", "sqlite", "bigquery", "snowflake"))
_SQL_IMPACT = {
    **dict.fromkeys(("select", "with", "show", "explain", "describe", "pragma", "values"), "read"),
    **dict.fromkeys(("insert", "update", "delete", "drop", "truncate", "alter", "create", "merge", "replace", "copy"), "write"),
    **dict.fromkeys(("grant", "revoke", "set"), "admin"),
}  # fmt: skip
_SENDING_METHODS = frozenset(("post", "put", "patch", "delete"))
# Argument names that tell what a tool of unknown name does.
_COMMAND_KEYS = frozenset(("command", "cmd", "script", "code", "shell", "commands"))
_SQL_KEYS = frozenset(("sql", "statement", "query"))
_RECIPIENT_KEYS = frozenset(
    ("to", "recipient", "recipients", "bcc", "an", "empfaenger", "empfänger", "destinataire", "destinatario", "chat_id",
     "channel", "phone", "beneficiary", "webhook", "webhook_url")
)  # fmt: skip
_MESSAGE_KEYS = frozenset(
    ("body", "text", "message", "content", "subject", "html", "payload", "data", "file", "attachment", "amount",
     "betreff", "nachricht", "texto", "mensaje", "texte")
)  # fmt: skip
_PATH_KEYS = frozenset(("path", "file", "filename", "file_path", "filepath", "pfad", "chemin", "ruta"))
DESTINATIONS: Final = (
    "to",
    "an",
    "recipient",
    "recipients",
    "url",
    "uri",
    "endpoint",
    "webhook",
    "webhook_url",
    "host",
    "address",
    "destination",
    "cc",
    "bcc",
    "email",
)


@lru_cache(maxsize=4096)
def _words(name: str) -> tuple[str, ...]:
    """The words of the last part of a tool's name: ``mcp__github__createIssue`` gives ``create, issue``."""
    parts = [part for part in _NAMESPACE.split(name[:256]) if part]
    return tuple(word.lower() for word in _WORDS.findall(parts[-1] if parts else ""))


@lru_cache(maxsize=4096)
def _by_name(name: str) -> tuple[str, bool]:
    """Return (impact or empty, whether the arguments may change it)."""
    words = _words(name)
    if not words:
        return "", False
    if len(words) > 1 and words[0] in _SERVICES and words[1] in _READ:
        return "read", False
    first, rest = words[0], frozenset(words[1:])
    everything = rest | {first}
    unclear = bool(everything & (_HTTP | _SQL_WORDS))
    if first in _READ:
        return "read", unclear
    if first in _ADMIN_VERB or (first in _WRITE and rest & _ADMIN_NOUN):
        return "admin", False
    if first in _EXEC:
        return ("exec" if not rest & _SQL_WORDS else "read"), bool(rest & _SQL_WORDS)
    if first in _EGRESS or (first in _WRITE and rest & _PUBLIC):
        return "egress", unclear
    if first in _WRITE:
        return "write", unclear
    return _by_any_word(everything), unclear


def _by_any_word(words: frozenset[str]) -> str:
    """The worst that a word beside the first says; products count only where no verb does."""
    verbs = words - _SERVICES or words  # gmail_get_message gets, it does not send a message
    for known, impact in ((_EXEC, "exec"), (_EGRESS, "egress"), (_WRITE, "write"), (_READ, "read")):
        if verbs & known:
            return impact
    if words & (_EGRESS | _EXEC):
        return "egress" if words & _EGRESS else "exec"
    return "read" if words & _SQL_WORDS else ""


def infer_impact(name: str, arguments: str) -> str:
    """Return the impact of a tool call, or an empty string where neither name nor arguments tell."""
    impact, unclear = _by_name(name)
    if not arguments:
        return impact
    if not impact:
        return _by_arguments(load(arguments[:_TEXT_LIMIT]), arguments)
    if not unclear:
        return impact
    words = frozenset(_words(name))
    loaded = load(arguments[:_TEXT_LIMIT])
    if words & _SQL_WORDS:
        found = _sql_impact(loaded)
        if found:
            return found
    if words & _HTTP:
        return _http_impact(loaded, arguments, impact)
    return impact


def _by_arguments(arguments: object, text: str) -> str:
    """The impact of a tool whose name says nothing, by what it is given."""
    if not isinstance(arguments, dict):
        return ""
    keys = frozenset(str(key).lower() for key in arguments)
    if keys & _COMMAND_KEYS:
        return "exec"
    if keys & _SQL_KEYS:
        found = _sql_impact(arguments)
        if found:
            return found
    if keys & _RECIPIENT_KEYS and keys & _MESSAGE_KEYS:
        return "egress"
    if keys & {"url", "uri", "endpoint"}:
        return _http_impact(arguments, text, "read")
    if keys & _PATH_KEYS:
        return "write" if keys & {"content", "contents", "new", "new_string", "patch", "data"} else "read"
    return ""


def _sql_impact(arguments: object) -> str:
    worst = ""
    for _, text in strings_of(arguments):
        for statement in text.split(";")[:64]:
            match = _SQL.match(statement[:4096])
            found = _SQL_IMPACT.get(match.group(1).lower(), "") if match else ""
            if found and (not worst or (worst == "read")):
                worst = found
    return worst


def _http_impact(arguments: object, text: str, impact: str) -> str:
    if isinstance(arguments, dict):
        method = str(arguments.get("method") or "").lower()
        if method in _SENDING_METHODS or any(
            arguments.get(key) for key in ("body", "data", "json", "payload", "form", "files")
        ):
            return "egress"
        if method in ("get", "head", "options") or (not method and impact in ("egress", "read", "")):
            query = _QUERY.search(text[:_TEXT_LIMIT])
            return "egress" if query and len(query.group(1)) > _LONG_QUERY else "read"
    return impact


def egress_host(arguments: str, impact: str) -> str:
    """Return the host that an egress call names, destinations first; for exec only when a network command is there."""
    if not arguments or impact not in ("egress", "exec"):
        return ""
    text = arguments[:_TEXT_LIMIT]
    if impact == "exec" and not _NETWORK_COMMAND.search(text) and "://" not in text:
        return ""
    strings = list(strings_of(load(text)))
    ordered = [value for key, value in strings if key in DESTINATIONS] + [
        value for key, value in strings if key not in DESTINATIONS
    ]
    for value in ordered:
        host = _host(value)
        if host:
            return host
    return ""


def _host(text: str) -> str:
    found = [match for match in (_URL.search(text), _MAIL.search(text)) if match]
    if not found:
        return ""
    first = min(found, key=lambda match: match.start())
    return first.group(1).lower().strip("[]").rstrip(".")[:253]


def strings_of(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield (nearest key, text) for the strings inside a JSON value, breadth bounded."""
    stack: list[tuple[str, object]] = [(key, value)]
    left = _VALUES_LIMIT
    while stack and left:
        left -= 1
        name, item = stack.pop()
        if isinstance(item, str):
            yield name, item
        elif isinstance(item, dict):
            stack.extend((str(k).lower(), v) for k, v in reversed(item.items()))
        elif isinstance(item, list):
            stack.extend((name, v) for v in reversed(item[:_VALUES_LIMIT]))
