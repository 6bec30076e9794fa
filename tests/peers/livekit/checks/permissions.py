"""What people may publish, and what becomes of it when that changes."""

import asyncio
import time

from livekit import rtc
from registry import check

ALL = ["CAMERA", "MICROPHONE", "SCREEN_SHARE", "SCREEN_SHARE_AUDIO"]
WITHOUT_MICROPHONE = ["CAMERA", "SCREEN_SHARE", "SCREEN_SHARE_AUDIO"]
WITHOUT_SCREEN = ["CAMERA", "MICROPHONE"]
# The rule's second, and what asking LiveKit for it takes.
SOON_SECS = 1.2
WITH_WEBHOOK_SECS = 5
LOOK_SECS = 75
ABSENT = 6


async def trio(scene):
    """Alice moderates; Bob and Carol are heard, and Bob is seen."""
    await scene.start()
    meeting = await scene.meeting()
    alice, bob = await meeting.pair(pictures=True)
    [carol] = await meeting.guests("Carol")
    await carol.connect()
    await carol.media.talk()
    await alice.media.hears(carol.id)
    return alice, bob, carol


@check()
async def restrict(scene):
    """a restriction of microphones takes the voice away, and lifting it gives the right back"""
    alice, bob, carol = await trio(scene)
    await alice.restrict(carol)
    taken = await scene.sources(bob, WITHOUT_MICROPHONE)
    silent = await alice.media.silence(bob.id)
    scene.say(f"taken after {taken:.2f} s, silent {silent:.2f} s later")
    await alice.media.hears(carol.id)
    await alice.media.sees(bob.id)
    await bob.renew()
    await alice.act("livekit", "disable_microphone_restrictions")
    given = await scene.sources(bob, ALL)
    await bob.media.talk()
    scene.say(f"given back after {given:.2f} s, heard {await alice.media.hears(bob.id):.2f} s after it speaks again")


async def old_token(scene, secs, **settings):
    """Somebody under restriction comes back by a token from before it; answers how long it had the old right."""
    await scene.start(**settings)
    meeting = await scene.meeting()
    alice, bob = await meeting.pair()
    old = await bob.renew()
    await alice.restrict()
    await scene.sources(bob, WITHOUT_MICROPHONE)
    await bob.connect(old)
    begin = time.monotonic()
    # Where the right is gone already LiveKit answers nothing, and the client gives up late.
    speaks = asyncio.create_task(bob.media.talk())
    await scene.sources(bob, WITHOUT_MICROPHONE, secs)
    mended = time.monotonic() - begin
    await alice.media.silence(bob.id)
    heard = alice.media.heard_secs(bob.id, begin)
    scene.say(f"mended {mended:.1f} s after it came back, and heard for {heard:.1f} s")
    speaks.cancel()
    await asyncio.wait([speaks])
    await alice.act("livekit", "disable_microphone_restrictions")
    await scene.sources(bob, ALL)
    return heard


@check()
async def restrict_old_token(scene):
    """with the webhook, the permission that an older token brings back is mended at once"""
    heard = await old_token(scene, WITH_WEBHOOK_SECS, webhook=True)
    assert heard < 1, heard


@check(secs=140)
async def restrict_old_token_without_webhook(scene):
    """without the webhook, the permission that an older token brings back is mended by the next look"""
    heard = await old_token(scene, LOOK_SECS)
    assert heard > 1, "it could not speak, so nothing was tried"


@check()
async def restrict_roles(scene):
    """under restriction a new moderator may speak until it is none any more, and who comes then may not"""
    await scene.start()
    meeting = await scene.meeting()
    alice, bob = await meeting.pair()
    await alice.restrict()
    await scene.sources(bob, WITHOUT_MICROPHONE)
    await alice.act("control", "grant_moderator_role", target=bob.id)
    given = await scene.sources(bob, ALL)
    await bob.media.talk()
    await alice.media.hears(bob.id)
    await alice.act("control", "revoke_moderator_role", target=bob.id)
    taken = await scene.sources(bob, WITHOUT_MICROPHONE)
    await alice.media.silence(bob.id)
    scene.say(f"given after {given:.2f} s, taken after {taken:.2f} s")
    [carol] = await meeting.guests("Carol")
    await carol.connect()
    await scene.sources(carol, WITHOUT_MICROPHONE)


