"""A voice that says it is something else."""

import asyncio
import time

from livekit import rtc
from registry import check

CAMERA, SCREEN_AUDIO = rtc.TrackSource.SOURCE_CAMERA, rtc.TrackSource.SOURCE_SCREENSHARE_AUDIO
# A minute from look to look, and what it takes.
LOOK_SECS = 80


@check(secs=140)
async def disguise(scene):
    """under restriction a voice that is published as camera, or as a screen's sound without a screen, is ended by the next look"""
    await scene.start()
    meeting = await scene.meeting()
    alice = await (await meeting.owner().join()).connect()
    bob, carol = await meeting.guests("Bob", "Carol")
    for one in (bob, carol):
        await one.connect()
    await alice.restrict()
    for one, source, taken in ((bob, CAMERA, {"CAMERA"}), (carol, SCREEN_AUDIO, {"SCREEN_SHARE", "SCREEN_SHARE_AUDIO"})):
        one.taken = taken
        await scene.sources(one, ["CAMERA", "SCREEN_SHARE", "SCREEN_SHARE_AUDIO"])
        await one.media.talk(source)
        await alice.media.hears(one.id)
    begin = time.monotonic()

    async def ended(one):
        await scene.sources(one, {"CAMERA", "SCREEN_SHARE", "SCREEN_SHARE_AUDIO"} - one.taken, LOOK_SECS)
        await alice.media.silence(one.id)
        scene.say(f"{one.name} is silent {time.monotonic() - begin:.0f} s after it began")
        there = (await scene.livekit.people(one.media_room))[one.id]
        assert not there["tracks"], there
        # New tokens say the same, and who speaks again in that way can not.
        await one.renew()
        await one.connect()
        await scene.sources(one, {"CAMERA", "SCREEN_SHARE", "SCREEN_SHARE_AUDIO"} - one.taken)
    await asyncio.gather(ended(bob), ended(carol))


@check()
async def mute_disguise(scene):
    """a moderator's mute finds a voice that is published as camera, and leaves the sound of a screen alone"""
    await scene.start()
    meeting = await scene.meeting()
    alice = await (await meeting.owner().join()).connect()
    bob, carol = await meeting.guests("Bob", "Carol")
    await bob.connect()
    await bob.media.talk(CAMERA)
    await carol.connect()
    await carol.media.show(rtc.TrackSource.SOURCE_SCREENSHARE)
    await carol.media.talk(SCREEN_AUDIO)
    for one in (bob, carol):
        await alice.media.hears(one.id)
    await alice.act("livekit", "force_mute", participants=[bob.id, carol.id])
    for one in (bob, carol):
        await one.signaling.expect("livekit/force_muted")
    scene.say(f"silent after {await alice.media.silence(bob.id):.2f} s")
    await alice.media.hears(carol.id)
