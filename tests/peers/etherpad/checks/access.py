"""Who gets into a pad, and what may be done there."""

import time

from registry import check

CROWD = 60


@check
async def reading_and_writing(scene):
    """who is chosen writes, the others read what is written, each by a URL of its own; without one nobody gets in"""
    meeting = await scene.start()
    alice, bob = await meeting.pair()
    await alice.select(bob)
    write, read = await bob.url("write"), await alice.url("read")
    assert write != read
    bobs = await scene.etherpad.visit(write, "Hello from Bob. ")
    assert (bobs["access"], bobs["readonly"], bobs["written"]) == ("grant", False, True), bobs
    alices = await scene.etherpad.visit(read, "Hello from Alice. ")
    assert (alices["access"], alices["readonly"], alices["written"]) == ("grant", True, False), alices
    assert "Hello from Bob" in alices["text"], alices
    pad = (await scene.etherpad.pads())[0]
    stranger = await scene.etherpad.visit(f"{scene.etherpad.url}/p/{pad}")
    assert stranger["access"] != "grant", stranger
    shown = [frame["meeting_notes"] for frame in alice.signaling.all("control/update")]
    assert shown[-1] == {"readonly": False}, shown


@check
async def changes(scene):
    """who writes no more only reads, by another session; the old URL leads nowhere"""
    meeting = await scene.start()
    alice, bob = await meeting.pair()
    await alice.select(bob)
    write = await bob.url("write")
    await alice.deselect(bob)
    read = await bob.url("read")
    old, new = await scene.etherpad.visit(write), await scene.etherpad.visit(read, "No. ")
    assert old["access"] != "grant", old
    assert (new["readonly"], new["written"]) == (True, False), new
    await alice.select(bob, alice)
    for one in (alice, bob):
        found = await scene.etherpad.visit(await one.url("write"), "Yes. ")
        assert found["written"], found
    assert len(await scene.etherpad.sessions()) == 2


@check
async def newcomers(scene):
    """who comes later reads; who goes has no session any more, and comes back to reading"""
    meeting = await scene.start()
    alice, bob = await meeting.pair()
    await alice.select(bob)
    write = await bob.url("write")
    late = await meeting.guest("Late").join()
    found = await scene.etherpad.visit(await late.url("read"))
    assert found["readonly"] is True, found
    await bob.leave()

    async def two():
        return len(await scene.etherpad.sessions()) == 2
    scene.say(f"Bob's session is gone after {await scene.eventually('two sessions', 10, two):.1f} s")
    assert (await scene.etherpad.visit(write))["access"] != "grant"
    await bob.again()
    found = await scene.etherpad.visit(await bob.url("read"))
    assert found["readonly"] is True, found


@check
async def crowd(scene):
    """sixty people get their URLs, a few at a time"""
    meeting = await scene.start()
    alice = await meeting.owner().join()
    guests = [await meeting.guest(f"Guest {number}").join() for number in range(CROWD)]
    begin = time.monotonic()
    await alice.select()
    urls = [await one.url("read", secs=60) for one in [alice, *guests]]
    scene.say(f"{len(urls)} URLs after {time.monotonic() - begin:.1f} s")
    assert len(set(urls)) == CROWD + 1
    assert len(await scene.etherpad.sessions()) == CROWD + 1
