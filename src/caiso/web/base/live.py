"""Live updates: apps register topics; a stream per page says when something newer exists that its viewer may see.

The database is the bus: one poll per topic and second serves every stream of the process, and only when it moved does
a stream ask again within its own viewer's scope, so that a stream reveals nothing outside it.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from asgiref.sync import sync_to_async
from django.db import close_old_connections

from caiso.web.base.access import Viewer

POLL_SECONDS = 1.0
BEAT_SECONDS = 15.0
LONGEST_SECONDS = 15 * 60.0
STREAMS_PER_USER = 6

Newest = Callable[[Viewer | None], object]


@dataclass(frozen=True)
class Topic:
    """Something that can become newer; `newest(None)` answers for everybody, `newest(viewer)` for one viewer."""

    name: str
    newest: Newest
    permission: str = "view"


_topics: dict[str, Topic] = {}


def register(topic: Topic) -> None:
    """Add a topic; called in the `ready` of an app."""
    if topic.name in _topics:
        raise ValueError(f"the live topic {topic.name!r} is already registered")
    _topics[topic.name] = topic


def topics_for(viewer: Viewer, names: list[str]) -> tuple[Topic, ...]:
    """The named topics that exist and that the viewer may follow."""
    return tuple(
        topic for name in dict.fromkeys(names) if (topic := _topics.get(name)) and viewer.may(topic.permission)
    )


async def topics_for_async(viewer: Viewer, names: list[str]) -> tuple[Topic, ...]:
    """`topics_for` from an async view."""
    return await sync_to_async(topics_for)(viewer, names)


@dataclass
class Hub:
    """The streams of this process: how many a user has open, and the last answer per topic."""

    streams: dict[int, list[asyncio.Event]] = field(default_factory=dict)
    answers: dict[str, tuple[float, object]] = field(default_factory=dict)
    locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    stopping: bool = False

    def open(self, user_id: int) -> asyncio.Event:
        """Count a stream in; the oldest of a user with too many is told to end."""
        ended = asyncio.Event()
        mine = self.streams.setdefault(user_id, [])
        mine.append(ended)
        for oldest in mine[:-STREAMS_PER_USER]:
            oldest.set()
        return ended

    def close(self, user_id: int, ended: asyncio.Event) -> None:
        """Count a stream out."""
        mine = self.streams.get(user_id, [])
        if ended in mine:
            mine.remove(ended)
        if not mine:
            self.streams.pop(user_id, None)

    async def newest(self, topic: Topic) -> object:
        """The topic's answer for everybody, asked at most once per POLL_SECONDS."""
        lock = self.locks.setdefault(topic.name, asyncio.Lock())
        async with lock:
            asked_at, answer = self.answers.get(topic.name, (0.0, None))
            if time.monotonic() - asked_at >= POLL_SECONDS * 0.9:
                answer = await _ask(topic, None)
                self.answers[topic.name] = (time.monotonic(), answer)
            return answer

    def stop(self) -> None:
        """End every stream at once; the server calls this when it is asked to leave."""
        self.stopping = True
        for ended in itertools.chain.from_iterable(self.streams.values()):
            ended.set()


hub = Hub()


async def follow(viewer: Viewer, topics: tuple[Topic, ...], *, hub: Hub = hub) -> AsyncIterator[str]:
    """Server-sent events: `newer` with the topic's name whenever something newer is visible to the viewer."""
    ended = hub.open(viewer.user.pk)
    try:
        everyone = {topic.name: await hub.newest(topic) for topic in topics}
        mine = {topic.name: await _ask(topic, viewer) for topic in topics}
        yield "retry: 4000\n: open\n\n"
        started_at = beat_at = time.monotonic()
        while not (ended.is_set() or hub.stopping) and time.monotonic() - started_at < LONGEST_SECONDS:
            for topic in topics:
                newest = await hub.newest(topic)
                if newest == everyone[topic.name]:
                    continue
                everyone[topic.name] = newest
                visible = await _ask(topic, viewer)
                if visible != mine[topic.name]:
                    mine[topic.name] = visible
                    yield f"event: newer\ndata: {topic.name}\n\n"
            if time.monotonic() - beat_at >= BEAT_SECONDS:
                beat_at = time.monotonic()
                yield ": beat\n\n"
            await _pause(ended)
    finally:
        hub.close(viewer.user.pk, ended)


async def _pause(ended: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(ended.wait(), POLL_SECONDS)
    except TimeoutError:
        return


async def _ask(topic: Topic, viewer: Viewer | None) -> object:
    # Fresh grants each time: a right that was withdrawn ends here within a second.
    fresh = Viewer(viewer.user) if viewer else None
    return await sync_to_async(_answer, thread_sensitive=False)(topic, fresh)


def _answer(topic: Topic, viewer: Viewer | None) -> object:
    try:
        if viewer is not None and not viewer.may(topic.permission):
            return None
        return topic.newest(viewer)
    finally:
        close_old_connections()
