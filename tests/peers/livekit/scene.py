"""What one check plays in: a LiveKit, a server, and people."""

import asyncio
import time

from asking import Asking
from colloquy import Server
from media_server import MediaServer, free_port
from people import Meeting
from proxy import Proxy

POLL_SECS = 0.05
# The client offers something newer than this LiveKit.
HARMLESS = "unsupported datachannel"


class TestedServer(Server):
    """The server under test beside a LiveKit, with the identity provider that is built in."""

    @property
    def socket_url(self):
        return f"ws://127.0.0.1:{self.port}"

    def kill(self):
        """It dies at once; `start` brings it back on the same data."""
        self._process.kill()
        self._process.wait()
        self._process = None

    def lose_journal(self, room):
        """The disk forgets a meeting, while the server does not run."""
        assert self._process is None
        found = [path for path in (self.folder / "data" / "journal").rglob("*") if room in path.name and path.is_file()]
        assert found, f"no journal of {room}"
        for path in found:
            path.unlink()


class Scene(Asking):
    """`close` ends what it started."""

    def __init__(self, binary, livekit_binary, folder):
        self._binary, self._livekit_binary, self._folder = binary, livekit_binary, folder
        self.livekit = self.server = self.proxy = None
        self.people = []
        self._begin = time.monotonic()

    def say(self, text):
        """What was measured, for the output."""
        print(f"{time.monotonic() - self._begin:5.1f} s  {text}", flush=True)

    async def start(self, webhook=False, proxy=False, **settings):
        """`webhook`: LiveKit tells the server what happens. `proxy`: the server reaches LiveKit's API by `self.proxy`."""
        port = free_port()
        url = f"http://127.0.0.1:{port}/v1/livekit/webhook" if webhook else None
        self.livekit = await MediaServer(self._livekit_binary, self._folder / "livekit", url).start()
        if proxy:
            self.proxy = await Proxy(self.livekit.port).start()
        self.server = TestedServer(self._binary, self._folder / "colloquy", port, **self.settings() | settings)
        await asyncio.to_thread(self.server.start)

    def settings(self):
        """Those that name LiveKit to the server, and let recorders come."""
        return {
            "RECORDING__HAND_OUT": "true",
            "LIVEKIT__PUBLIC_URL": self.livekit.url,
            "LIVEKIT__SERVICE_URL": f"ws://127.0.0.1:{self.proxy.port}" if self.proxy else self.livekit.url,
            "LIVEKIT__API_KEY": self.livekit.key,
            "LIVEKIT__API_SECRET": self.livekit.secret,
        }

    async def meeting(self, **settings):
        """A new room of alice's."""
        return await Meeting.create(self, await self.log_in("alice"), **settings)

    async def eventually(self, what, secs, look):
        """Waits until the coroutine function `look` answers something true; answers that, and how long it took."""
        begin = time.monotonic()
        while True:
            seen = await look()
            passed = time.monotonic() - begin
            if seen:
                return seen, passed
            if passed > secs:
                raise AssertionError(f"{what}: not within {secs} s")
            await asyncio.sleep(POLL_SECS)

    async def gone(self, identity, room, secs=5):
        """Waits until LiveKit does not list somebody any more; answers how long that took."""
        async def look():
            return identity not in await self.livekit.people(room)
        return (await self.eventually(f"{identity} is out of LiveKit's list", secs, look))[1]

    async def sources(self, person, wanted, secs=5):
        """Waits until LiveKit lets somebody publish exactly these sources; answers how long that took."""
        async def look():
            there = (await self.livekit.people(person.media_room)).get(person.id)
            return there is not None and set(there["permission"]["can_publish_sources"]) == set(wanted)
        return (await self.eventually(f"{person.name} may publish {wanted}", secs, look))[1]

    async def close(self):
        await asyncio.gather(*(person.close() for person in self.people), return_exceptions=True)
        if self.proxy is not None:
            self.proxy.close()
        if self.livekit is not None:
            # First: whoever waits for it, waits no longer.
            self.livekit.stop()
        if self.server is not None:
            await asyncio.to_thread(self.server.stop)

    def logs(self):
        """The ends of both logs; of LiveKit's, which tells every step of every connection, only what went wrong."""
        if self.livekit is None or self.server is None:
            return ""
        warnings = [line[:400] for line in self.livekit.log().splitlines()
                    if ("\tERROR\t" in line or "\tWARN\t" in line) and HARMLESS not in line]
        lines = "\n".join(warnings[-10:])
        return f"--- log of the server\n{self.server.log()[-4000:]}\n--- warnings of LiveKit\n{lines}"
