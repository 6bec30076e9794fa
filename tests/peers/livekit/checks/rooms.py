"""Breakout rooms have rooms of their own in LiveKit."""

import asyncio
import time

from registry import check


async def move(person, room):
    """As the web client does: a new socket with the same token, then the media of the new place."""
    before = person.id
    await person.signaling.leave()
    await person.again(breakout_room=room)
    assert person.id == before
    await person.connect()
    await person.media.talk()


@check()
async def breakout(scene):
    """in a breakout room one hears its people and nobody else, and back in the main room those who are there"""
    await scene.start()
    meeting = await scene.meeting()
    alice = await (await meeting.owner().join()).connect()
    bob, carol = await meeting.guests("Bob", "Carol")
    everybody = (alice, bob, carol)
    for one in (bob, carol):
        await one.connect()
    for one in everybody:
        await one.media.talk()
    for one, other in ((alice, bob), (bob, carol), (carol, alice)):
        await one.media.hears(other.id)
    main = alice.media_room
    await alice.act("breakout", "start", rooms=[{"name": "Red", "assignments": [bob.id, carol.id]}])
    red = (await bob.signaling.expect("breakout/started"))["assignment"]
    for one in (bob, carol):
        await move(one, red)
        assert one.media_room == f"{meeting.room}:{red}", one.media_room
        await scene.gone(one.id, main)
    await bob.media.hears(carol.id)
    await carol.media.hears(bob.id)
    await expect_only(bob, carol, alice)
    assert (await scene.livekit.people(main)).keys() == {alice.id}
    scene.say("two are in the breakout room and hear each other, and not who stayed")
    await alice.act("breakout", "stop")
    for one in (bob, carol):
        await one.signaling.expect("breakout/stopped")
        await move(one, None)
        assert one.media_room == main, one.media_room
    for one, other in ((alice, bob), (bob, carol), (carol, alice)):
        await one.media.hears(other.id)

    async def closed():
        return not (await scene.livekit.people(f"{meeting.room}:{red}"))
    await scene.eventually("nobody is in the breakout room", 10, closed)
    scene.say("all three are in the main room and hear each other")


async def expect_only(one, heard, not_heard):
    begin = time.monotonic()
    await asyncio.sleep(3)
    assert one.media.heard_secs(heard.id, begin) > 2
    assert not one.media.heard_secs(not_heard.id, begin) and not_heard.id not in one.media.others
