"""Whom nobody sees, and who is none of the server's."""

import asyncio
import time

import tokens
from media import Media
from registry import check

POPOUT_AFTER_SECS = 10
POPOUTS = 4


async def expect_hidden(scene, room, identities, shown, when):
    """They are there, may not publish, and nobody is shown them."""
    there = await scene.livekit.people(room)
    for identity in identities:
        assert identity in there, f"{identity} is not there {when}"
        permission = there[identity]["permission"]
        assert permission["hidden"] and not permission["can_publish"], f"{identity} {when}: {permission}"
    for one in shown:
        assert not one.media.others & set(identities), f"{one.name} is shown {one.media.others} {when}"


@check()
async def hidden(scene):
    """a recorder and second windows hear, and stay hidden and mute, whatever moderators decide; a fifth window ends the first"""
    await scene.start(webhook=True)
    meeting = await scene.meeting()
    alice, bob = await meeting.pair()
    recorder = await (await (await meeting.recorder()).join()).connect()
    begin = time.monotonic()
    windows = []
    for number in range(1, POPOUTS + 2):
        token = await bob.popout()
        if number == 1:
            scene.say(f"the first token for a window after {time.monotonic() - begin:.1f} s more")
        said = tokens.claims(token)
        assert said["sub"] == f"{bob.id}-popout{(number - 1) % POPOUTS + 1}", (number, said["sub"])
        assert said["video"]["hidden"] and not said["video"]["canPublish"], said
        window = Media(f"window {number}")
        await window.connect(bob.url, token)
        windows.append(window)
    assert await windows[0].out() is not None and windows[0].why_gone == "DUPLICATE_IDENTITY", windows[0].why_gone
    await alice.media.talk()
    for one in (recorder.media, windows[-1], windows[1]):
        await one.hears(alice.id)
    unseen = [recorder.id, *(f"{bob.id}-popout{number}" for number in range(1, POPOUTS + 1))]
    steps = [
        ("livekit", "enable_microphone_restrictions", {"unrestricted_participants": []}),
        ("livekit", "force_mute", {"participants": [bob.id, recorder.id]}),
        ("control", "grant_moderator_role", {"target": bob.id}),
        ("control", "revoke_moderator_role", {"target": bob.id}),
        ("livekit", "grant_screen_share_permission", {"participants": [bob.id, recorder.id]}),
        ("livekit", "disable_microphone_restrictions", {}),
    ]
    await expect_hidden(scene, bob.media_room, unseen, (alice, bob), "at first")
    for namespace, action, fields in steps:
        await alice.act(namespace, action, **fields)
        await asyncio.sleep(1.5)
        await expect_hidden(scene, bob.media_room, unseen, (alice, bob), f"after {action}")
    await recorder.media.hears(alice.id)
    await windows[-1].hears(alice.id)
    for window in windows:
        await window.close()


@check()
async def hidden_popout_waits(scene):
    """the first token for a second window comes when its participant has been there for ten seconds, the next ones at once"""
    await scene.start()
    meeting = await scene.meeting()
    await meeting.owner().join()
    [bob] = await meeting.guests("Bob")
    begin = time.monotonic()
    await bob.popout()
    first, begin = time.monotonic() - begin, time.monotonic()
    await bob.popout()
    scene.say(f"the first after {first:.1f} s, the second after {time.monotonic() - begin:.2f} s")
    assert POPOUT_AFTER_SECS - 1 < first < POPOUT_AFTER_SECS + 2, first
    assert time.monotonic() - begin < 1
    assert not bob.signaling.all("livekit/error")


@check()
async def others(scene):
    """participants that other programs put into the room stay; who looks like one of the meeting's but is not goes"""
    await scene.start()
    meeting = await scene.meeting()
    alice, bob = await meeting.pair()
    room = alice.media_room
    visitors = {
        "bot": None, "sip_4930": "sip", "EG_record": "egress", "IN_stream": "ingress", "agent-1": "agent",
        "11111111-2222-4333-8444-555555555555-extra": None, "66666666-2222-4333-8444-555555555555": "egress",
        "11111111-2222-4333-8444-555555555555": None, f"{alice.id}-popout9": None,
    }
    media = {identity: Media(identity) for identity in visitors}
    for identity, kind in visitors.items():
        await media[identity].connect(bob.url, scene.livekit.token(room, identity, kind))
    impostors = list(visitors)[-2:]
    assert visitors.keys() <= (await scene.livekit.people(room)).keys()
    # What follows a kick is a look at everybody.
    await alice.act("moderation", "kick", target=bob.id)
    for identity in impostors:
        scene.say(f"{identity[-8:]} is out {await scene.gone(identity, room, 10):.1f} s after the kick")
    await asyncio.sleep(6)
    there = (await scene.livekit.people(room)).keys()
    assert there == {alice.id, *list(visitors)[:-2]}, there
    for one in media.values():
        await one.close()
