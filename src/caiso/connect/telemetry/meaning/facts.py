"""Facts about one event that only its content shows and that rules may use as plain fields.

Each is a number or a word, never a piece of the content, so that it may lie in the open store. A fact is left out
where there is nothing to say, which is nearly always: what it costs then is a look at which fields are there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from caiso.connect.telemetry.meaning import impact
from caiso.connect.telemetry.meaning.changes import effect_of
from caiso.connect.telemetry.meaning.citing import ids_beyond, ids_in
from caiso.connect.telemetry.meaning.leak import gives_orders_away, leaked_pieces
from caiso.connect.telemetry.meaning.lookalikes import cites, imitating
from caiso.connect.telemetry.meaning.messages import Segment, dump, load
from caiso.connect.telemetry.meaning.packages import doubts_of
from caiso.connect.telemetry.meaning.people import people_listed, personal_records
from caiso.connect.telemetry.meaning.pictures import carrying, completed, filled
from caiso.connect.telemetry.meaning.withheld import beyond_cap, spelt_out, values_told
from caiso.engine.detect.hidden import revealed

CITATIONS: Final = "gen_ai.output.citations"
REVEALED: Final = "content.revealed"
OF_CONTENT: Final = frozenset(("tool", "mcp", "inference"))  # kinds of events whose facts lie in their texts
_LIMIT: Final = 32_768
_MAX_PIECES: Final = 64
_NAME_CHARS: Final = 300  # of what a citation calls its source by
_QUOTED = re.compile(r"(?i)quote|text|snippet|content|excerpt|passage|score|type|index|start|end|page|kind")
_COPY: Final = 60
HIDING: Final = frozenset((
    "content.user", "content.untrusted", "content.documents", "content.memory", "gen_ai.tool.definitions",
    "gen_ai.tool.call.arguments", "gen_ai.tool.call.result",
))  # fmt: skip
_SIDES: Final = frozenset(("content.system", "content.untrusted", "content.output", "content.tool_calls"))
_ASKING: Final = frozenset(("content.user",))  # whose lists are no news when they come back
_OWN: Final = frozenset(("content.output", "content.tool_calls", "content.user"))  # what was not given to the model
_OWN_SIDES: Final = frozenset(("content.output", "content.tool_calls", "content.system"))
_WRITTEN: Final = frozenset(("content.user", "content.output", "content.tool_calls"))  # of the turn itself
_TRUSTED: Final = frozenset(("content.user", "content.system", "content.history"))

_ENDS: Final = (".", "!", "?", ";", ":", " - ", " * ", " • ")  # of sentences, and of points in one line
_AROUND: Final = " \t\r\"'“”*-•#>"
_MARKDOWN_LINK = re.compile(r"(?<!!)\[([^\]\n]{4,200})\]\(\s?<?(https?://[^\s)>]{4,400})")
_HTML_LINK = re.compile(
    r"(?i)<a\s[^>]{0,200}?href\s?=\s?[\"']?(https?://[^\s\"'>]{4,400})[^>]{0,200}>\s{0,4}([^<]{4,200})<"
)
_ADDRESS = re.compile(r"(?i)^\W{0,3}(?:https?://)?((?:[a-z0-9-]{1,60}\.){1,6}[a-z]{2,18})(?:[/:?#]\S{0,300})?\W{0,3}$")
_URL_HOST = re.compile(r"(?i)^https?://(?:[^/@\s]*@)?([^/:?#\s]+)")
_SECOND_LEVEL: Final = frozenset(("co", "com", "org", "net", "gov", "ac", "edu", "or", "ne", "gob", "gv"))
_FILE_ENDINGS: Final = frozenset(
    ("pdf", "docx", "xlsx", "txt", "md", "py", "js", "ts", "json", "yaml", "yml", "html", "csv", "png", "zip")
)
_SENDER = re.compile(
    r"(?i)(?:\bfrom|\breply[- ]to|\bsender|\breturn-path|\bvon|\bde|\bda|\bregards|\bthanks|\bgrüße|<)\W{0,4}[^\n]{0,80}$"
)
_MARK = re.compile(r"(?<![\w\])`\[])\[\^?(?:([0-9]{1,2})|([A-Za-z]{1,12}[-_#:]?)([0-9]{1,6}))\](?![(\[\w])")
_HANDED_ON = re.compile(
    r"(?i)agent|^transfer_to_|hand_?off|delegat|^task$"
)  # within the system: another agent's orders
_SOURCE_MARK = re.compile(r"(?i)\b(?:doc(?:ument)?|source|passage|chunk)s?[ _-]?(?:id)?\b|\[[a-z]{0,12}[-_]?\d{1,5}\]")

_ROTATES = re.compile(
    r"(?i)(?:key|cert\w{0,8}|jwks?)[_. -]?(?:rotat|renew|roll)|(?:rotat|renew|roll)\w{0,3}[_. -]?(?:key|cert|jwk)"
)
_PICTURE_HOST = re.compile(r"!\[[^\]\n]{0,200}\]\(\s{0,3}<?https?://([^\s/)>\"'?#:]{3,200})")
# Texts from outside stand under ``content.untrusted``, too.
HIDING_ONCE: Final = HIDING - {"content.documents", "gen_ai.tool.call.result"}


def add_facts(event: dict[str, object], kind: str, segments: Sequence[Segment]) -> None:
    """Put what can be said about this event into it."""
    if kind in ("tool", "mcp"):
        _of_call(event, segments)
    elif kind == "inference":
        _of_answer(event, segments)
    elif kind in ("config", "authz", "api") and "config.target" in event:
        effect = effect_of(event["config.target"], event.get("config.old"), event.get("config.new"))
        if effect:
            event["config.effect"] = effect
        if "peer" not in event and _ROTATES.search(str(event.get("action") or "")):
            event["peer"] = str(event["config.target"]).partition("/")[0][:128]  # whose key it is: planner/jwks


def hidden_text(segments: Iterable[Segment]) -> str:
    """What the segments hide from a reader, as text for rules; see ``engine/detect/hidden.py``."""
    found = [shown for segment in segments if segment.field in HIDING and (shown := revealed(segment.text))]
    return "\n".join(dict.fromkeys(found))


def _of_call(event: dict[str, object], segments: Sequence[Segment]) -> None:
    for segment in segments:
        if segment.field == "gen_ai.tool.call.arguments":
            doubts = doubts_of(segment.text)
            if doubts:
                event["aisoc.package.doubt"] = doubts


def _of_answer(event: dict[str, object], segments: Sequence[Segment]) -> None:
    texts = _sides(segments)
    output, untrusted, calls = (
        texts.get("content.output", ""),
        texts.get("content.untrusted"),
        texts.get("content.tool_calls", ""),
    )
    if "content.system" in texts and (output or calls):
        _of_instructions(event, texts["content.system"], output, calls)
        _of_limits(event, segments, texts["content.system"], output, calls)
    if output:
        _of_output(event, segments, output)
    if untrusted and (calls or output):
        _of_turn(event, segments, untrusted, calls, output)
    missing = 0
    if CITATIONS in event:
        missing = unresolved(event[CITATIONS], segments)
    elif "[" in output:
        missing = marks_beyond(output, segments) or names_beyond(output, segments)
    if missing:
        event["gen_ai.output.citations.unresolved"] = missing


def _of_output(event: dict[str, object], segments: Sequence[Segment], output: str) -> None:
    """What an answer hands out: data of people, links that are not what they show, pictures that take something along."""
    spelt = spelt_out(output, lambda: (s.text for s in segments if s.field not in _OWN))
    if spelt:
        event["content.spelt_out"] = spelt
    people = personal_records(output)
    if people:
        event["content.personal_records"] = people
    listed = people_listed(output)
    if listed and 2 * people_listed("\n".join(s.text for s in segments if s.field in _ASKING)) < listed:
        event["content.people_listed"] = listed
    if "://" not in output:
        return
    disguised = disguised_links(output)
    if disguised:
        event["content.disguised_links"] = disguised
    _of_addresses(event, segments, output)


def _of_addresses(event: dict[str, object], segments: Sequence[Segment], output: str) -> None:
    if "![" in output or "<" in output:
        loaded = carrying(output, (s.text for s in segments if s.field != "content.output"))
        if loaded:
            event["content.images_carrying"] = loaded
    if "=" in output and ("](" in output or "]:" in output or "<" in output):
        pictures, links = filled(output)
        if pictures or links:
            asked = "\n".join(s.text for s in segments if s.field in _ASKING)
            given = "\n".join(s.text for s in segments if s.field not in _WRITTEN)
            found = completed(pictures, links, given[:_LIMIT], asked[-_LIMIT:])
            if found:
                event["content.addresses_completed"] = found
    if "[" in output and cites(output):
        imitated = imitating(output, "\n".join(s.text for s in segments if s.field not in _WRITTEN)[:_LIMIT])
        if imitated:
            event["content.addresses_imitating"] = imitated


def _of_instructions(event: dict[str, object], system: str, output: str, calls: str) -> None:
    leaked = leaked_pieces(system, output) if output else 0
    leaked = leaked or (_sent_away(system, calls) if calls else 0)
    if leaked:
        event["content.system_leak"] = leaked
    if "![" in output and _are_named(output, system):
        event["content.images_named"] = 1


def _of_limits(event: dict[str, object], segments: Sequence[Segment], system: str, output: str, calls: str) -> None:
    """What of the values that instructions keep back is told, and which sums go beyond what they allow."""
    if output and (
        told := values_told(system, output, lambda: (s.text for s in segments if s.field not in _OWN_SIDES))
    ):
        event["content.withheld_told"] = told
    if calls and (beyond := beyond_cap(system, _calls(calls))):
        event["content.cap_exceeded"] = beyond


def _are_named(output: str, system: str) -> bool:
    """Whether all pictures of an answer come from hosts that the instructions name: the application's own."""
    hosts = {host.lower() for host in _PICTURE_HOST.findall(output)}
    named = system.lower()
    return bool(hosts) and all(f"://{host}" in named for host in hosts)


