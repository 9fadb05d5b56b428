"""Lets many concurrent requests share one sync of the write-ahead log."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from caiso.connect.telemetry.wal import Backlogged, Position, UnableToAppend, WalWriter


class GroupCommit:
    """Collects what arrives while a sync runs and writes it with the next one."""

    def __init__(self, writer: WalWriter, *, pending_limit: int = 64 << 20) -> None:
        self.writer = writer
        self._limit = pending_limit
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="wal")
        self._pending: list[tuple[bytes, asyncio.Future[Position]]] = []
        self._pending_bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.syncs = 0

    async def append(self, payload: bytes) -> Position:
        """Return when the payload is on disk; raises ``Backlogged`` or ``UnableToAppend``."""
        if self._closed:
            raise UnableToAppend("the write-ahead log is closing")
        if self._pending_bytes + len(payload) > self._limit and self._pending:
            raise Backlogged(f"{self._pending_bytes} bytes wait to be written")
        self.writer.refuse_if_backlogged()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Position] = loop.create_future()
        self._pending.append((payload, future))
        self._pending_bytes += len(payload)
        if self._task is None:
            self._task = loop.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._pending:
            batch, self._pending = self._pending, []
            try:
                places = await loop.run_in_executor(self._thread, self.writer.append, [payload for payload, _ in batch])
            except UnableToAppend as error:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(UnableToAppend(str(error)))
            else:
                self.syncs += 1
                for (_, future), place in zip(batch, places, strict=True):
                    if not future.done():  # the client may have gone
                        future.set_result(place)
            finally:
                self._pending_bytes -= sum(len(payload) for payload, _ in batch)
        self._task = None

    async def close(self) -> None:
        """Write what waits, then give the log back."""
        self._closed = True
        if self._task is not None:
            await self._task
        self._thread.shutdown(wait=True)
        self.writer.close()
