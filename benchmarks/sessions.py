"""People at a server without their browsers: sessions that speak Streamlit's protocol as its front end does.

A browser takes far more of a processor than the page costs the server; twenty of them on one machine measure each
other. A session here opens pages and runs, has fragments that refresh themselves drawn again when a browser would, and
keeps large messages as a browser does. It fetches no images and sends no values of widgets.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

T = TypeVar("T")
PAUSE = 5.0  # seconds that somebody looks at what a click brought, on average
LIMIT = 60.0  # seconds after which a click counts as an error
PAGE = "a page"


@dataclass(frozen=True)
class Place:
    """What somebody opens. title: of the page in the menu; query: of the address; kind: with which it is counted."""

    title: str
    query: str = ""
    kind: str = PAGE


class Visitor:
    """One session. errors: boxes with an exception that the server sent, and clicks that it did not answer in time;
    refreshes: fragments that it was sent again."""

    def __init__(self, socket: ClientConnection) -> None:
        self.errors = self.refreshes = 0
        self._socket = socket
        self._pages: dict[str, str] = {}  # title → hash
        self._page = self._query = ""
        self._drawn = asyncio.Event()
        self._kept: list[set[str]] = [set(), set()]  # hashes of the large messages of the last two clicks
        self._refreshing: dict[str, asyncio.Task[None]] = {}  # by fragment

    async def open(self, place: Place | None = None) -> float:
        """Click on a place (None: come to the bare address); seconds until the server has nothing more to say."""
        if place:
            self._page, self._query = self._pages[place.title], place.query
        self._still()
        self._kept = [self._kept[1], set()]
        self._drawn.clear()
        began = time.monotonic()
        await self._rerun()
        try:
            await asyncio.wait_for(self._drawn.wait(), LIMIT)
        except TimeoutError:
            self.errors += 1
        return time.monotonic() - began

    async def listen(self) -> None:
        """Take what the server sends, for as long as it does."""
        try:
            async for data in self._socket:
                self._take(ForwardMsg.FromString(data if isinstance(data, bytes) else data.encode()))
        finally:
            self._still()

    def _still(self) -> None:
        """Nothing is refreshed any longer."""
        while self._refreshing:
            self._refreshing.popitem()[1].cancel()

    def _take(self, message: ForwardMsg) -> None:
        match message.WhichOneof("type"):
            case "navigation":
                self._pages = {page.page_name: page.page_script_hash for page in message.navigation.app_pages}
            case "new_session" if not message.metadata.run.fragment_ids:
                self._still()
            case "auto_rerun":
                self._refresh(message.auto_rerun.fragment_id, message.auto_rerun.interval)
            case "stop_auto_rerun":
                for fragment in message.stop_auto_rerun.fragment_ids:
                    if task := self._refreshing.pop(fragment, None):
                        task.cancel()
            case "script_finished" if message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                self._drawn.set()
            case "script_finished" if message.script_finished == ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY:
                self.refreshes += 1
            case "delta":
                self.errors += message.delta.new_element.HasField("exception")
            case "session_event":
                self.errors += message.session_event.HasField("script_compilation_exception")
        if message.metadata.cacheable or message.ref_hash:
            self._kept[1].add(message.ref_hash or message.hash)

    def _refresh(self, fragment: str, interval: float) -> None:
        """Have a fragment drawn again and again; asked once more, it goes on as it was."""
        async def again() -> None:
            while True:
                await asyncio.sleep(interval)
                await self._rerun(fragment)

        if fragment not in self._refreshing:
            self._refreshing[fragment] = asyncio.create_task(again())

    async def _rerun(self, fragment: str = "") -> None:
        message = BackMsg()
        asked = message.rerun_script
        asked.page_script_hash, asked.query_string = self._page, self._query
        asked.fragment_id, asked.is_auto_rerun = fragment, bool(fragment)
        asked.cached_message_hashes.extend(set().union(*self._kept))
        asked.widget_states.SetInParent()
        await self._socket.send(message.SerializeToString())


def people(address: str, places: Sequence[Place], number: int, seconds: float) -> tuple[list[tuple[str, float]], int]:
    """So many sessions for so long, each with its own seed; (kind of place, seconds) of every click, and errors."""
    async def all_of_them() -> list[tuple[list[tuple[str, float]], int]]:
        return await asyncio.gather(*(_person(address, places, seed, seconds) for seed in range(number)))

    lives = _run(all_of_them())
    return [click for clicks, _ in lives for click in clicks], sum(errors for _, errors in lives)


async def _person(
    address: str, places: Sequence[Place], seed: int, seconds: float
) -> tuple[list[tuple[str, float]], int]:
    """Arrives within a pause of the others, and then opens a kind of place at random, and one of that kind."""
    chance, end = random.Random(seed), time.monotonic() + seconds
    kinds, clicks = sorted({place.kind for place in places}), []
    await asyncio.sleep(chance.uniform(0, PAUSE))
    async with _visitor(address) as visitor:
        while time.monotonic() + (pause := chance.expovariate(1 / PAUSE)) < end:
            await asyncio.sleep(pause)
            kind = chance.choice(kinds)
            place = chance.choice([place for place in places if place.kind == kind])
            clicks.append((kind, await visitor.open(place)))
        return clicks, visitor.errors


def costs(address: str, places: Sequence[Place], server: psutil.Process, repeats: int) -> dict[str, float]:
    """Milliseconds of processor that the server takes to draw each place for one session that has seen it; the mean."""
    async def cost(visitor: Visitor, place: Place) -> float:
        await visitor.open(place)
        before = used(server)
        for _ in range(repeats):
            await visitor.open(place)
        return round(1000 * (used(server) - before) / repeats, 1)

    async def all_of_them() -> dict[str, float]:
        async with _visitor(address) as visitor:
            return {place.title if place.kind == PAGE else f"{place.title}, {place.kind}": await cost(visitor, place)
                    for place in places}

    return _run(all_of_them())


def refresh(address: str, place: Place, server: psutil.Process, seconds: float) -> float:
    """Milliseconds of processor that the server takes for each refresh of a fragment of this place; the mean."""
    async def watched() -> float:
        async with _visitor(address) as visitor:
            await visitor.open(place)
            before, refreshes = used(server), visitor.refreshes
            await asyncio.sleep(seconds)
            return round(1000 * (used(server) - before) / (visitor.refreshes - refreshes), 1)

    return _run(watched())


def _run(clicks: Coroutine[Any, Any, T]) -> T:
    """In a thread of its own: Playwright has a loop of events in ours, and no second one can run there."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, clicks).result()


def used(server: psutil.Process) -> float:
    """Seconds of processor that the server has taken."""
    return sum(server.cpu_times()[:2])


@contextlib.asynccontextmanager
async def _visitor(address: str) -> Any:
    """A session that has come to the bare address."""
    stream = address.replace("http", "ws", 1) + "/_stcore/stream"
    async with connect(stream, subprotocols=[Subprotocol("streamlit")], max_size=None) as socket:
        visitor = Visitor(socket)
        listening = asyncio.create_task(visitor.listen())
        try:
            await visitor.open()
            yield visitor
        finally:
            listening.cancel()
