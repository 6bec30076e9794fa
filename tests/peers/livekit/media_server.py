"""LiveKit as a process, and what it says of itself by its API."""

import asyncio
import random
import secrets
import signal
import socket
import subprocess
import time

import tokens
from web import ask

START_SECS = 30
CONFIGURATION = """\
port: {port}
bind_addresses: [127.0.0.1]
rtc:
  udp_port: {udp}
  tcp_port: {tcp}
  use_external_ip: false
  node_ip: 127.0.0.1
  enable_loopback_candidate: true
keys:
  {key}: {secret}
logging:
  level: info
"""
WEBHOOK = """\
webhook:
  api_key: {key}
  urls: [{url}]
"""


def free_port():
    """Below the ports that the system gives to connections: here are so many that one would soon take it, also from one who restarts."""
    while True:
        port = random.randrange(12000, 32000)
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as taken:
                    taken.bind(("0.0.0.0", port))
            return port
        except OSError:
            pass  # somebody has it


class MediaServer:
    """One process with ports, key and secret of its own. `webhook`: the URL that it tells of what happens."""

    def __init__(self, binary, folder, webhook=None):
        self.key, self.secret = "colloquy", secrets.token_urlsafe(32)
        self.port, self._binary, self._folder = free_port(), binary, folder
        self.url, self.api_url = f"ws://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.port}"
        text = CONFIGURATION.format(
            port=self.port, udp=free_port(), tcp=free_port(), key=self.key, secret=self.secret)
        if webhook:
            text += WEBHOOK.format(key=self.key, url=webhook)
        folder.mkdir(parents=True, exist_ok=True)
        self._configuration, self._log = folder / "livekit.yaml", folder / "livekit.log"
        self._configuration.write_text(text)
        self._process = None

    async def start(self):
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                [self._binary, "--config", self._configuration], cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT)
        deadline = time.monotonic() + START_SECS
        while True:
            try:
                answer = await asyncio.to_thread(ask, "GET", self.api_url)
                if answer.status == 200:
                    return self
            except OSError:
                pass
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"LiveKit does not start:\n{self.log()[-3000:]}")
            await asyncio.sleep(0.05)

    def pause(self):
        """It goes on listening, and answers nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        self._process.send_signal(signal.SIGCONT)

    def kill(self):
        """It dies at once and knows nothing when it starts again."""
        self._process.kill()
        self._process.wait()
        self._process = None

    def stop(self):
        if self._process is None:
            return
        self.resume()
        self._process.terminate()
        try:
            # It waits for its clients, unless it is told twice.
            self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            self.kill()

    def log(self):
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    async def call(self, method, **body):
        """The server API, with every right."""
        room = body.get("room") or body.get("name") or ""
        video = {"roomCreate": True, "roomList": True, "roomAdmin": True, "room": room}
        token = tokens.sign(self.key, self.secret, video=video)
        url = f"{self.api_url}/twirp/livekit.RoomService/{method}"
        answer = await asyncio.to_thread(ask, "POST", url, token=token, json=body)
        return answer.expect(200).json()

    async def people(self, room):
        """Who is in a room, hidden ones too: identity → what LiveKit says of it."""
        listed = await self.call("ListParticipants", room=room)
        return {one["identity"]: one for one in listed.get("participants", [])}

    async def rooms(self):
        return {one["name"] for one in (await self.call("ListRooms")).get("rooms", [])}

    def token(self, room, identity, kind=None, **grant):
        """As another program would make it that has the key."""
        video = {"roomJoin": True, "room": room, "canPublish": True, "canSubscribe": True} | grant
        return tokens.sign(self.key, self.secret, identity, video=video, **({"kind": kind} if kind else {}))
