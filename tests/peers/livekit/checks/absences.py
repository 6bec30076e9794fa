"""LiveKit, or the server, is away for a while."""

import asyncio
import time

from media import Media, NoWayIn
from proxy import HONEST, REFUSING, SILENT
from registry import check

SILENT_SECS, REFUSING_SECS = 20, 3
# What failed is looked at again after 1, 5 and 20 s; each look may take its 5 s.
LOOKED_SECS = 35
SOON_LOOKED_SECS = 12
# Longer than a decoder makes up for, far shorter than a new connection takes.
GAP_SECS = 0.6
HICCUP_SECS = 7
MENDED_SECS = 20
# A mute is tried three times, which may take 5 s each; after a pause the first call is waited for as long.
TOLD_SECS = 30
BACK_SECS = 6
# Enough failed calls for the server to pause.
FAILURES = 8
SERVER_PAUSE_SECS = 11


async def kick_while(scene, mood, secs, looked_secs):
    """A kick while LiveKit's API has this mood for so long."""
    await scene.start(proxy=True)
    meeting = await scene.meeting()
    alice, bob = await meeting.pair()
    scene.proxy.mood = mood
    await alice.act("moderation", "kick", target=bob.id)
    await bob.signaling.expect("moderation/kicked")
    await asyncio.sleep(secs)
    assert bob.media.inside, "it is out already, so nothing was tried"
    scene.proxy.mood = HONEST
    passed = await scene.gone(bob.id, alice.media_room, looked_secs)
    scene.say(f"out {passed:.1f} s after LiveKit is back")
    assert not alice.signaling.all("livekit/error"), alice.signaling.all("livekit/error")


@check(secs=120)
async def away_silent(scene):
    """who is kicked while LiveKit answers nothing for 20 s is out by the looks that follow"""
    await kick_while(scene, SILENT, SILENT_SECS, LOOKED_SECS)


@check()
async def away_refusing(scene):
    """who is kicked while LiveKit says 503 for 3 s is out by the looks that follow"""
    await kick_while(scene, REFUSING, REFUSING_SECS, SOON_LOOKED_SECS)


@check(secs=120)
async def away_killed(scene):
    """who is kicked while LiveKit is dead is out after it has started anew, though its client comes back to it"""
    await scene.start()
    meeting = await scene.meeting()
    alice, bob = await meeting.pair()
    scene.livekit.kill()
    await alice.act("moderation", "kick", target=bob.id)
    await bob.signaling.expect("moderation/kicked")
    await asyncio.sleep(4)
    await scene.livekit.start()
    begin = time.monotonic()

    async def back():
        if not bob.media.inside:
            # Its own way back may have been given up.
            try:
                await bob.connect(bob.media.last_token())
            except NoWayIn:
                return False
        return bob.id in await scene.livekit.people(alice.media_room)
    try:
        came = (await scene.eventually("it is back", 10, back))[1]
        scene.say(f"back {came:.1f} s after the start")
    except AssertionError:
        scene.say("it was kept out from the start")
    await scene.gone(bob.id, alice.media_room, LOOKED_SECS)
    scene.say(f"out {time.monotonic() - begin:.1f} s after the start")
    await asyncio.sleep(2)
    assert bob.id not in await scene.livekit.people(alice.media_room)


@check(secs=140)
async def away_popouts(scene):
    """the first kick after LiveKit has been away makes all its calls: nobody stays, neither the participant nor its windows"""
    await scene.start()
    meeting = await scene.meeting()
    alice, bob = await meeting.pair()
    crowd = await meeting.crowd(FAILURES)
    windows = []
    for number in range(2):
        window = Media(f"window {number + 1}")
        await window.connect(bob.url, await bob.popout())
        windows.append(window)
    scene.livekit.pause()
    for one in crowd:
        await alice.act("moderation", "kick", target=one.id)
    await asyncio.sleep(SERVER_PAUSE_SECS)
    scene.livekit.resume()
    # The first wish after the pause is this one.
    await asyncio.sleep(SERVER_PAUSE_SECS)
    await alice.act("moderation", "kick", target=bob.id)

    async def alone():
        return (await scene.livekit.people(alice.media_room)).keys() == {alice.id}
    passed = (await scene.eventually("only alice is listed", 10, alone))[1]
    scene.say(f"all three are out after {passed:.2f} s")
    for window in windows:
        await window.out()


