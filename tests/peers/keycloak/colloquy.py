"""The server under test: the real binary, with a folder of its own and SQLite."""

import os
import signal
import sqlite3
import subprocess
import time

from ports import free_port
from web import ask

START_SECS = 60
STOP_SECS = 30


class Server:
    """`settings` are those of the environment, such as OIDC__USERINFO_SECS."""

    def __init__(self, binary, folder, port=None, **settings):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.binary = folder, binary
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = settings
        self.variables, self.flags = {}, []
        self._process = None

    def _environment(self):
        own = {name: value for name, value in os.environ.items() if not name.startswith("COLLOQUY_")}
        return own | self.variables | {f"COLLOQUY_{name}": str(value) for name, value in self.settings.items()}

    def _command(self, *arguments):
        return [self.binary, "--data-dir", self.folder / "data", *self.flags, *arguments]

    def run(self, *arguments):
        """A subcommand beside the server: its status, and what it printed."""
        done = subprocess.run(
            self._command(*arguments), cwd=self.folder, env=self._environment(), capture_output=True, text=True,
            timeout=START_SECS, check=False)
        return done.returncode, done.stdout + done.stderr

    def invoke(self, *arguments):
        status, printed = self.run(*arguments)
        assert status == 0, f"colloquy {' '.join(map(str, arguments))}: {printed}"
        return printed

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                self._command("--listen", f"127.0.0.1:{self.port}"), cwd=self.folder, env=self._environment(),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        deadline = time.monotonic() + START_SECS
        while True:
            try:
                if ask("GET", f"{self.url}/health/ready").status == 200:
                    return self
            except OSError:
                pass
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server does not start:\n{self.log()[-3000:]}")
            time.sleep(0.05)

    def stop(self):
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def restart(self, **settings):
        """With the same data, and these settings changed."""
        self.stop()
        self.settings |= settings
        return self.start()

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def lines(self, *words):
        """Lines of the log that hold all of these words."""
        return [line for line in self.log().splitlines() if all(word in line for word in words)]

    def ask(self, method, path, token=None, **more):
        return ask(method, f"{self.url}/v1{path}", token=token, **more)

    def log_in(self, tokens):
        """As the web client does with what the provider gave it; then who that is."""
        self.ask("POST", "/auth/login", json={"id_token": tokens.id}).expect(200)
        return self.me(tokens)

    def me(self, tokens):
        return self.ask("GET", "/users/me", tokens.access).expect(200).json()

    def status(self, tokens):
        return self.ask("GET", "/users/me", tokens.access).status

    def shown(self, name):
        """What `colloquy users show` says of somebody, by its labels."""
        lines = self.invoke("users", "show", name).splitlines()
        return {label.strip(): value.strip() for label, _, value in (line.partition(":") for line in lines)}

    def tenant(self, name):
        """What tokens call somebody's tenant; "none" is the default one."""
        return self.shown(name)["tenant"].split("OIDC id: ")[1].rstrip(")")

    def rows(self, query, *values):
        database = sqlite3.connect(f"file:{self.folder / 'data' / 'colloquy.sqlite'}?mode=ro", uri=True)
        try:
            return database.execute(query, values).fetchall()
        finally:
            database.close()

    def change(self, statement, *values):
        """Changes rows of a server that does not run."""
        assert self._process is None
        with sqlite3.connect(self.folder / "data" / "colloquy.sqlite") as database:
            database.execute(statement, values)
        database.close()

    def groups(self, user_id):
        """Names of somebody's groups, in order."""
        query = "SELECT g.name FROM groups g JOIN user_groups m ON m.group_id = g.id WHERE m.user_id = ? ORDER BY g.name"
        return [name for (name,) in self.rows(query, bytes.fromhex(user_id.replace("-", "")))]
