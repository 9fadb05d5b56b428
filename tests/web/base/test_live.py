"""Live streams: told of what one may see, bounded per login, ended when asked."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.test import Client

from caiso.web.base import live
from caiso.web.base.access import Viewer
from caiso.web.base.models import Notification, Unit, User

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "POLL_SECONDS", 0.02)


def tell(user: User) -> None:
    Notification.objects.create(user=user, title="x", created_at=NOW)


@pytest.mark.django_db(transaction=True)
def test_a_stream_tells_its_own_viewer_and_nobody_else(login: Callable[..., User], root: Unit, bank: Unit) -> None:
    mine, other = login("analyst", bank), login("ciso", root)

    async def story() -> tuple[list[str], list[str]]:
        hub = live.Hub()
        heard: dict[int, list[str]] = {mine.pk: [], other.pk: []}

        async def listen(user: User) -> None:
            topics = await live.topics_for_async(Viewer(user), ["notifications", "unknown"])
            async for chunk in live.follow(Viewer(user), topics, hub=hub):
                heard[user.pk].append(chunk)

        listeners = [asyncio.create_task(listen(user)) for user in (mine, other)]
        await asyncio.sleep(0.3)
        await sync_to_async(tell)(mine)
        await asyncio.sleep(0.5)
        hub.stop()
        await asyncio.wait_for(asyncio.gather(*listeners), 2)
        assert hub.streams == {}
        return heard[mine.pk], heard[other.pk]

    told, untold = async_to_sync(story)()
    assert "event: newer\ndata: notifications\n\n" in told
    assert not any("newer" in chunk for chunk in untold)


@pytest.mark.django_db(transaction=True)
def test_the_oldest_stream_of_a_login_makes_room(login: Callable[..., User], bank: Unit) -> None:
    user = login("analyst", bank)

    async def story() -> list[bool]:
        hub = live.Hub()
        topics = await live.topics_for_async(Viewer(user), ["notifications"])

        async def listen() -> None:
            async for _ in live.follow(Viewer(user), topics, hub=hub):
                pass

        listeners = []
        for _ in range(live.STREAMS_PER_USER + 2):
            listeners.append(asyncio.create_task(listen()))
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        ended = [listener.done() for listener in listeners]
        hub.stop()
        await asyncio.wait_for(asyncio.gather(*listeners), 2)
        return ended

    assert async_to_sync(story)() == [True, True] + [False] * live.STREAMS_PER_USER


def test_topics_beyond_ones_rights_do_not_exist(login: Callable[..., User], bank: Unit) -> None:
    client = Client()
    client.force_login(login("board_member", bank))
    assert client.get("/live/?topics=audit,nonsense").status_code == 404
    assert live.topics_for(Viewer(login("auditor", bank)), ["audit"])[0].name == "audit"