@check()
async def away_hiccup(scene):
    """while LiveKit answers nothing for 7 s nobody is told so, and a restriction and a mute of that time hold after it"""
    await scene.start(proxy=True)
    meeting = await scene.meeting()
    alice, bob = await meeting.pair()
    [carol] = await meeting.guests("Carol")
    await carol.connect()
    await carol.media.talk()
    await alice.media.hears(carol.id)
    scene.proxy.mood = SILENT
    await alice.restrict(carol)
    await alice.act("livekit", "force_mute", participants=[carol.id])
    await carol.signaling.expect("livekit/force_muted")
    await asyncio.sleep(HICCUP_SECS)
    scene.proxy.mood = HONEST
    passed = await scene.sources(bob, ["CAMERA", "SCREEN_SHARE", "SCREEN_SHARE_AUDIO"], MENDED_SECS)
    await alice.media.silence(bob.id)
    scene.say(f"restricted {passed:.1f} s after LiveKit is back, muted {await alice.media.silence(carol.id):.1f} s later")
    assert not alice.signaling.all("livekit/error"), alice.signaling.all("livekit/error")


@check()
async def away_told(scene):
    """a moderator hears that LiveKit is away when a mute fails for long, the muted one hears it at once, and mutes work again as soon as LiveKit does"""
    await scene.start(proxy=True)
    meeting = await scene.meeting()
    alice, bob = await meeting.pair()
    scene.proxy.mood = SILENT
    begin = time.monotonic()
    await alice.act("livekit", "force_mute", participants=[bob.id])
    await bob.signaling.expect("livekit/force_muted", secs=1)
    told = await alice.signaling.expect("livekit/error", secs=TOLD_SECS)
    assert told["error"] == "livekit_unavailable", told
    scene.say(f"told {time.monotonic() - begin:.1f} s after the wish")
    scene.proxy.mood = HONEST
    await alice.act("livekit", "force_mute", participants=[bob.id])
    scene.say(f"silent {await alice.media.silence(bob.id, secs=BACK_SECS):.1f} s after LiveKit is back")
    assert len(alice.signaling.all("livekit/error")) == 1, alice.signaling.all("livekit/error")


@check()
async def restart(scene):
    """a server that dies in a meeting and starts again has the same people, who heard each other all the time"""
    await scene.start()
    meeting = await scene.meeting()
    alice, bob = await meeting.pair()
    before, begin = (alice.id, bob.id, alice.media_room), time.monotonic()
    await asyncio.to_thread(scene.server.kill)
    await asyncio.sleep(1)
    await asyncio.to_thread(scene.server.start)
    for one in (alice, bob):
        await one.again()
    assert (alice.id, bob.id, alice.media_room) == before, "others than before"
    await asyncio.sleep(6)
    gap = alice.media.longest_gap(bob.id, begin)
    scene.say(f"the longest gap in what alice hears is {gap:.2f} s")
    assert gap < GAP_SECS and alice.media.inside and bob.media.inside, gap
    listed = await scene.livekit.people(alice.media_room)
    assert listed.keys() == {alice.id, bob.id}, listed.keys()


@check(secs=120)
async def restart_removal(scene):
    """a removal that could not be made before the server died is made after its start"""
    await scene.start(proxy=True)
    meeting = await scene.meeting()
    alice, bob = await meeting.pair()
    scene.proxy.mood = SILENT
    await alice.act("moderation", "kick", target=bob.id)
    await bob.signaling.expect("moderation/kicked")
    await asyncio.to_thread(scene.server.kill)
    scene.proxy.mood = HONEST
    await asyncio.sleep(1)
    assert bob.id in await scene.livekit.people(alice.media_room), "it is out already, so nothing was tried"
    await asyncio.to_thread(scene.server.start)
    await alice.again()
    passed = await scene.gone(bob.id, alice.media_room, SOON_LOOKED_SECS)
    scene.say(f"out {passed:.1f} s after alice is back")
    assert alice.media.inside