@check()
async def restrict_absent(scene):
    """six people who never came to LiveKit delay no restriction and no kick, and nobody hears of an error"""
    await scene.start()
    meeting = await scene.meeting()
    alice, bob = await meeting.pair()
    [carol] = await meeting.guests("Carol")
    await carol.connect()
    await meeting.crowd(ABSENT)
    await alice.restrict()
    begin = time.monotonic()
    taken = await scene.sources(bob, WITHOUT_MICROPHONE)
    await asyncio.sleep(max(0, begin + 1 - time.monotonic()))
    await alice.act("moderation", "kick", target=carol.id)
    out = await scene.gone(carol.id, alice.media_room, 10)
    scene.say(f"restricted after {taken:.2f} s; kicked one second later, out after {out:.2f} s")
    assert taken <= SOON_SECS and out <= 2, (taken, out)
    await alice.act("livekit", "disable_microphone_restrictions")
    given = await scene.sources(bob, ALL)
    scene.say(f"lifted after {given:.2f} s")
    assert given <= SOON_SECS, given
    # Longer than LiveKit takes to say that somebody is not there.
    await asyncio.sleep(6)
    assert not alice.signaling.all("livekit/error"), alice.signaling.all("livekit/error")


@check()
async def mute(scene):
    """who is muted by a moderator is told so and not heard, and the others are"""
    alice, bob, carol = await trio(scene)
    await alice.act("livekit", "force_mute", participants=[bob.id])
    told = await bob.signaling.expect("livekit/force_muted")
    assert told["moderator"] == alice.id, told
    scene.say(f"silent after {await alice.media.silence(bob.id):.2f} s")
    await alice.media.hears(carol.id)
    await alice.media.sees(bob.id)
    assert not carol.signaling.all("livekit/force_muted")


@check()
async def mute_early(scene):
    """who is muted just before LiveKit lists its track is not heard after all"""
    await scene.start()
    meeting = await scene.meeting()
    alice, bob = await meeting.owner().join(), await meeting.guest("Bob").join()
    await alice.connect()
    await bob.connect()
    await alice.act("livekit", "force_mute", participants=[bob.id])
    await bob.signaling.expect("livekit/force_muted")
    await bob.media.talk()
    scene.say(f"silent after {await alice.media.silence(bob.id, secs=6):.2f} s")


@check()
async def screen(scene):
    """where screens need a permission, it is given and taken, and an older token does not bring it back"""
    await scene.start(webhook=True, LIVEKIT__SCREEN_SHARE_REQUIRES_PERMISSION="true")
    meeting = await scene.meeting()
    alice, bob = await meeting.owner().join(), await meeting.guest("Bob").join()
    await alice.connect()
    await bob.connect()
    await scene.sources(bob, WITHOUT_SCREEN)
    await alice.act("livekit", "grant_screen_share_permission", participants=[bob.id])
    given = await scene.sources(bob, ALL)
    await bob.media.show(rtc.TrackSource.SOURCE_SCREENSHARE)
    seen = await alice.media.sees(bob.id)
    token = await bob.renew()
    await alice.act("livekit", "revoke_screen_share_permission", participants=[bob.id])
    taken = await scene.sources(bob, WITHOUT_SCREEN)

    async def no_track():
        return not (await scene.livekit.people(bob.media_room))[bob.id]["tracks"]
    await scene.eventually("the screen's track has ended", 5, no_track)
    scene.say(f"given after {given:.2f} s, seen after {seen:.2f} s, taken after {taken:.2f} s")
    await bob.connect(token)
    mended = await scene.sources(bob, WITHOUT_SCREEN, WITH_WEBHOOK_SECS)
    scene.say(f"an older token's permission is mended after {mended:.2f} s")
