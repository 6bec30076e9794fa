"""An Etherpad of which no session is asked."""

from registry import check


@check
async def shared_links(scene):
    """with links everybody gets one of two, for writing or for reading, and no session is made"""
    meeting = await scene.start(links=True)
    alice, bob = await meeting.pair()
    await alice.select(bob)
    write, read = await bob.url("write"), await alice.url("read")
    bobs = await scene.etherpad.visit(write, "Open. ")
    assert bobs["written"], bobs
    alices = await scene.etherpad.visit(read, "No. ")
    assert (alices["access"], alices["readonly"], alices["written"]) == ("grant", True, False), alices
    assert "Open." in alices["text"], alices
    assert await scene.etherpad.sessions() == {}
    await alice.deselect(bob)
    assert await bob.url("read") == read
    assert (await alice.pdf())["message"] == "pdf_asset"
    await alice.leave()
    await bob.leave()
    await scene.nothing_is_left()
