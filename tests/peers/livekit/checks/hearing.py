"""Who hears whom, and by which tokens."""

import asyncio
import time

import tokens
from registry import check

ALL_SOURCES = ["camera", "microphone", "screen_share", "screen_share_audio"]
TOKEN_SECS = 32


def expect_claims(person, room):
    """An ordinary participant's token."""
    said = tokens.claims(person.token)
    assert (said["sub"], said["name"]) == (person.id, person.id), said
    assert said["exp"] - said["nbf"] == TOKEN_SECS, said
    grant = said["video"]
    assert sorted(grant.pop("canPublishSources")) == ALL_SOURCES, grant
    assert grant == {
        "roomJoin": True, "room": room, "canPublish": True, "canSubscribe": True, "canPublishData": False, "hidden": False,
    }, grant


@check()
async def hear_and_see(scene):
    """two hear and see each other, under their participant ids, with the rights of the specification and no more"""
    await scene.start()
    meeting = await scene.meeting()
    alice, bob = await meeting.pair(pictures=True)
    await alice.media.talk()
    await alice.media.show()
    heard, seen = await bob.media.hears(alice.id), await bob.media.sees(alice.id)
    scene.say(f"heard after {heard:.2f} s, seen after {seen:.2f} s")
    assert alice.media_room == bob.media_room == alice.state["livekit"]["room"], alice.state["livekit"]
    for person in (alice, bob):
        expect_claims(person, alice.media_room)
    listed = await scene.livekit.people(alice.media_room)
    assert listed.keys() == {alice.id, bob.id}, listed.keys()
    assert all(one["name"] == identity and one["kind"] == "STANDARD" for identity, one in listed.items()), listed
    begin = time.monotonic()
    await asyncio.sleep(5)
    shares = [one.media.heard_secs(other.id, begin) / (time.monotonic() - begin) for one, other in ((alice, bob), (bob, alice))]
    scene.say(f"in 5 s they hear {shares[0]:.0%} and {shares[1]:.0%} of each other")
    assert min(shares) > 0.9, shares


@check()
async def hear_waiting(scene):
    """in the waiting room there is no token, and nothing to hear; who is let in hears"""
    await scene.start()
    meeting = await scene.meeting(waiting_room=True)
    alice = await (await meeting.owner().join()).connect()
    await alice.media.talk()
    gus = meeting.guest("Gus")
    await gus.knock()
    await gus.signaling.expect("moderation/in_waiting_room")
    waiting = await alice.signaling.expect("moderation/joined_waiting_room")
    for action in ("create_new_access_token", "request_popout_stream_access_token"):
        await gus.act("livekit", action)
    await asyncio.sleep(2)
    assert "eyJ" not in str(gus.signaling.frames), gus.signaling.frames
    listed = await scene.livekit.people(alice.media_room)
    assert listed.keys() == {alice.id}, listed.keys()
    await alice.act("moderation", "accept", target=waiting["id"])
    await gus.signaling.expect("moderation/accepted")
    await gus.act("control", "enter_room")
    await gus.entered()
    assert gus.id == waiting["id"]
    await gus.connect()
    scene.say(f"let in, heard after {await gus.media.hears(alice.id):.2f} s")
