"""Somebody's place in LiveKit without media: a WebSocket of LiveKit's signaling that sends nothing, and of which nothing is read."""

import asyncio
import base64
import secrets
from urllib.parse import urlencode, urlsplit

# The last version with which LiveKit offers nothing by itself, and so waits for no answer.
PROTOCOL = 2
ACCEPTED = b"HTTP/1.1 101 "
CONNECT_SECS = 30


class Presence(asyncio.Protocol):
    """By hand, since hundreds of these get hundreds of messages each for one decision: bytes go by unread.

    LiveKit expects no answer to its pings. It ends a presence that has no media after a minute.
    """

    def __init__(self, request):
        self._request, self._transport = request, None
        self.is_open, self._accepted = False, asyncio.get_running_loop().create_future()

    @staticmethod
    async def open(url, token):
        parts = urlsplit(url)
        query = urlencode({"access_token": token, "protocol": PROTOCOL, "auto_subscribe": 0})
        lines = [
            f"GET /rtc?{query} HTTP/1.1", f"Host: {parts.netloc}", "Connection: Upgrade", "Upgrade: websocket",
            "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {base64.b64encode(secrets.token_bytes(16)).decode()}", "", ""]
        _, presence = await asyncio.get_running_loop().create_connection(
            lambda: Presence("\r\n".join(lines).encode()), parts.hostname, parts.port)
        await asyncio.wait_for(presence._accepted, CONNECT_SECS)
        return presence

    def connection_made(self, transport):
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data):
        if self._accepted.done():
            return
        if data.startswith(ACCEPTED):
            self.is_open = True
            self._accepted.set_result(None)
        else:
            self._accepted.set_exception(AssertionError(f"LiveKit says {data[:300]}"))
            self._transport.close()

    def connection_lost(self, _error):
        self.is_open = False
        if not self._accepted.done():
            self._accepted.set_exception(AssertionError("LiveKit has closed the connection"))
