"""Keycloak as a process, and its admin API."""

import os
import secrets
import signal
import subprocess
import threading
import time
from urllib.parse import quote

import authority
import distribution
from ports import free_port
from web import ask

# 40 to 60 s on a machine at rest.
START_SECS = 300
STOP_SECS = 20
# Tokens of the admin live a minute.
ADMIN_TOKEN_SECS = 30
ADMIN = "admin"


class Keycloak:
    """One process, all of it in memory: `--db=dev-mem` leaves nothing behind."""

    def __init__(self, target, run):
        """`target` keeps the distribution and the log, `run` what goes with this run."""
        self.folder = distribution.folder(target)
        self.port, self.tls_port = free_port(), free_port()
        self.url, self.tls_url = f"http://127.0.0.1:{self.port}", f"https://127.0.0.1:{self.tls_port}"
        self.identity = authority.make(run)
        self.log = target / "keycloak.log"
        self._password = secrets.token_urlsafe(24)
        self._process = None
        self._token, self._token_until, self._lock = None, 0.0, threading.Lock()

    def start(self):
        """Begins to start; `wait` waits for the end of that."""
        environment = dict(
            os.environ, KC_BOOTSTRAP_ADMIN_USERNAME=ADMIN, KC_BOOTSTRAP_ADMIN_PASSWORD=self._password,
            KC_HTTPS_KEY_STORE_PASSWORD=self.identity.password)
        command = [
            "bin/kc.sh", "start-dev", "--db=dev-mem", "--http-host=127.0.0.1", f"--http-port={self.port}",
            f"--https-port={self.tls_port}", f"--https-key-store-file={self.identity.store}", "--log-level=warn",
        ]
        with open(self.log, "wb") as log:
            # A group of its own: the script and the Java process that it starts end together.
            self._process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True)

    def wait(self):
        deadline = time.monotonic() + START_SECS
        while True:
            try:
                if ask("GET", f"{self.url}/realms/master").status == 200:
                    return
                seen = "it answers, but not yet for its realm"
            except OSError as error:
                seen = error
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"Keycloak does not start ({seen}):\n{self.log.read_text()[-3000:]}")
            time.sleep(0.5)

    def stop(self):
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECS)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait(STOP_SECS)

    def _signal(self, number):
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            pass

    def _admin_token(self):
        with self._lock:
            if time.monotonic() > self._token_until:
                form = {"grant_type": "password", "client_id": "admin-cli", "username": ADMIN, "password": self._password}
                answer = ask("POST", f"{self.url}/realms/master/protocol/openid-connect/token", form=form)
                self._token = answer.expect(200).json()["access_token"]
                self._token_until = time.monotonic() + ADMIN_TOKEN_SECS
            return self._token

    def admin(self, method, path, json=None):
        """The admin API below `/admin/realms`: what it answers, or the id of what it made."""
        answer = ask(method, f"{self.url}/admin/realms{path}", token=self._admin_token(), json=json)
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.text[:500]}"
        if answer.status == 201 and "location" in answer.headers:
            return answer.headers["location"].rsplit("/", 1)[1]
        return answer.json() if answer.text else None

    def realm(self, name):
        return Realm(self, name)


class Realm:
    """A realm, and what is in it by its name."""

    def __init__(self, keycloak, name):
        self.keycloak, self.name = keycloak, name
        self.path = f"/{quote(name)}"
        self.issuer = f"{keycloak.url}/realms/{name}"

    def endpoint(self, name):
        return f"{self.keycloak.url}/realms/{self.name}/protocol/openid-connect/{name}"

    def admin(self, method, path, json=None):
        return self.keycloak.admin(method, f"{self.path}{path}", json)

    def change(self, path, **fields):
        """Sets fields of something that is there, `attributes` one by one."""
        there = self.admin("GET", path)
        if "attributes" in fields:
            fields["attributes"] = there.get("attributes", {}) | fields["attributes"]
        self.admin("PUT", path, there | fields)

    def one(self, path, key, value):
        """The one of a list whose field has this value."""
        found = [entry for entry in self.admin("GET", path) if entry[key] == value]
        assert len(found) == 1, f"{len(found)} with {key} = {value} at {path}"
        return found[0]
