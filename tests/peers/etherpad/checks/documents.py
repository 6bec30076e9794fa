"""PDFs of pads."""

from registry import check


@check
async def pdf(scene):
    """a PDF of the pad becomes an asset of the room"""
    meeting = await scene.start()
    alice, bob = await meeting.pair()
    await alice.select(bob)
    await alice.url("read")
    await scene.etherpad.visit(await bob.url("write"), "Minutes. ")
    told = await alice.pdf()
    assert told["message"] == "pdf_asset", told
    assert await bob.signaling.expect("meeting_notes/pdf_asset") == told
    listed = await meeting.assets()
    assert [(one["id"], one["kind"]) for one in listed] == [(told["asset_id"], "meetingnotes_pdf")], listed
    path = f"/rooms/{meeting.room}/assets/{told['asset_id']}"
    content = (await scene.rest("GET", path, meeting.token)).expect(200).text
    assert content.startswith("%PDF-") and "Minutes." in content, content[:300]


@check
async def no_converter(scene):
    """an Etherpad without a converter makes no PDF, and none is stored"""
    meeting = await scene.start(converter=False)
    alice, _ = await meeting.pair()
    await alice.select()
    await alice.url("read")
    assert (await alice.pdf())["error"] == "failed_initialization"
    assert await meeting.assets() == []
