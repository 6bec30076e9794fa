"""People in a meeting who take notes."""

from signaling import Signaling


class Person:
    """`door` is the way to a ticket: a coroutine function of further fields of the request."""

    def __init__(self, scene, name, door):
        self.scene, self.name, self._door = scene, name, door
        self.id = self.resumption = self.signaling = self.state = None

    async def join(self, **fields):
        answer = await self._door(**fields)
        self.resumption = answer["resumption"]
        self.signaling = await Signaling.open(self.scene.server.socket_url, answer["ticket"], self.name)
        await self.signaling.act("control", "join", display_name=self.name)
        self.state = await self.signaling.expect("control/join_success")
        self.id = self.state["id"]
        return self

    async def again(self, **fields):
        """The same participant by a new socket."""
        return await self.join(resumption=self.resumption, **fields)

    async def select(self, *people):
        await self.signaling.act("meeting_notes", "select_writer", participant_ids=[one.id for one in people])

    async def deselect(self, *people):
        await self.signaling.act("meeting_notes", "deselect_writer", participant_ids=[one.id for one in people])

    async def url(self, kind, secs=30):
        """The next URL that it is told: "read" or "write"."""
        return (await self.signaling.expect(f"meeting_notes/{kind}_url", secs=secs))["url"]

    async def pdf(self):
        """Asks for a PDF; what came of it."""
        await self.signaling.act("meeting_notes", "generate_pdf")
        return await self.signaling.expect("meeting_notes/pdf_asset", "meeting_notes/error", secs=60)

    async def error(self):
        return (await self.signaling.expect("meeting_notes/error", secs=60))["error"]

    async def leave(self):
        await self.signaling.leave()

    def close(self):
        if self.signaling is not None:
            self.signaling.vanish()


class Meeting:
    """A room of alice's with an invite link."""

    def __init__(self, scene, room, invite_code, token):
        self.scene, self.room, self._code, self.token = scene, room, invite_code, token

    @staticmethod
    async def create(scene):
        token = await scene.log_in("alice")
        room = (await scene.rest("POST", "/rooms", token, {})).expect(201).json()["id"]
        invite = (await scene.rest("POST", f"/rooms/{room}/invites", token, {})).expect(201).json()
        return Meeting(scene, room, invite["invite_code"], token)

    def _person(self, name, path, token, **always):
        async def door(**fields):
            return (await self.scene.rest("POST", path, token, always | fields)).expect(200).json()
        person = Person(self.scene, name, door)
        self.scene.people.append(person)
        return person

    def owner(self):
        return self._person("Alice", f"/rooms/{self.room}/start", self.token)

    def guest(self, name):
        return self._person(name, f"/rooms/{self.room}/start_invited", None, invite_code=self._code)

    async def pair(self):
        return await self.owner().join(), await self.guest("Bob").join()

    async def assets(self):
        return (await self.scene.rest("GET", f"/rooms/{self.room}/assets", self.token)).expect(200).json()
