"""Etherpad as a process, and what it says of itself by its API."""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import time
from pathlib import Path

from ports import free_port
from web import ask

START_SECS = 60
HERE = Path(__file__).parent


class PadServer:
    """One process with a port, a database and a key of its own. `converter`: whether it makes PDFs. `is_open`: pads need no session."""

    def __init__(self, installed, folder, converter=True, is_open=False):
        folder.mkdir(parents=True, exist_ok=True)
        self.key, self.port = secrets.token_hex(32), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._installed, self._log = installed, folder / "etherpad.log"
        self._key_file, self._settings = folder / "APIKEY.txt", folder / "settings.json"
        self._key_file.write_text(self.key)
        self._settings.write_text(json.dumps({
            "title": "Notes", "ip": "127.0.0.1", "port": self.port, "dbType": "dirty",
            "dbSettings": {"filename": str(folder / "pads.db")}, "requireSession": not is_open, "editOnly": False,
            "defaultPadText": "", "minify": False, "loglevel": "INFO", "suppressErrorsInPadText": True,
            "soffice": str(HERE / "converter.py") if converter else None, "abiword": None,
            "sessionKey": secrets.token_hex(16), "updates": {"tier": "off"},
        }))
        self._process = None

    async def start(self):
        environment = {name: value for name, value in os.environ.items() if name != "NODE_ENV"}
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                ["node", "node/server.js", "--settings", self._settings, "--apikey", self._key_file],
                cwd=self._installed / "src", stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env=environment)
        deadline = time.monotonic() + START_SECS
        while True:
            try:
                if (await asyncio.to_thread(ask, "GET", f"{self.url}/api")).status == 200:
                    return self
            except OSError:
                pass
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"Etherpad does not start:\n{self.log()[-3000:]}")
            await asyncio.sleep(0.1)

    def pause(self):
        """It goes on listening, and answers nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        self._process.send_signal(signal.SIGCONT)

    def stop(self):
        if self._process is None:
            return
        self.resume()
        self._process.kill()
        self._process.wait()
        self._process = None

    def log(self):
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    async def call(self, method, **fields):
        """Its API, with the key; a refusal is None."""
        form = {"apikey": self.key} | fields
        answer = await asyncio.to_thread(ask, "POST", f"{self.url}/api/1.2.1/{method}", form=form)
        answer = answer.expect(200).json()
        return (answer["data"] or {}) if answer["code"] == 0 else None

    async def groups(self):
        return (await self.call("listAllGroups"))["groupIDs"]

    async def pads(self):
        return (await self.call("listAllPads"))["padIDs"]

    async def sessions(self):
        """Sessions that live, by their ids, over all groups."""
        found = {}
        for group in await self.groups():
            listed = await self.call("listSessionsOfGroup", groupID=group) or {}
            found |= {name: session for name, session in listed.items() if session}
        return found

    async def visit(self, url, *text):
        """What a browser finds at a URL, where it tries to write this text."""
        process = await asyncio.create_subprocess_exec(
            "node", str(HERE / "pad.js"), url, *text, env=dict(os.environ, NODE_PATH=str(self._installed / "node_modules")),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        printed, trouble = await process.communicate()
        assert process.returncode == 0 and printed, trouble.decode()
        return json.loads(printed)
