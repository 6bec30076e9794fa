"""A media client: LiveKit's own, with a tone and a picture that it makes, and a count of what it hears and sees of whom."""

import asyncio
import time
from collections import defaultdict

import numpy
from livekit import rtc

SAMPLES_PER_SECOND = 16000
# Sound goes out and is judged in pieces of that length.
PIECE_SECS = 0.05
TONE_HERTZ = 440
# Sound that is ready to go out: a busy machine is not to make holes in it.
QUEUE_MILLIS = 1000
LOUDNESS = 8000
# Root mean square of a piece that counts as heard: far below the tone, far above what a decoder makes up for lost packets.
HEARD = 800
WIDTH, HEIGHT, PICTURES_PER_SECOND = 160, 120, 8
CONNECT_SECS = 15
POLL_SECS = 0.05


class NoWayIn(Exception):
    """LiveKit let somebody not in, or not in time."""


class Media:
    """One person's connection to LiveKit, and the ones after it: what was heard counts through all of them."""

    def __init__(self, name):
        self.name = name
        self.room = None
        # Tokens that were used, and those that LiveKit gave in their stead.
        self.tokens = []
        self.why_gone = None
        # By identity: times of pieces of sound, and of pictures.
        self.heard, self.seen = defaultdict(list), defaultdict(list)
        self._tasks, self._ends = set(), []

    async def connect(self, url, token, secs=CONNECT_SECS):
        """Joins; an older connection is not closed before, so that LiveKit may find two."""
        room = rtc.Room()
        room.on("track_subscribed", self._listen)
        room.on("token_refreshed", lambda: self.tokens.append(room._token))  # the event does not bring it
        room.on("disconnected", lambda reason: self._gone(room, reason))
        self.tokens.append(token)
        self.why_gone = None
        # Set before the wait: it may be removed before it knows that it was there.
        self.room = room
        connecting = asyncio.ensure_future(room.connect(url, token))
        await asyncio.wait([connecting], timeout=secs)
        if connecting.done() and not connecting.exception():
            return
        self.room, self.why_gone = None, connecting.exception() if connecting.done() else "it did not get in"
        if not connecting.done():
            # Not cancelled: the client's native part would wait for ever for the one that asked.
            self._begin(self._abandon(room, connecting))
        raise NoWayIn(f"{self.name}: {self.why_gone}")

    async def _abandon(self, room, connecting):
        await asyncio.wait([connecting])
        if not connecting.exception():
            await room.disconnect()

    def _gone(self, room, reason):
        if room is self.room:
            self.why_gone = rtc.DisconnectReason.Name(reason)

    @property
    def inside(self):
        return self.room is not None and self.room.isconnected()

    @property
    def others(self):
        """Identities that this client is shown."""
        return set(self.room.remote_participants)

    async def talk(self, source=rtc.TrackSource.SOURCE_MICROPHONE):
        """Publishes the tone; answers its publication."""
        sound = rtc.AudioSource(SAMPLES_PER_SECOND, 1, queue_size_ms=QUEUE_MILLIS)
        track = rtc.LocalAudioTrack.create_audio_track("tone", sound)
        # Without DTX: to some encoders a tone is silence.
        options = rtc.TrackPublishOptions(source=source, dtx=False, red=False)
        published = await asyncio.wait_for(self.room.local_participant.publish_track(track, options), CONNECT_SECS)
        self._begin(self._play(sound))
        return published

    async def show(self, source=rtc.TrackSource.SOURCE_CAMERA):
        """Publishes the picture; answers its publication."""
        screen = source == rtc.TrackSource.SOURCE_SCREENSHARE
        pictures = rtc.VideoSource(WIDTH, HEIGHT, is_screencast=screen)
        track = rtc.LocalVideoTrack.create_video_track("picture", pictures)
        options = rtc.TrackPublishOptions(source=source, simulcast=False)
        published = await asyncio.wait_for(self.room.local_participant.publish_track(track, options), CONNECT_SECS)
        self._begin(self._paint(pictures))
        return published

    def last_token(self):
        return self.tokens[-1]

    def heard_secs(self, identity, since, until=None):
        """Seconds of sound from somebody in a stretch of time."""
        until = time.monotonic() if until is None else until
        return sum(since <= at < until for at in self.heard[identity]) * PIECE_SECS

    def longest_gap(self, identity, since):
        """Seconds of the longest time without a sound of somebody."""
        times = [since, *(at for at in self.heard[identity] if at >= since), time.monotonic()]
        return max(after - before for before, after in zip(times, times[1:]))

    def pictures(self, identity, since):
        return sum(at >= since for at in self.seen[identity])

    async def hears(self, identity, secs=10):
        """Waits until half a second of sound has come from somebody; answers how long that took."""
        begin = time.monotonic()
        while self.heard_secs(identity, begin) < 0.5:
            if time.monotonic() > begin + secs:
                raise AssertionError(f"{self.name} hears {self.heard_secs(identity, begin):.1f} s in {secs} s ({self.state()})")
            await asyncio.sleep(POLL_SECS)
        return time.monotonic() - begin

    async def sees(self, identity, secs=15):
        """Waits until five pictures of somebody have come; answers how long that took."""
        begin = time.monotonic()
        while self.pictures(identity, begin) < 5:
            if time.monotonic() > begin + secs:
                raise AssertionError(f"{self.name} sees {self.pictures(identity, begin)} pictures in {secs} s ({self.state()})")
            await asyncio.sleep(POLL_SECS)
        return time.monotonic() - begin

    async def silence(self, identity, secs=10, quiet=1.5):
        """Waits until somebody has not been heard for `quiet` seconds; answers when the last sound came, from now."""
        begin = time.monotonic()
        while True:
            now, last = time.monotonic(), self.heard[identity][-1] if self.heard[identity] else begin
            if now - max(last, begin) > quiet:
                return max(0.0, last - begin)
            if now > begin + secs + quiet:
                raise AssertionError(f"{self.name} still hears somebody after {secs} s ({self.state()})")
            await asyncio.sleep(POLL_SECS)

    async def out(self, secs=10):
        """Waits until LiveKit has put this client out; answers how long that took."""
        begin = time.monotonic()
        while self.inside:
            if time.monotonic() > begin + secs:
                raise AssertionError(f"{self.name} is still in LiveKit after {secs} s")
            await asyncio.sleep(POLL_SECS)
        return time.monotonic() - begin

    def state(self):
        return "inside" if self.inside else f"out: {self.why_gone}"

    async def close(self):
        if self.inside:
            try:
                await asyncio.wait_for(self.room.disconnect(), 5)
            except asyncio.TimeoutError:
                pass  # LiveKit does not answer; the process ends soon

    def _begin(self, work):
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _play(self, sound):
        samples = int(SAMPLES_PER_SECOND * PIECE_SECS)
        # A whole number of waves in each piece: no clicks in between.
        wave = numpy.sin(2 * numpy.pi * TONE_HERTZ * numpy.arange(samples) / SAMPLES_PER_SECOND)
        frame = rtc.AudioFrame((wave * LOUDNESS).astype(numpy.int16).tobytes(), SAMPLES_PER_SECOND, 1, samples)
        while True:
            # It waits while its queue is full, and so keeps time.
            await sound.capture_frame(frame)

    async def _paint(self, pictures):
        shade = 0
        while True:
            # Something moves, or the encoder would send next to nothing.
            shade = (shade + 40) % 256
            data = bytearray([shade, 255 - shade, 128, 255]) * (WIDTH * HEIGHT)
            pictures.capture_frame(rtc.VideoFrame(WIDTH, HEIGHT, rtc.VideoBufferType.RGBA, data))
            await asyncio.sleep(1 / PICTURES_PER_SECOND)

    def _listen(self, track, _publication, participant):
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            self._begin(self._hear(track, participant.identity))
        else:
            self._begin(self._watch(track, participant.identity))

    async def _hear(self, track, identity):
        stream = rtc.AudioStream(
            track, sample_rate=SAMPLES_PER_SECOND, num_channels=1, frame_size_ms=int(PIECE_SECS * 1000))
        try:
            async for event in stream:
                samples = numpy.frombuffer(event.frame.data, numpy.int16).astype(numpy.float32)
                if len(samples) and numpy.sqrt(numpy.mean(samples * samples)) > HEARD:
                    self.heard[identity].append(time.monotonic())
        finally:
            await stream.aclose()

    async def _watch(self, track, identity):
        stream = rtc.VideoStream(track)
        try:
            async for _ in stream:
                self.seen[identity].append(time.monotonic())
        finally:
            await stream.aclose()
