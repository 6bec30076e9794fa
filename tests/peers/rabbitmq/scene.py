"""What one check plays in: the broker, a server, and people."""

import asyncio
import time

from asking import Asking
from colloquy import Server
from signaling import Signaling

POLL_SECS = 0.05
ORDER_SECS = 10


class Person(Signaling):
    """A client that may be a recorder, which reports and is given orders."""

    async def report(self, target, status):
        """What a recorder says of a target."""
        await self.send("recording_service", message="stream_updated", target_id=target, status=status)

    async def expect_order(self, action):
        """Waits until a recorder is told to do something."""
        deadline = time.monotonic() + ORDER_SECS
        while not any(frame["payload"].get("action") == action for frame in self.frames):
            assert time.monotonic() < deadline, f"{self.name} expected {action}: {self.frames[-5:]}"
            await asyncio.sleep(POLL_SECS)


class Scene(Asking):
    """`close` ends what it started; the broker is everybody's."""

    def __init__(self, binary, folder, broker):
        self._binary, self._folder, self.broker = binary, folder, broker
        self.server, self.people, self._begin = None, [], time.monotonic()

    def say(self, text):
        """What was measured, for the output."""
        print(f"{time.monotonic() - self._begin:9.1f} s  {text}", flush=True)

    async def start(self, **settings):
        settings = {"RECORDING__AMQP_URL": self.broker.url, "LOG__LEVEL": "info,colloquy=debug"} | settings
        self.server = Server(self._binary, self._folder, **settings)
        await asyncio.to_thread(self.server.start)

    async def until(self, look, secs):
        """Waits until `look` answers something true."""
        deadline = time.monotonic() + secs
        while not look():
            assert time.monotonic() < deadline, f"not within {secs} s:\n{self.server.log()[-2000:]}"
            await asyncio.sleep(POLL_SECS)

    async def close(self):
        for person in self.people:
            person.vanish()
        if self.server is not None:
            await asyncio.to_thread(self.server.stop)

    def logs(self):
        return "" if self.server is None else f"--- log of the server\n{self.server.log()[-4000:]}"
