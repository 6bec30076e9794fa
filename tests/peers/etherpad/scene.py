"""What one check plays in: an Etherpad, a server, and people."""

import asyncio
import time

from colloquy import Server
from pad_server import PadServer
from people import Meeting
from web import ask

POLL_SECS = 0.1


class TestedServer(Server):
    @property
    def socket_url(self):
        return f"ws://127.0.0.1:{self.port}"

    def kill(self):
        """It dies at once; `start` brings it back on the same data."""
        self._process.kill()
        self._process.wait()
        self._process = None


class Scene:
    """`close` ends what it started."""

    def __init__(self, binary, installed, folder):
        self._binary, self._installed, self._folder = binary, installed, folder
        self.etherpad = self.server = None
        self.people = []
        self._begin = time.monotonic()

    def say(self, text):
        """What was measured, for the output."""
        print(f"     {time.monotonic() - self._begin:5.1f} s  {text}", flush=True)

    async def start(self, converter=True, links=False, **settings):
        self.etherpad = await PadServer(
            self._installed, self._folder / "etherpad", converter=converter, is_open=links).start()
        own = {
            "ETHERPAD__BASE_URL": self.etherpad.url, "ETHERPAD__API_KEY": self.etherpad.key, "ROOMS__GRACE_SECS": "1",
            "ETHERPAD__ACCESS": "links" if links else "sessions", "LOG__LEVEL": "debug",
        }
        self.server = TestedServer(self._binary, self._folder / "colloquy", **own | settings)
        await asyncio.to_thread(self.server.start)
        return await Meeting.create(self)

    async def rest(self, method, path, token=None, body=None):
        return await asyncio.to_thread(ask, method, f"{self.server.url}/v1{path}", token=token, json=body)

    async def log_in(self, name):
        form = {
            "grant_type": "password", "client_id": "Frontend", "username": name, "password": name,
            "scope": "openid profile email",
        }
        answer = await asyncio.to_thread(ask, "POST", f"{self.server.url}/dev-issuer/token", form=form)
        return answer.expect(200).json()["access_token"]

    async def eventually(self, what, secs, look):
        """Waits until the coroutine function `look` answers something true; answers how long it took."""
        begin = time.monotonic()
        while not await look():
            if time.monotonic() - begin > secs:
                raise AssertionError(f"{what}: not within {secs} s")
            await asyncio.sleep(POLL_SECS)
        return time.monotonic() - begin

    async def nothing_is_left(self, secs=30):
        async def look():
            return not await self.etherpad.groups() and not await self.etherpad.pads()
        return await self.eventually("groups or pads are left at Etherpad", secs, look)

    async def close(self):
        for person in self.people:
            person.close()
        if self.server is not None:
            await asyncio.to_thread(self.server.stop)
        if self.etherpad is not None:
            self.etherpad.stop()

    def logs(self):
        """The ends of both logs."""
        if self.etherpad is None or self.server is None:
            return ""
        return f"--- log of the server\n{self.server.log()[-4000:]}\n--- log of Etherpad\n{self.etherpad.log()[-3000:]}"
