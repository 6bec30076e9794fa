"""A client of the signaling protocol that keeps every frame."""

import asyncio
import json
import time

import websockets

SUBPROTOCOL = "opentalk-signaling-json-v1.0"
EXPECT_SECS = 20
SHOWN = 8


class Signaling:
    """One WebSocket. `expect` goes forward through the frames; `all` looks at everything that ever came."""

    def __init__(self, name, socket):
        self.name, self._socket = name, socket
        self.frames, self._next = [], 0
        self._news = asyncio.Condition()
        self.closed = False
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, url, ticket, name):
        socket = await websockets.connect(
            f"{url}/signaling", subprotocols=[SUBPROTOCOL, f"ticket#{ticket}"], proxy=None, max_size=None,
            ping_interval=None, open_timeout=EXPECT_SECS, close_timeout=2)
        return cls(name, socket)

    async def _read(self):
        try:
            async for text in self._socket:
                async with self._news:
                    self.frames.append(json.loads(text))
                    self._news.notify_all()
        except websockets.ConnectionClosed:
            pass
        async with self._news:
            self.closed = True
            self._news.notify_all()

    async def act(self, namespace, action, **fields):
        await self.send(namespace, action=action, **fields)

    async def send(self, namespace, **payload):
        await self._socket.send(json.dumps({"namespace": namespace, "payload": payload}))

    async def expect(self, *kinds, secs=EXPECT_SECS):
        """The payload of the next frame of one of these kinds, each such as "control/joined"."""
        deadline = time.monotonic() + secs
        async with self._news:
            while True:
                while self._next < len(self.frames):
                    frame = self.frames[self._next]
                    self._next += 1
                    if _kind(frame) in kinds:
                        return frame["payload"]
                left = deadline - time.monotonic()
                if self.closed or left <= 0:
                    raise AssertionError(self._missed(" or ".join(kinds), secs))
                try:
                    await asyncio.wait_for(self._news.wait(), left)
                except asyncio.TimeoutError:
                    pass

    def _missed(self, wanted, secs):
        last = "\n".join(f"  {json.dumps(frame)[:300]}" for frame in self.frames[-SHOWN:])
        how = "the socket was closed" if self.closed else f"it did not come in {secs} s"
        return f"{self.name} expected {wanted}: {how}; last frames:\n{last}"

    def skip(self):
        """What has come so far is not what the next `expect` waits for."""
        self._next = len(self.frames)

    def all(self, kind):
        return [frame["payload"] for frame in self.frames if _kind(frame) == kind]

    async def ended(self, secs=EXPECT_SECS):
        """Waits until the server has closed."""
        await asyncio.wait_for(asyncio.shield(self._reader), secs)

    async def leave(self):
        await self._socket.close()
        await self.ended()

    def vanish(self):
        """The connection breaks, without a goodbye."""
        self._socket.transport.abort()


def _kind(frame):
    return f"{frame['namespace']}/{frame['payload'].get('message')}"
