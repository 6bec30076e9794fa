"""A room full of people: what is decided about all of them reaches all, while the meeting goes on."""

import asyncio
import os
import time

from echo import Echo
from presence import Presence
from registry import check

# `CROWD=300 ./test peers livekit crowd` is the room that the specification tells of.
PEOPLE = int(os.environ.get("CROWD", "100"))
# So many come at once, by signaling and by LiveKit.
TOGETHER = 25
# LiveKit ends presences without media after a minute, so everything has to be over by then.
REACHED_SECS = 25
QUIET_SECS = 3
# Between two questions for LiveKit's list, which costs it something too.
POLL_SECS = 0.1
ECHO_SECS_MAX = 2
ALL = {"CAMERA", "MICROPHONE", "SCREEN_SHARE", "SCREEN_SHARE_AUDIO"}
WITHOUT_MICROPHONE = ALL - {"MICROPHONE"}


def in_pieces(whole):
    return [whole[at:at + TOGETHER] for at in range(0, len(whole), TOGETHER)]


async def fill(scene, meeting):
    """The crowd, by signaling and then in LiveKit's list."""
    begin, guests = time.monotonic(), []
    for numbers in in_pieces(range(PEOPLE)):
        guests += await meeting.crowd(len(numbers))
    joined = time.monotonic()
    presences = []
    for piece in in_pieces(guests):
        presences += await asyncio.gather(*(Presence.open(one.url, one.token) for one in piece))
    scene.say(f"{PEOPLE} joined in {joined - begin:.1f} s, and LiveKit in {time.monotonic() - joined:.1f} s more")
    return guests, presences


async def reach(scene, guests, wanted):
    """Waits until LiveKit lists all of them with these sources; answers when half had them, and when all, from now."""
    begin, half, room = time.monotonic(), None, guests[0].media_room
    while True:
        listed = await scene.livekit.people(room)
        reached = sum(
            one.id in listed and set(listed[one.id]["permission"]["can_publish_sources"]) == wanted for one in guests)
        passed = time.monotonic() - begin
        if half is None and reached * 2 >= len(guests):
            half = passed
        if reached == len(guests):
            return half, passed
        assert passed < REACHED_SECS, f"{reached} of {len(guests)} in {passed:.0f} s, and {len(listed)} are listed"
        await asyncio.sleep(POLL_SECS)


async def told(guests, what):
    """Waits until all of them heard something; answers how long that took."""
    begin = time.monotonic()
    await asyncio.gather(*(one.signaling.expect(f"livekit/{what}") for one in guests))
    return time.monotonic() - begin


@check(secs=120)
async def crowd(scene):
    """in a full room restrictions, their end, and a mute of everybody reach all, and the meeting answers meanwhile (CROWD=300 for more people)"""
    await scene.start()
    meeting = await scene.meeting()
    alice, bob = await meeting.pair()
    guests, presences = await fill(scene, meeting)
    with await Echo.begin(meeting) as echo:
        async def decide(name, wanted, event, wish):
            """A wish about everybody; what LiveKit says of it, what people hear of it, and the echo meanwhile."""
            begin = time.monotonic()
            await wish
            (half, everyone), heard = await asyncio.gather(reach(scene, guests, wanted), told(guests, event))
            scene.say(
                f"{name}: told after {heard:.2f} s, half have it in LiveKit after {half:.2f} s, all after {everyone:.2f} s; "
                f"echo {echo.since(begin)}")

        begin = time.monotonic()
        await reach(scene, guests, ALL)
        await asyncio.sleep(QUIET_SECS)
        for one in guests:
            # Hundreds of frames each about the others' coming.
            one.signaling.skip()
        scene.say(f"nothing happens: echo {echo.since(begin)}")
        await decide("restricted", WITHOUT_MICROPHONE, "microphone_restrictions_enabled", alice.restrict())
        await alice.media.silence(bob.id)
        await decide("freed", ALL, "microphone_restrictions_disabled", alice.act("livekit", "disable_microphone_restrictions"))
        await scene.sources(bob, ALL)
        await bob.media.talk()
        await alice.media.hears(bob.id)
        begin = time.monotonic()
        await alice.act("livekit", "force_mute", participants=[one.id for one in (*guests, bob)])
        heard = await told((*guests, bob), "force_muted")
        silent = await alice.media.silence(bob.id)
        # A mute of those without a track is tried three times.
        await asyncio.sleep(QUIET_SECS)
        scene.say(f"muted: told after {heard:.2f} s, who spoke is silent {silent:.2f} s later; echo {echo.since(begin)}")
        # Nobody has gone meanwhile, and a mute takes no right away.
        await reach(scene, guests, ALL)
        assert all(one.is_open for one in presences)
        assert not alice.signaling.all("livekit/error"), alice.signaling.all("livekit/error")
        assert echo.longest < ECHO_SECS_MAX, echo.longest
