"""The ingest edge: a bare ASGI application that authenticates, bounds, parses, makes durable, and only then answers."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import inspect
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

from caiso.connect.telemetry import answers
from caiso.connect.telemetry.answers import Answer
from caiso.connect.telemetry.commit import GroupCommit
from caiso.connect.telemetry.counters import EdgeCounters
from caiso.connect.telemetry.otlp import BodyTooLarge, check_request, inflate
from caiso.connect.telemetry.records import (
    LIMITS,
    Encoding,
    Envelope,
    Limits,
    Signal,
    Source,
    UnableToDecode,
    pack_envelope,
)
from caiso.connect.telemetry.wal import Backlogged, UnableToAppend, WalWriter
from caiso.errors import DomainError

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Authenticate = Callable[[str], Source | Awaitable[Source | None] | None]
Route = Callable[[Scope, Receive, Send], Awaitable[None]]

_SIGNALS: Final = {"/v1/traces": Signal.TRACES, "/v1/logs": Signal.LOGS, "/v1/events": Signal.EVENTS}
_TYPES: Final = {
    "application/x-protobuf": Encoding.PROTOBUF,
    "application/json": Encoding.JSON,
    "application/x-ndjson": Encoding.NDJSON,
    "application/jsonl": Encoding.NDJSON,
    "application/ndjson": Encoding.NDJSON,
}
_COMPRESSIONS: Final = ("", "identity", "gzip", "deflate")
_INLINE_BYTES: Final = 128 * 1024  # larger bodies are unpacked and parsed off the event loop
_CACHED_TOKENS: Final = 4096


class NotAllowed(DomainError):
    """A token that is valid but may not send telemetry; raised by ``authenticate``."""


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """What an operator may turn."""

    limits: Limits = LIMITS
    token_seconds: float = 3.0  # a revoked token works at most this much longer
    body_seconds: float = 30.0
    inflight_bytes: int = 256 << 20  # bodies in memory at once, as announced or as read
    retry_seconds: int = 5


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


@dataclass(slots=True)
class _Refused(Exception):
    """Ends a request with an answer."""

    status: int
    reason: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Edge:
    """``/v1/traces``, ``/v1/logs`` and ``/v1/events``; other paths go to ``routes`` (an exact path or a ``/prefix/``).

    ``authenticate`` takes a bearer token and returns its source or None; it may be a coroutine function, and a plain
    function runs in a thread. ``clock`` gives microseconds since the epoch.
    """

    def __init__(
        self,
        writer: WalWriter | Callable[[], WalWriter],
        authenticate: Authenticate,
        *,
        settings: EdgeSettings | None = None,
        counters: EdgeCounters | None = None,
        routes: Mapping[str, Route] | None = None,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._writer = writer
        self._authenticate = authenticate
        self._settings = settings or EdgeSettings()
        self.counters = counters or EdgeCounters()
        self._routes = dict(routes or {})
        self._clock = clock
        self._commit: GroupCommit | None = None
        self._tokens: OrderedDict[bytes, tuple[float, Source | None]] = OrderedDict()
        self._buckets: dict[str, _Bucket] = {}
        self._inflight = 0

    # -- life ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the log; call it from the lifespan of an application that mounts this one."""
        if self._commit is None:
            writer = self._writer if isinstance(self._writer, WalWriter) else self._writer()
            self.counters.backlog.set_function(writer.backlog)
            self._commit = GroupCommit(writer)

    async def stop(self) -> None:
        """Finish what is being written and close the log."""
        commit, self._commit = self._commit, None
        if commit is not None:
            await commit.close()

    def accepts(self, path: str) -> bool:
        """True for the paths that this application answers."""
        return path in _SIGNALS or self._route(path) is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self.start()
                except (DomainError, OSError) as error:
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    # -- one request --------------------------------------------------------------------------------------------

    def _route(self, path: str) -> Route | None:
        return self._routes.get(path) or next(
            (route for prefix, route in self._routes.items() if prefix.endswith("/") and path.startswith(prefix)), None
        )

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        signal = _SIGNALS.get(path)
        if signal is None:
            route = self._route(path)
            if route is not None:
                await route(scope, receive, send)
                return
            await _reply(send, answers.problem(404, "There is nothing at this address."))
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        encoding = _TYPES.get(kind, Encoding.JSON)
        try:
            answer = await self._ingest(scope, receive, signal, headers)
        except _Refused as refusal:
            answer = answers.refusal(
                refusal.status, refusal.reason, signal=signal, encoding=encoding, headers=refusal.headers
            )
        self.counters.requests.labels(signal.value, str(answer.status)).inc()
        await _reply(send, answer)

    async def _ingest(self, scope: Scope, receive: Receive, signal: Signal, headers: dict[str, str]) -> Answer:
        if scope["method"] != "POST":
            raise _Refused(405, "Only POST is answered here.", {"allow": "POST"})
        if self._commit is None:
            raise _Refused(503, "The log is not open.", self._retry())
        encoding, compression = _content(signal, headers)
        source = await self._source(headers)
        announced = self._announced(headers)
        self._reserve(announced)
        held = announced
        try:
            body = await self._body(receive, announced)
            if len(body) > held:
                self._inflight += len(body) - held
                held = len(body)
            self._spend(source, len(body))
            self._refuse_if_backlogged()
            return await self._accept(source, signal, encoding, compression, body)
        finally:
            self._inflight -= held

    async def _accept(
        self, source: Source, signal: Signal, encoding: Encoding, compression: str, body: bytes
    ) -> Answer:
        limits = self._settings.limits

        def unpack() -> tuple[bytes, int, list[Any]]:
            plain = inflate(body, compression, limit=limits.inflated_bytes)
            return plain, *check_request(signal, encoding, plain, limits)

        try:
            plain, total, refused = await asyncio.to_thread(unpack) if len(body) > _INLINE_BYTES else unpack()
        except BodyTooLarge as error:
            raise _Refused(413, str(error)) from error
        except UnableToDecode as error:
            raise _Refused(400, str(error)) from error
        if total:
            payload = pack_envelope(Envelope(source.id, signal, encoding, self._clock(), plain))
            await self._append(payload)
        self.counters.records.labels(signal.value, "accepted").inc(total - len(refused))
        if refused:
            self.counters.records.labels(signal.value, "rejected").inc(len(refused))
        self.counters.bytes.labels(signal.value).inc(len(plain))
        return answers.accepted(signal, encoding, total=total, refused=refused)

    async def _append(self, payload: bytes) -> None:
        if self._commit is None:
            raise _Refused(503, "The log is closing.", self._retry())
        began = time.perf_counter()
        try:
            await self._commit.append(payload)
        except Backlogged as error:
            raise _Refused(429, str(error), self._retry()) from error
        except UnableToAppend as error:
            self.counters.failures.inc()
            log.error("nothing was acknowledged: %s", error)  # noqa: TRY400  the chain is in the message
            raise _Refused(503, "The log cannot be written at the moment.", self._retry()) from error
        self.counters.durable.observe(time.perf_counter() - began)

    # -- limits -------------------------------------------------------------------------------------------------

    def _retry(self) -> dict[str, str]:
        return {"retry-after": str(self._settings.retry_seconds)}

    def _announced(self, headers: dict[str, str]) -> int:
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            raise _Refused(400, "content-length is not a number")
        if len(length) > 12 or int(length) > self._settings.limits.body_bytes:
            raise _Refused(413, f"The body is larger than {self._settings.limits.body_bytes} bytes.")
        return int(length)

    def _reserve(self, size: int) -> None:
        if self._inflight + size > self._settings.inflight_bytes:
            raise _Refused(503, "Too many bodies are being read.", self._retry())
        self._inflight += size

    def _refuse_if_backlogged(self) -> None:
        writer = self._commit.writer if self._commit else None
        try:
            if writer is not None:
                writer.refuse_if_backlogged()
        except Backlogged as error:
            raise _Refused(429, str(error), self._retry()) from error

    def _spend(self, source: Source, size: int) -> None:
        """A token bucket of one second's worth, for sources that have a rate of their own."""
        rate = source.bytes_per_second
        if not rate:
            return
        now = time.monotonic()
        bucket = self._buckets.setdefault(source.id, _Bucket(float(rate), now))
        bucket.left = min(float(rate), bucket.left + (now - bucket.at) * rate)
        bucket.at = now
        if bucket.left <= 0:
            wait = max(1, int(-bucket.left / rate) + 1)
            raise _Refused(429, f"This source may send {rate} bytes a second.", {"retry-after": str(wait)})
        bucket.left -= size

    async def _body(self, receive: Receive, announced: int) -> bytes:
        pieces: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Refused(400, "The client went away.")
                    piece = message.get("body", b"")
                    size += len(piece)
                    if size > self._settings.limits.body_bytes:
                        raise _Refused(413, f"The body is larger than {self._settings.limits.body_bytes} bytes.")
                    if size > announced and self._inflight + size - announced > self._settings.inflight_bytes:
                        raise _Refused(503, "Too many bodies are being read.", self._retry())
                    pieces.append(piece)
                    if not message.get("more_body"):
                        return b"".join(pieces)
        except TimeoutError as error:
            raise _Refused(408, f"The body did not arrive within {self._settings.body_seconds:g} s.") from error

    # -- who ----------------------------------------------------------------------------------------------------

    async def _source(self, headers: dict[str, str]) -> Source:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        token = token.strip()
        challenge = {"www-authenticate": 'Bearer realm="caiso ingest"'}
        if scheme.lower() != "bearer" or not 8 <= len(token) <= 512:
            raise _Refused(401, "Send the source's token as Authorization: Bearer TOKEN.", challenge)
        # The cache holds digests, so that a memory dump of this process does not hold every token.
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        now = time.monotonic()
        known = self._tokens.get(digest)
        if known is not None and now < known[0]:
            source = known[1]
        else:
            source = await self._ask(token)
            self._tokens[digest] = (now + self._settings.token_seconds, source)
            self._tokens.move_to_end(digest)
            while len(self._tokens) > _CACHED_TOKENS:
                self._tokens.popitem(last=False)
        if source is None:
            raise _Refused(401, "This token is unknown, expired or revoked.", challenge)
        return source

    async def _ask(self, token: str) -> Source | None:
        try:
            if inspect.iscoroutinefunction(self._authenticate):
                found = await self._authenticate(token)
            else:
                found = await asyncio.to_thread(self._authenticate, token)
                if inspect.isawaitable(found):
                    found = await found
        except NotAllowed as error:
            raise _Refused(403, str(error)) from error
        except Exception as error:  # the database may be away: the edge must outlive that, and say so
            self.counters.failures.inc()
            log.exception("tokens cannot be checked")
            raise _Refused(503, "Tokens cannot be checked at the moment.", self._retry()) from error
        return found if isinstance(found, Source) else None


def _content(signal: Signal, headers: dict[str, str]) -> tuple[Encoding, str]:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = _TYPES.get(kind)
    if signal is Signal.EVENTS:
        if encoding is Encoding.JSON:
            encoding = Encoding.NDJSON  # one object on one line is also NDJSON
        wanted = "application/x-ndjson"
    else:
        wanted = "application/x-protobuf or application/json"
    if encoding is None or (encoding is Encoding.NDJSON) != (signal is Signal.EVENTS):
        raise _Refused(415, f"The content type must be {wanted}.", {"accept": wanted.replace(" or", ",")})
    compression = headers.get("content-encoding", "").strip().lower()
    if compression not in _COMPRESSIONS:
        raise _Refused(415, "The content encoding must be gzip, deflate or none.", {"accept-encoding": "gzip, deflate"})
    return encoding, compression


async def _reply(send: Send, answer: Answer) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
    with contextlib.suppress(ConnectionError):  # the client has gone; what was acknowledged stays
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})