def _sides(segments: Iterable[Segment]) -> dict[str, str]:
    """The texts that facts compare, each up to a limit; asked of every answer, which seldom has two of one field."""
    texts: dict[str, str] = {}
    for segment in segments:
        field = segment.field
        if field not in _SIDES:
            continue
        if field not in texts:
            texts[field] = segment.text[:_LIMIT]
        elif len(texts[field]) < _LIMIT:
            texts[field] = f"{texts[field]}\n{segment.text}"[:_LIMIT]
    return texts


def _of_turn(event: dict[str, object], segments: Sequence[Segment], untrusted: str, calls: str, output: str) -> None:
    """What the model made of text that no user wrote."""
    if calls:
        known = "\n".join(segment.text for segment in segments if segment.field in _TRUSTED).lower()
        if is_planted(calls, untrusted.lower(), known):
            event["aisoc.egress.planted"] = True
    written = f"{calls}\n{output}".lower()
    copied = sum(piece in written for piece in _pieces(untrusted, _COPY))
    if copied:
        event["content.copied_untrusted"] = copied


def _pieces(text: str, least: int) -> Iterable[str]:
    """The sentences of a text in lower case, each once, those long enough to be told apart."""
    lowered = text.lower()
    for end in _ENDS:
        lowered = lowered.replace(end, "\n")
    long = [piece for line in lowered.split("\n") if len(piece := line.strip(_AROUND)) >= least]
    return dict.fromkeys(long[:_MAX_PIECES])


