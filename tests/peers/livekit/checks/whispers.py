"""Whisper groups have rooms of their own in LiveKit, beside those of the meeting."""

import asyncio
import time

import tokens
from media import Media, NoWayIn
from registry import check


async def whisper(person, token):
    """A second media connection, into the group's room, where the person talks."""
    media = Media(f"{person.name}, whispering")
    await media.connect(person.url, token)
    await media.talk()
    return media


@check()
async def whispers(scene):
    """those of a whisper group hear each other and nobody else does; who is put out is out, also with its last token; the room ends with them"""
    await scene.start(webhook=True, LIVEKIT__WHISPER_GROUPS="true")
    meeting = await scene.meeting()
    alice = await (await meeting.owner().join()).connect()
    bob, carol = await meeting.guests("Bob", "Carol")
    for one in (bob, carol):
        await one.connect()
    for one in (alice, bob, carol):
        await one.media.talk()
    await alice.act("subroom_audio", "create_whisper_group", participant_ids=[bob.id, carol.id])
    created = await alice.signaling.expect("subroom_audio/whisper_group_created")
    group, room = created["whisper_id"], tokens.room(created["token"])
    assert room == f"{meeting.room}:{group}", room
    await bob.signaling.expect("subroom_audio/whisper_invite")
    await bob.act("subroom_audio", "accept_whisper_invite", whisper_id=group)
    token = (await bob.signaling.expect("subroom_audio/whisper_token"))["token"]
    whispering = [await whisper(alice, created["token"]), await whisper(bob, token)]
    try:
        hers, his = whispering
        await hers.hears(bob.id)
        await his.hears(alice.id)
        begin = time.monotonic()
        await asyncio.sleep(3)
        assert hers.others == {bob.id} and his.others == {alice.id}, (hers.others, his.others)
        assert carol.media.heard_secs(alice.id, begin) > 2 and bob.media.heard_secs(carol.id, begin) > 2
        assert hers.heard_secs(bob.id, begin) > 2
        seen = (await scene.livekit.people(room))[bob.id]["permission"]
        assert seen["can_publish_sources"] == ["MICROPHONE"], seen
        scene.say("two whisper and hear each other, and all three go on hearing the meeting")

        await alice.act("subroom_audio", "kick_whisper_participants", whisper_id=group, participant_ids=[bob.id])
        await bob.signaling.expect("subroom_audio/kicked")
        await his.out()
        scene.say(f"Bob is out after {await scene.gone(bob.id, room):.1f} s")
        last = his.last_token()
        begin = time.monotonic()
        while time.monotonic() - begin < 10:
            try:
                await his.connect(bob.url, last, secs=3)
                await his.out(secs=3)
            except (NoWayIn, AssertionError):
                pass
        heard = his.heard_secs(alice.id, begin)
        assert heard < 0.5, heard
        assert bob.media.inside and bob.media.heard_secs(alice.id, begin) > 8
        scene.say(f"Bob comes back with that token for 10 s and hears {heard:.2f} s of it; in the meeting all of it")

        await alice.act("subroom_audio", "leave_whisper_group", whisper_id=group)
        await carol.signaling.expect("subroom_audio/kicked")

        async def closed():
            return room not in await scene.livekit.rooms()
        _, secs = await scene.eventually("the group's room is gone", 10, closed)
        scene.say(f"the room is gone {secs:.1f} s after the last one left")
    finally:
        for media in whispering:
            await media.close()
