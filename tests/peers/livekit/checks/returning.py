"""Out means out: tokens that somebody has left over from before."""

import asyncio
import time

from media import NoWayIn
from registry import check

CHASE_SECS = 30
SHARE_MAX = 0.05
# When the server looks again after a moderator has removed somebody, and by when it has found somebody then.
LOOKS_SECS = [2, 5, 35]
LOOK_TAKES_SECS = 3
# A token is usable for its 32 s and LiveKit's leeway of 60 s; the last look comes after that.
FOR_GOOD_SECS = 105
POLL_SECS = 0.02
# Who is removed before it is quite inside hears of that late: it gives up sooner and comes again.
PATIENCE_SECS = 2
POPOUT_CHASE_SECS = 15
# A room without a meeting is seen twice before it is deleted, two minutes apart.
SWEEP_SECS = 160


class Chase:
    """Somebody who comes back each time at once; `token` answers by what."""

    def __init__(self, who, token):
        self.who, self._token = who, token
        self.returns, self.outs, self.begin = 0, [], time.monotonic()

    async def until(self, secs):
        """Goes on up to so many seconds after the begin."""
        was_inside = self.who.media.inside
        while time.monotonic() < self.begin + secs:
            if not self.who.media.inside:
                if was_inside:
                    self.outs.append(time.monotonic() - self.begin)
                try:
                    await self.who.connect(self._token(), secs=PATIENCE_SECS)
                    self.returns += 1
                except NoWayIn:
                    # Removed while it came in, or its token is too old.
                    await asyncio.sleep(POLL_SECS)
            was_inside = self.who.media.inside
            await asyncio.sleep(POLL_SECS)


async def talking_pair(scene, **settings):
    """Alice talks, bob listens."""
    await scene.start(**settings)
    meeting = await scene.meeting()
    alice, bob = await meeting.owner().join(), await meeting.guest("Bob").join()
    await alice.connect()
    await bob.connect()
    await alice.media.talk()
    await bob.media.hears(alice.id)
    return meeting, alice, bob


@check(secs=80)
async def chase(scene):
    """with the webhook, who was kicked and comes back each time by the token that LiveKit refreshed hears nearly nothing"""
    _, alice, bob = await talking_pair(scene, webhook=True)
    assert len(bob.media.tokens) > 1, "LiveKit has refreshed no token"
    chase = Chase(bob, bob.media.last_token)
    await alice.act("moderation", "kick", target=bob.id)
    await bob.media.out()
    begin = time.monotonic()
    await chase.until(CHASE_SECS)
    share = bob.media.heard_secs(alice.id, begin) / (time.monotonic() - begin)
    scene.say(f"came back {chase.returns} times in {CHASE_SECS} s, and heard {share:.1%} of it")
    assert chase.returns >= 3, "it could not come back, so nothing was tried"
    assert share < SHARE_MAX, f"{share:.1%}"
    assert alice.media.inside


@check(secs=160)
async def chase_without_webhook(scene):
    """without the webhook, who comes back by its own last token is put out by each look, and for good when the token ends"""
    _, alice, bob = await talking_pair(scene)
    token = await bob.renew()
    chase = Chase(bob, lambda: token)
    await alice.act("moderation", "kick", target=bob.id)
    await chase.until(FOR_GOOD_SECS)
    outs = " ".join(f"{at:.1f}" for at in chase.outs)
    share = bob.media.heard_secs(alice.id, chase.begin) / FOR_GOOD_SECS
    scene.say(f"came back {chase.returns} times, out again {outs} s after the kick; heard {share:.0%} of {FOR_GOOD_SECS} s")
    for look in LOOKS_SECS:
        # Looks that are due close together are one, so it may come before its time.
        assert any(look - 2 <= at <= look + LOOK_TAKES_SECS for at in chase.outs), f"nothing happened {look} s after the kick"
    assert not bob.media.inside and bob.id not in await scene.livekit.people(alice.media_room)


@check()
async def chase_popout(scene):
    """with the webhook, a token for a second window that was never used brings nearly nothing after the kick"""
    meeting, alice, bob = await talking_pair(scene, webhook=True)
    token = await bob.popout()
    await alice.act("moderation", "kick", target=bob.id)
    await bob.media.out()
    begin = time.monotonic()
    chase = Chase(bob, lambda: token)
    await chase.until(POPOUT_CHASE_SECS)
    share = bob.media.heard_secs(alice.id, begin) / (time.monotonic() - begin)
    scene.say(f"came back {chase.returns} times in {POPOUT_CHASE_SECS} s, and heard {share:.1%} of it")
    assert chase.returns and share < SHARE_MAX, f"{share:.1%}"


@check()
async def next_meeting(scene):
    """who waits in LiveKit by a token of the last meeting hears nothing of the next one in the same room"""
    meeting, alice, bob = await talking_pair(scene, ROOMS__GRACE_SECS=1)
    before = alice.media_room
    await alice.leave()
    await bob.leave()

    async def dropped():
        return before not in await scene.livekit.rooms()
    passed = (await scene.eventually("LiveKit's room is deleted with the meeting", 15, dropped))[1]
    scene.say(f"LiveKit's room is deleted {passed:.1f} s after the last one left, with 1 s of grace")
    for one in (alice, bob):
        await one.media.out()
    await bob.connect(bob.media.last_token())
    assert bob.media.inside, "LiveKit lets nobody in by that token, so nothing was tried"
    alice = await (await meeting.owner().join()).connect()
    [carol] = await meeting.guests("Carol")
    await carol.connect()
    await alice.media.talk()
    await carol.media.hears(alice.id)
    begin = time.monotonic()
    await asyncio.sleep(5)
    heard, others = bob.media.heard_secs(alice.id, begin), bob.media.others
    scene.say(f"the last meeting's listener hears {heard:.2f} s in 5 s, and is shown {len(others)} people")
    assert not heard and not others
    assert bob.id not in alice.media.others
    assert alice.media_room != before and alice.media_room.startswith(meeting.room), alice.media_room


@check(secs=240)
async def next_sweep(scene):
    """LiveKit's rooms without a meeting, of a deleted room or of one whose journal was lost, are deleted after the server's start, and no others"""
    _, alice, bob = await talking_pair(scene)
    deleted, lost = await scene.meeting(), await scene.meeting()
    carol, dave = await deleted.owner().join(), await lost.owner().join()
    for one in (carol, dave):
        await one.connect()
    await deleted.delete()
    await carol.media.out()
    await carol.connect(carol.media.last_token())
    assert carol.media_room in await scene.livekit.rooms(), "LiveKit does not make the room anew, so nothing was tried"
    # Rooms of somebody else are no business of the server's.
    await scene.livekit.call("CreateRoom", name="elsewhere", empty_timeout=600)
    await asyncio.to_thread(scene.server.kill)
    scene.server.lose_journal(lost.room)
    await asyncio.to_thread(scene.server.start)
    for one in (alice, bob):
        await one.again()

    async def swept():
        return not {carol.media_room, dave.media_room} & await scene.livekit.rooms()
    passed = (await scene.eventually("both rooms are gone", SWEEP_SECS, swept))[1]
    scene.say(f"both rooms are gone {passed:.0f} s after the start")
    for one in (carol, dave):
        await one.media.out()
    assert await scene.livekit.rooms() == {"elsewhere", alice.media_room}
    await bob.media.hears(alice.id)
