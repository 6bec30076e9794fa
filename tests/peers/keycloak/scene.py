"""What one check plays in: a realm made by the documented steps, servers, and people."""

import threading
import time

import steps
from browser import Browser, Tokens
from colloquy import Server
from ports import free_port
from web import ask

PASSWORD = "correct horse 1"
# Keycloak's in-memory database takes one big change at a time.
MAKING = threading.Lock()
POLL_SECS = 0.25


def eventually(what, secs, look):
    """Waits until `look` answers something true and raises no AssertionError; `secs` is a guard against hanging only."""
    deadline = time.monotonic() + secs
    while True:
        try:
            seen = look()
            if seen:
                return seen
        except AssertionError as error:
            seen = error
        assert time.monotonic() < deadline, f"{what}: not within {secs} s, last seen: {seen}"
        time.sleep(POLL_SECS)


class Person:
    """Somebody in a realm. The address is `username@example.org`, and verified, unless `fields` say otherwise."""

    def __init__(self, realm, username, groups=(), attributes=None, **fields):
        self.realm, self.username, self.email = realm, username, f"{username}@example.org"
        with MAKING:
            known = {group["name"] for group in realm.admin("GET", "/groups")} if groups else ()
            for group in groups:
                if group not in known:
                    realm.admin("POST", "/groups", {"name": group})
        body = {
            "username": username, "email": self.email, "emailVerified": True, "enabled": True,
            "firstName": username.split("-")[0].capitalize(), "lastName": "Example",
            "groups": [f"/{group}" for group in groups],
            "attributes": {name: [value] for name, value in (attributes or {}).items()},
            "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
        }
        self.subject = realm.admin("POST", "/users", body | fields)

    def change(self, attributes=None, **fields):
        """Attributes of None are taken away."""
        there = self.realm.admin("GET", f"/users/{self.subject}")
        if attributes is not None:
            now = there.get("attributes", {}) | {name: value and [value] for name, value in attributes.items()}
            fields["attributes"] = {name: value for name, value in now.items() if value}
        self.realm.admin("PUT", f"/users/{self.subject}", there | fields)

    def delete(self):
        self.realm.admin("DELETE", f"/users/{self.subject}")

    def leave(self, group):
        there = self.realm.one(f"/users/{self.subject}/groups", "name", group)
        self.realm.admin("DELETE", f"/users/{self.subject}/groups/{there['id']}")


class Scene:
    """Clients, people and servers of one check; `close` ends what it started. The realm is shared, unless it asks for its own."""

    def __init__(self, realm, binary, folder, name):
        self.realm, self.binary, self.folder, self.name = realm, binary, folder, name
        self._clients, self._servers = 0, []

    def own_realm(self):
        """For what changes the realm."""
        with MAKING:
            self.realm = make_realm(self.realm.keycloak, self.name)

    def person(self, name, **more):
        """With a name that nobody else in the realm has."""
        return Person(self.realm, f"{name}-{self.name}", **more)

    def client(self, claims=("access", "userinfo"), port=None):
        """A web client; `claims`: which tokens get groups, tenant and tariff; `port`: of the server that is told of log-outs."""
        self._clients += 1
        with MAKING:
            url = port and f"http://127.0.0.1:{port}/v1/auth/logout"
            client = steps.web_client(self.realm, url, f"Frontend-{self.name}-{self._clients}")
            steps.scopes(client)
            if claims:
                steps.groups_tenant_and_tariff(client, claims)
        return client

    def service(self, name, role=None):
        """A confidential client whose service account has this realm role."""
        with MAKING:
            return steps.confidential_client(self.realm, name, role)

    def unstarted(self, port=None, **settings):
        """A server with nothing but these settings."""
        folder = self.folder / f"{self.name}-{len(self._servers) + 1}"
        server = Server(self.binary, folder, port, **settings)
        self._servers.append(server)
        return server

    def server(self, client, port=None, **settings):
        """A server of the realm; userinfo is asked as often as is possible."""
        own = {"OIDC__AUTHORITY": self.realm.issuer, "OIDC__CLIENT_ID": client.id, "OIDC__USERINFO_SECS": 30}
        return self.unstarted(port, **own | settings).start()

    def simple(self, **settings):
        """A web client, and a server that the provider tells of log-outs."""
        port = free_port()
        client = self.client(port=port)
        return client, self.server(client, port, **settings)

    def close(self):
        for server in self._servers:
            server.stop()

    def logs(self):
        return "\n".join(f"--- log of {server.folder.name}\n{server.log()[-4000:]}" for server in self._servers)


def make_realm(keycloak, name):
    """By the steps that are a realm's."""
    realm = steps.realm(keycloak, name)
    steps.addresses(realm)
    steps.languages(realm)
    steps.attributes(realm)
    return realm


def sign_in(server, client, person, **more):
    """Through the provider's form and `POST /auth/login`; answers the tokens, once the server has taken them."""
    tokens = log_in(client, person.username, **more)
    server.log_in(tokens)
    return tokens


def log_in(client, username, browser=None, scope="openid profile email"):
    return (browser or Browser()).log_in(client, username, PASSWORD, scope)


def refresh(client, tokens):
    form = {"grant_type": "refresh_token", "client_id": client.id, "refresh_token": tokens.refresh}
    return ask("POST", client.realm.endpoint("token"), form=form | client.secret_field())


def refreshed(client, tokens):
    return Tokens.of(refresh(client, tokens))


def own_token(client):
    """A service's token: the client credentials grant."""
    form = {"grant_type": "client_credentials", "client_id": client.id, "client_secret": client.secret}
    return Tokens.of(ask("POST", client.realm.endpoint("token"), form=form))
