"""What LiveKit is asked when nothing happens, and what is asked before anything does."""

import asyncio
import time
from collections import Counter

from registry import check

# What follows the first one's coming is over then.
SETTLED_SECS = 10
IDLE_SECS = 70


@check(secs=130)
async def idle(scene):
    """a meeting in which nothing happens costs about one call to LiveKit a minute"""
    await scene.start(proxy=True)
    meeting = await scene.meeting()
    await meeting.pair()
    await asyncio.sleep(SETTLED_SECS)
    begin = time.monotonic()
    await asyncio.sleep(IDLE_SECS)
    calls = scene.proxy.since(begin)
    scene.say(f"{len(calls)} calls in {IDLE_SECS} s ({dict(Counter(calls))}), {len(scene.proxy.calls)} since the start")
    assert 1 <= len(calls) <= 2, calls


@check()
async def config(scene):
    """`config check --online` names LiveKit, and finds a wrong secret"""
    await scene.start()
    status, right = await asyncio.to_thread(scene.server.run, "config", "check", "--online")
    scene.say(f"right: {status}, {_about_livekit(right)}")
    assert status == 0 and _about_livekit(right), right
    scene.server.settings["LIVEKIT__API_SECRET"] = "x" * 43
    status, wrong = await asyncio.to_thread(scene.server.run, "config", "check", "--online")
    scene.say(f"wrong: {status}, {_about_livekit(wrong)}")
    assert status != 0 or _about_livekit(wrong) != _about_livekit(right), wrong


def _about_livekit(printed):
    return [line.strip() for line in printed.splitlines() if line.lower().startswith("livekit")]
