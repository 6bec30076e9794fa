"""Every end of a presence is one in LiveKit too."""

import asyncio

from livekit import rtc
from people import Meeting
from registry import check

# What the first call, or the second a second later, brings about.
OUT_SECS = 3
# Two seconds of grace, and what follows them.
LOST_SECS = 10
CROWD = 10


async def expect_out(scene, who, told, secs=OUT_SECS):
    """Somebody hears why it has to go, and is out of LiveKit's list and of its room."""
    await who.signaling.expect(told)
    listed = await scene.gone(who.id, who.media_room, secs)
    scene.say(f"{told}: out of LiveKit's list after {listed:.2f} s")
    await who.media.out()


@check()
async def kick(scene):
    """who is kicked is out of LiveKit, and the others stay"""
    await scene.start()
    meeting = await scene.meeting()
    alice, bob = await meeting.pair()
    [carol] = await meeting.guests("Carol")
    await carol.connect()
    await alice.act("moderation", "kick", target=bob.id)
    await expect_out(scene, bob, "moderation/kicked")
    await alice.media.silence(bob.id)
    assert alice.media.inside and carol.media.inside
    assert not alice.signaling.all("livekit/error")


@check()
async def ban(scene):
    """who is banned is out of LiveKit with all its sessions, also one that came by a link"""
    await scene.start()
    meeting = await Meeting.of_event(scene, await scene.log_in("alice"), "bob")
    alice = await (await meeting.owner().join()).connect()
    sessions = [await meeting.user("bob"), await meeting.user("bob"), await meeting.user_by_link("bob")]
    for one in sessions:
        await (await one.join()).connect()
    await alice.act("moderation", "ban", target=sessions[0].id)
    for one in sessions:
        await expect_out(scene, one, "moderation/banned")
    assert alice.media.inside


@check()
async def waiting(scene):
    """who is sent to the waiting room is out of LiveKit, and has no new token there"""
    await scene.start()
    meeting = await scene.meeting()
    alice, bob = await meeting.pair()
    await alice.act("moderation", "send_to_waiting_room", target=bob.id)
    await expect_out(scene, bob, "moderation/sent_to_waiting_room")
    await bob.signaling.expect("moderation/in_waiting_room")
    tokens = len(bob.signaling.all("livekit/credentials"))
    await bob.act("livekit", "create_new_access_token")
    await asyncio.sleep(2)
    assert len(bob.signaling.all("livekit/credentials")) == tokens


@check()
async def leave(scene):
    """who leaves the meeting is out of LiveKit, although its client stays there"""
    await scene.start()
    meeting = await scene.meeting()
    alice, bob = await meeting.pair()
    await bob.leave()
    listed = await scene.gone(bob.id, bob.media_room, OUT_SECS)
    scene.say(f"out of LiveKit's list after {listed:.2f} s")
    await bob.media.out()
    assert alice.media.inside


@check()
async def leave_lost(scene):
    """who is lost stays in LiveKit for the grace time, and is out after it"""
    await scene.start(SIGNALING__RECONNECT_GRACE_SECS=2)
    meeting = await scene.meeting()
    alice, bob = await meeting.pair()
    bob.signaling.vanish()
    await asyncio.sleep(1)
    assert bob.media.inside
    listed = await scene.gone(bob.id, bob.media_room, LOST_SECS)
    scene.say(f"out of LiveKit's list after {1 + listed:.1f} s, with 2 s of grace")
    await alice.signaling.expect("control/left")


@check()
async def debrief(scene):
    """a debriefing puts all but moderators out of LiveKit"""
    await scene.start()
    meeting = await scene.meeting()
    alice = await (await meeting.owner().join()).connect()
    guests = await meeting.crowd(CROWD)
    await asyncio.gather(*(guest.connect() for guest in guests))
    assert len(await scene.livekit.people(alice.media_room)) == CROWD + 1
    await alice.act("moderation", "debrief", kick_scope="users_and_guests")

    async def alone():
        return (await scene.livekit.people(alice.media_room)).keys() == {alice.id}
    passed = (await scene.eventually("only alice is listed", 2 * OUT_SECS, alone))[1]
    scene.say(f"{CROWD} guests are out of LiveKit's list after {passed:.2f} s")
    for guest in guests:
        await guest.signaling.expect("moderation/session_ended")
        await guest.media.out()
    assert alice.media.inside


@check()
async def delete(scene):
    """a room that is deleted by REST is deleted in LiveKit"""
    await scene.start()
    meeting = await scene.meeting()
    alice, bob = await meeting.pair()
    await meeting.delete()
    passed = [await one.media.out(OUT_SECS) for one in (alice, bob)]
    scene.say(f"out after {max(passed):.2f} s")
    reasons = {one.media.why_gone for one in (alice, bob)}
    assert reasons <= {
        rtc.DisconnectReason.Name(reason) for reason in (rtc.DisconnectReason.ROOM_DELETED, rtc.DisconnectReason.PARTICIPANT_REMOVED)
    }, reasons

    async def deleted():
        return alice.media_room not in await scene.livekit.rooms()
    await scene.eventually("LiveKit's room is deleted", OUT_SECS, deleted)
