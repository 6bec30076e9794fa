"""What is left at Etherpad when something ends: nothing."""

import asyncio

from registry import check


@check
async def meeting_ends(scene):
    """with the meeting go pad, group and sessions; the next meeting begins with an empty pad"""
    meeting = await scene.start()
    alice, bob = await meeting.pair()
    await alice.select(bob)
    await scene.etherpad.visit(await bob.url("write"), "Secret. ")
    await alice.leave()
    await bob.leave()
    scene.say(f"nothing is left after {await scene.nothing_is_left():.1f} s")
    alice = await meeting.owner().join()
    await alice.select(alice)
    found = await scene.etherpad.visit(await alice.url("write"))
    assert "Secret" not in found["text"], found


@check
async def restart(scene):
    """after a crash of the server all sessions are new, with the access of before, and the text is there"""
    meeting = await scene.start()
    alice, bob = await meeting.pair()
    await alice.select(bob)
    await alice.url("read")
    write = await bob.url("write")
    await scene.etherpad.visit(write, "Before. ")
    before = set(await scene.etherpad.sessions())
    scene.server.kill()
    await asyncio.to_thread(scene.server.start)
    await alice.again()
    await bob.again()
    found = await scene.etherpad.visit(await bob.url("write"), "After. ")
    assert found["written"] and "Before." in found["text"], found
    assert (await scene.etherpad.visit(await alice.url("read")))["readonly"] is True
    assert not before & set(await scene.etherpad.sessions())
    assert (await scene.etherpad.visit(write))["access"] != "grant"


@check
async def away(scene):
    """an Etherpad that is silent when the meeting ends deletes when it is back"""
    meeting = await scene.start()
    alice, bob = await meeting.pair()
    await alice.select(bob)
    await bob.url("write")
    scene.etherpad.pause()
    await alice.leave()
    await bob.leave()
    await asyncio.sleep(15)
    scene.etherpad.resume()
    scene.say(f"nothing is left {await scene.nothing_is_left(60):.1f} s after it is back")


@check
async def wrong_key(scene):
    """a wrong key is told to who asked and named in the log; the keys themselves stand nowhere"""
    meeting = await scene.start(ETHERPAD__API_KEY="another-key-that-nobody-sees")
    alice, _ = await meeting.pair()
    await alice.select()
    assert await alice.error() == "failed_initialization"
    assert len(scene.server.lines("WARN", "Etherpad refuses a call", "etherpad.api_key")) == 1
    status, told = await asyncio.to_thread(scene.server.run, "config", "check", "--online")
    assert status == 1 and "APIKEY.txt" in told, told
    for text in (scene.server.log(), told):
        assert "another-key" not in text and scene.etherpad.key not in text
    scene.server.restart(ETHERPAD__API_KEY=scene.etherpad.key)
    status, told = await asyncio.to_thread(scene.server.run, "config", "check", "--online")
    assert "Etherpad: " in told and "it knows the key" in told, told
