"""People in a meeting: a signaling client, and a media client that goes where the tokens of the signaling lead."""

import asyncio

import tokens
from media import Media
from signaling import Signaling


class Person:
    """`door` is the way to a ticket: a coroutine function of further fields of the request."""

    def __init__(self, scene, name, door):
        self.scene, self.name, self._door = scene, name, door
        self.media = Media(name)
        self.id = self.resumption = self.signaling = None
        self.token = self.url = None
        # The whole of `join_success`.
        self.state = None

    async def ticket(self, **fields):
        """What opens a socket, once."""
        answer = await self._door(**fields)
        self.resumption = answer["resumption"]
        return answer["ticket"]

    async def knock(self, **fields):
        """A ticket, a socket, and the wish to join; the answer is left to the check."""
        self.signaling = await Signaling.open(self.scene.server.socket_url, await self.ticket(**fields), self.name)
        await self.act("control", "join", display_name=self.name)

    async def join(self, **fields):
        await self.knock(**fields)
        return await self.entered()

    async def entered(self):
        self.state = await self.signaling.expect("control/join_success")
        self.id = self.state["id"]
        self._take(self.state["livekit"])
        return self

    async def again(self, **fields):
        """The same participant by a new socket, into the main room unless the fields say otherwise."""
        return await self.join(resumption=self.resumption, **fields)

    def _take(self, credentials):
        self.token, self.url = credentials["token"], credentials["public_url"]

    async def renew(self):
        """A new token, as the web client asks for it whenever its media connection ended."""
        await self.act("livekit", "create_new_access_token")
        self._take(await self.signaling.expect("livekit/credentials"))
        return self.token

    async def popout(self, secs=20):
        """A token for a second window."""
        await self.act("livekit", "request_popout_stream_access_token")
        return (await self.signaling.expect("livekit/popout_stream_access_token", secs=secs))["token"]

    @property
    def media_room(self):
        return tokens.room(self.token)

    async def connect(self, token=None, **more):
        await self.media.connect(self.url, token or self.token, **more)
        return self

    async def act(self, namespace, action, **fields):
        await self.signaling.act(namespace, action, **fields)

    async def restrict(self, *allowed):
        """Microphones are for moderators, and for these."""
        await self.act("livekit", "enable_microphone_restrictions", unrestricted_participants=[one.id for one in allowed])

    async def leave(self):
        await self.signaling.leave()

    async def close(self):
        await self.media.close()
        if self.signaling is not None:
            self.signaling.vanish()


class Meeting:
    """A room of alice's with an invite link."""

    def __init__(self, scene, room, invite_code, rest):
        self.scene, self.room, self._code, self._rest = scene, room, invite_code, rest

    @staticmethod
    async def create(scene, alice, **settings):
        room = (await scene.rest("POST", "/rooms", alice, settings)).expect(201).json()["id"]
        return await Meeting._of(scene, alice, room)

    @staticmethod
    async def of_event(scene, alice, *names):
        """The room of an event to which these users are invited."""
        event = {"title": "Talk", "description": "", "is_time_independent": True}
        event = (await scene.rest("POST", "/events", alice, event)).expect(201).json()
        for name in names:
            me = (await scene.rest("GET", "/users/me", await scene.log_in(name))).expect(200).json()
            await scene.rest("POST", f"/events/{event['id']}/invites", alice, {"invitee": me["id"]})
        return await Meeting._of(scene, alice, event["room"]["id"])

    @staticmethod
    async def _of(scene, alice, room):
        invite = (await scene.rest("POST", f"/rooms/{room}/invites", alice, {})).expect(201).json()
        return Meeting(scene, room, invite["invite_code"], alice)

    def _person(self, name, path, token, **always):
        async def door(**fields):
            answer = await self.scene.rest("POST", path, token, always | fields)
            return answer.expect(200).json()
        person = Person(self.scene, name, door)
        self.scene.people.append(person)
        return person

    def owner(self):
        return self._person("Alice", f"/rooms/{self.room}/start", self._rest)

    def guest(self, name):
        return self._person(name, f"/rooms/{self.room}/start_invited", None, invite_code=self._code)

    async def user(self, name):
        """Somebody who is invited by account."""
        return self._person(name.capitalize(), f"/rooms/{self.room}/start", await self.scene.log_in(name))

    async def user_by_link(self, name):
        """Somebody with an account who comes by the link."""
        path = f"/rooms/{self.room}/start_invited"
        return self._person(name.capitalize(), path, await self.scene.log_in(name), invite_code=self._code)

    async def recorder(self):
        token = await self.scene.log_in("recorder")
        return self._person("Recorder", "/services/recording/start", token, room_id=self.room)

    async def guests(self, *names):
        """Guests who have joined, one after the other."""
        return [await self.guest(name).join() for name in names]

    async def crowd(self, count):
        """Guests who have joined all at once."""
        return await asyncio.gather(*(self.guest(f"Guest {number}").join() for number in range(1, count + 1)))

    async def pair(self, name="Bob", pictures=False):
        """Alice and a guest, both in LiveKit; the guest talks, and shows a picture, and alice hears it."""
        alice, guest = await self.owner().join(), await self.guest(name).join()
        await alice.connect()
        await guest.connect()
        await guest.media.talk()
        if pictures:
            await guest.media.show()
            await alice.media.sees(guest.id)
        await alice.media.hears(guest.id)
        return alice, guest

    async def delete(self):
        (await self.scene.rest("DELETE", f"/rooms/{self.room}", self._rest)).expect(204)
