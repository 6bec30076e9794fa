"""A proxy in front of LiveKit's API: it notes each call, and is silent or refuses where LiveKit itself would be hard to bring to that."""

import asyncio
import json
import time

HEAD_BYTES_MAX = 65536
HONEST, SILENT, REFUSING = "honest", "silent", "refusing"
# What LiveKit says where it does not reach somebody.
REFUSAL = json.dumps({"code": "unavailable", "msg": "no response from servers"}).encode()


class Proxy:
    def __init__(self, livekit_port):
        self.mood, self.port = HONEST, None
        # Time and method of each.
        self.calls = []
        self._livekit_port, self._server, self._held = livekit_port, None, []

    async def start(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_BYTES_MAX)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def close(self):
        self._server.close()
        for writer in self._held:
            writer.close()

    def since(self, begin):
        """Methods of the calls since then, in order."""
        return [method for at, method in self.calls if at >= begin]

    async def _serve(self, reader, writer):
        """One request for each connection: the answer says so."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(_length(head))
            self.calls.append((time.monotonic(), head.split(b" ", 2)[1].decode().rsplit("/", 1)[-1]))
            if self.mood == SILENT:
                # Never answered, also not when it is honest again.
                self._held.append(writer)
                return
            writer.write(_refusal() if self.mood == REFUSING else await self._ask(_closing(head) + body))
            await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass  # a side has gone
        finally:
            if writer not in self._held:
                writer.close()

    async def _ask(self, request):
        reader, writer = await asyncio.open_connection("127.0.0.1", self._livekit_port)
        try:
            writer.write(request)
            return await reader.read()
        finally:
            writer.close()


def _length(head):
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


def _closing(head):
    """The same request, after which LiveKit closes: so the answer has an end."""
    lines = [line for line in head.split(b"\r\n") if line and not line.lower().startswith(b"connection:")]
    return b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n"


def _refusal():
    head = f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {len(REFUSAL)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + REFUSAL