def _sent_away(system: str, calls: str) -> int:
    """How much of the instructions a tool is asked to send somewhere; another agent may be handed them."""
    if not gives_orders_away(system, calls):
        return 0
    sent = [
        arguments
        for name, arguments in _calls(calls)
        if not _HANDED_ON.search(name) and impact.infer_impact(name, arguments) == "egress"
    ]
    return max((leaked_pieces(system, arguments) for arguments in sent), default=0)


def disguised_links(output: str) -> int:
    """Links whose label is one address and whose target is another owner's."""
    found = 0
    if "](" in output:
        found += sum(_differs(label, target) for label, target in _MARKDOWN_LINK.findall(output)[:_MAX_PIECES])
    if "<a" in output or "<A" in output:
        found += sum(_differs(label, target) for target, label in _HTML_LINK.findall(output)[:_MAX_PIECES])
    return found


def _differs(label: str, target: str) -> bool:
    shown, meant = _ADDRESS.match(label.strip("`* ")), _URL_HOST.match(target)
    if not shown or not meant or shown[1].rpartition(".")[2].lower() in _FILE_ENDINGS:
        return False
    return _owner(shown[1]) != _owner(meant[1])


def _owner(host: str) -> str:
    """The part of a name that somebody registers, nearly: two labels, three where the second is one like ``co``."""
    labels = host.lower().rstrip(".").split(".")
    wide = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3 if wide else -2 :])


