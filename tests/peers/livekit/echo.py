"""How soon a meeting answers: a participant who only asks for an echo."""

import json
import math
import statistics
import threading
import time

from signaling import SUBPROTOCOL
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

PAUSE_SECS = 0.1
ANSWER_SECS = 30


def _message(namespace, action, **fields):
    return json.dumps({"namespace": namespace, "payload": {"action": action, **fields}})


class Echo:
    """In a thread of its own: the other participants' frames, which this process reads too, are not to delay it."""

    def __init__(self, url, ticket):
        self._socket = connect(
            f"{url}/signaling", subprotocols=[SUBPROTOCOL, f"ticket#{ticket}"], proxy=None, max_size=None, ping_interval=None)
        # When each was asked for, and how long it took.
        self._answers = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @staticmethod
    async def begin(meeting):
        """As a guest of a meeting, who joins."""
        guest = meeting.guest("Echo")
        return Echo(meeting.scene.server.socket_url, await guest.ticket())

    def __enter__(self):
        self._socket.send(_message("control", "join", display_name="Echo"))
        self._await("control")
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        self._socket.close()

    def _await(self, namespace):
        start = f'{{"namespace":"{namespace}"'
        deadline = time.monotonic() + ANSWER_SECS
        while not self._socket.recv(deadline - time.monotonic()).startswith(start):
            pass

    def _run(self):
        while not self._over.wait(PAUSE_SECS):
            begin = time.monotonic()
            try:
                self._socket.send(_message("echo", "ping"))
                self._await("echo")
            except (TimeoutError, ConnectionClosed):
                self._answers.append((begin, math.inf))
                return
            self._answers.append((begin, time.monotonic() - begin))

    @property
    def longest(self):
        return max(secs for _, secs in self._answers)

    def since(self, begin):
        """Those that were asked for since then, in words."""
        found = [secs for at, secs in self._answers if at >= begin]
        if not found:
            return "none"
        return f"p50 {statistics.median(found) * 1000:.0f} ms, max {max(found) * 1000:.0f} ms ({len(found)})"
