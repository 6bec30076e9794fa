"""What must hold beside a real RabbitMQ."""

import asyncio
import json
import time

from registry import check
from scene import Person

RECORDERS = "opentalk_recorder"


class Meeting:
    """A room of alice's, who is in it, and its one recording."""

    def __init__(self, scene):
        self.scene = scene

    async def begin(self):
        scene = self.scene
        token = await scene.log_in("alice")
        self.room = (await scene.rest("POST", "/rooms", token, {})).expect(201).json()["id"]
        started = (await scene.rest("POST", f"/rooms/{self.room}/start", token, {})).expect(200).json()
        self.alice, joined = await self._join(started["ticket"], "Alice")
        targets = joined["recording"]["targets"]
        [self.target] = [id for id, target in targets.items() if target["streaming_kind"] == "recording"]
        return self

    async def _join(self, ticket, name):
        url = f"ws://127.0.0.1:{self.scene.server.port}"
        person = await Person.open(url, ticket, name)
        self.scene.people.append(person)
        await person.act("control", "join", display_name=name)
        return person, await person.expect("control/join_success")

    async def start(self):
        await self.alice.act("recording", "start_stream", target_ids=[self.target])

    async def fails(self):
        """Starts a recording of which nothing comes; how long that takes."""
        begin = time.monotonic()
        await self.start()
        error = await self.alice.expect("recording/recorder_error", "recording/stream_updated")
        assert error == {"message": "recorder_error", "error": "timeout"}, error
        return time.monotonic() - begin

    async def recorder_comes(self):
        """As a recorder that reads the queue."""
        properties, body = await asyncio.to_thread(self.scene.broker.take, RECORDERS)
        assert json.loads(body) == {"room": self.room, "breakout": None}, body
        assert properties.content_type == "application/json" and properties.expiration == "10000", properties
        token = await self.scene.log_in("recorder")
        answer = await self.scene.rest("POST", "/services/recording/start", token, {"room_id": self.room})
        recorder, joined = await self._join(answer.expect(200).json()["ticket"], "Recorder")
        streams = joined["recording_service"]["streams"]
        assert streams[self.target]["status"] == {"status": "starting"}, streams
        await recorder.report(self.target, "active")
        updated = await self.alice.expect("recording/stream_updated")
        assert (updated["target_id"], updated["status"]) == (self.target, "active"), updated
        return recorder


@check()
async def a_message_brings_a_recorder(scene):
    """a start is a message on the queue, and the recorder that takes it records"""
    scene.broker.declare(RECORDERS)
    await scene.start()
    meeting = await Meeting(scene).begin()
    begin = time.monotonic()
    await meeting.start()
    await meeting.recorder_comes()
    scene.say(f"runs {time.monotonic() - begin:.2f} s after the start")


@check()
async def without_a_queue_nobody_waits(scene):
    """where no recorder has declared the queue, the moderator hears it at once and the log says why"""
    await scene.start(RECORDING__AMQP_QUEUE="nobody_reads_this")
    meeting = await Meeting(scene).begin()
    took = await meeting.fails()
    assert took < 2, took
    assert scene.server.lines("WARN", "no queue of that name"), scene.server.log()[-2000:]
    for queue, word in [("nobody_reads_this", "has no queue nobody_reads_this"), (RECORDERS, "has the queue")]:
        scene.broker.declare(RECORDERS)
        scene.server.settings["RECORDING__AMQP_QUEUE"] = queue
        _, printed = await asyncio.to_thread(scene.server.run, "config", "check", "--online")
        assert f"message broker: it {word}" in printed, printed


@check()
async def a_recorder_that_dies_is_replaced(scene):
    """a recorder that goes in the middle leaves a message for the next one"""
    scene.broker.declare(RECORDERS)
    await scene.start()
    meeting = await Meeting(scene).begin()
    await meeting.start()
    recorder = await meeting.recorder_comes()
    await recorder.leave()
    assert (await meeting.alice.expect("recording/stream_updated"))["status"] == "inactive"
    await meeting.recorder_comes()


@check()
async def a_broker_that_dies_and_comes_back(scene):
    """without the broker a start fails in time, the server goes on, and finds it again when it is back"""
    scene.broker.declare(RECORDERS)
    await scene.start()
    meeting = await Meeting(scene).begin()
    await meeting.start()
    recorder = await meeting.recorder_comes()
    await asyncio.to_thread(scene.broker.kill)
    await meeting.alice.act("recording", "stop_stream", target_ids=[meeting.target])
    await recorder.expect_order("stop_streams")
    await recorder.report(meeting.target, "inactive")
    assert (await meeting.alice.expect("recording/stream_updated"))["status"] == "inactive"
    took = await meeting.fails()
    assert took < 5.5, took
    assert len(scene.server.lines("WARN", "broker")) <= 4, scene.server.lines("broker")
    await asyncio.to_thread(scene.broker.start)
    begin = time.monotonic()
    await scene.until(lambda: len(scene.server.lines("connected to the message broker")) == 2, 30)
    scene.say(f"found again {time.monotonic() - begin:.1f} s after it was back")
    await meeting.start()
    await meeting.recorder_comes()


@check()
async def a_broker_that_hangs(scene):
    """a broker that is there and says nothing holds nobody up"""
    scene.broker.declare(RECORDERS)
    await scene.start()
    meeting = await Meeting(scene).begin()
    scene.broker.freeze()
    took = await meeting.fails()
    scene.broker.thaw()
    assert took < 5.5, took
    await scene.until(lambda: len(scene.server.lines("connected to the message broker")) == 2, 30)
    await meeting.start()
    await meeting.recorder_comes()


@check()
async def a_server_that_starts_first(scene):
    """a server without its broker starts, and finds it later; a wrong password is told and gives nothing away"""
    await asyncio.to_thread(scene.broker.kill)
    await scene.start()
    await asyncio.to_thread(scene.broker.start)
    scene.broker.declare(RECORDERS)
    meeting = await Meeting(scene).begin()
    await scene.until(lambda: scene.server.lines("connected to the message broker"), 30)
    await meeting.start()
    await meeting.recorder_comes()
    wrong = scene.broker.url.replace("guest:guest", "guest:s3cret")
    await asyncio.to_thread(scene.server.restart, RECORDING__AMQP_URL=wrong)
    await scene.until(lambda: scene.server.lines("WARN", "can't be reached"), 30)
    assert "s3cret" not in scene.server.log()