def is_planted(calls: str, untrusted: str, known: str) -> bool:
    """True when a call sends to an address that only untrusted text named, and not as its sender."""
    for name, arguments in _calls(calls):
        effect = impact.infer_impact(name, arguments)
        place = impact.egress_host(arguments, effect) if effect in ("egress", "exec") else ""
        where = untrusted.find(place) if place else -1
        if where >= 0 and place not in known and not _SENDER.search(untrusted[max(0, where - 100) : where]):
            return True
    return False


def _calls(text: str) -> Iterator[tuple[str, str]]:
    for line in text.split("\n")[:_MAX_PIECES]:
        call: Any = load(line)
        for item in call if isinstance(call, list) else [call]:
            if isinstance(item, dict) and item.get("name"):
                arguments = item.get("arguments")
                yield str(item["name"]), arguments if isinstance(arguments, str) else dump(arguments)


def unresolved(citations: object, segments: Iterable[Segment]) -> int:
    """Citations that name nothing the model was given; only where the event itself shows what it was given."""
    citations = load(citations)
    if not isinstance(citations, str | list):
        return 0
    given = "\n".join(
        s.text for s in segments if s.field != "content.output" and s.field != "content.tool_calls"
    ).lower()
    if not given:
        return 0
    cited = [names_of(item) for item in (citations if isinstance(citations, list) else [citations])[:_MAX_PIECES]]
    missing = sum(all(name.lower() not in given for name in names) for names in cited if names)
    return missing if missing < len(cited) or _SOURCE_MARK.search(given) else 0


def names_of(citation: object) -> list[str]:
    """What a citation calls its source by: its own text, or the short texts of an object but for what it quotes."""
    if isinstance(citation, dict):
        values = [value for key, value in citation.items() if isinstance(key, str) and not _QUOTED.search(key)]
        return [str(value) for value in values if isinstance(value, str | int) and 1 < len(str(value)) <= _NAME_CHARS]
    return [str(citation)] if len(str(citation)) > 1 else []


def marks_beyond(output: str, segments: Iterable[Segment]) -> int:
    """Marks of sources in an answer, such as [4] or [P-207], beyond the sources that the same call lists in that way.

    Without a list of that kind nothing is said: brackets mean much else.
    """
    marks = set(islice(_MARK.findall(output), _MAX_PIECES))
    if not marks:
        return 0
    given = "\n".join(
        s.text for s in segments if s.field not in ("content.output", "content.tool_calls", "content.system")
    )
    given = given[:_LIMIT].lower()
    listed = {int(number) for number, _, _ in _MARK.findall(given) if number}
    beyond = 0
    for number, prefix, place in marks:
        if number:
            beyond += 1 in listed and int(number) > max(listed)
        else:
            name = prefix.lower() + place
            beyond += (
                name not in given
                and re.search(rf"\b{re.escape(prefix.lower())}[0-9]{{{len(place)}}}\b", given) is not None
            )
    return beyond


def names_beyond(output: str, segments: Iterable[Segment]) -> int:
    """Names in brackets, such as [rep-2024-017], when the call lists sources by such names and these are none of them."""
    if not ids_in(output):
        return 0
    return ids_beyond(
        output, "\n".join(s.text for s in segments if s.field not in ("content.output", "content.tool_calls"))
    )
