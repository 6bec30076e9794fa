"""Which tokens speak for a person, and how large they may be."""

import steps
from registry import check
from scene import eventually, log_in, sign_in
from web import claims

# What the server's own texts and log call things by; operators search for them.
REFUSED_CLIENT = 'a token of client "{}" is refused, see oidc.clients'


@check
def other_client(scene):
    """tokens of another client of the realm are refused and told in the log once, until oidc.clients names it"""
    client, server = scene.simple()
    device = steps.further_client(scene.realm, "device-other")
    ada = scene.person("ada")
    tokens = log_in(device, ada.username)
    for _ in range(3):
        server.ask("GET", "/users/me", tokens.access).expect(403)
        server.ask("POST", "/auth/login", json={"id_token": tokens.id}).expect(403)
    text = REFUSED_CLIENT.format(device.id)
    assert len(server.lines(text)) == 1, server.lines("device")
    assert not server.rows("SELECT 1 FROM users WHERE subject = ?", ada.subject)
    server.restart(OIDC__CLIENTS=f'["{device.id}"]')
    server.log_in(tokens)
    sign_in(server, client, ada)


@check
def audience(scene):
    """oidc.audience opens to every client whose tokens name it, and to no other"""
    client = scene.client()
    device = steps.further_client(scene.realm, "device-audience")
    steps.audience(device, "colloquy-api")
    ada = scene.person("ada")
    ours, theirs = log_in(client, ada.username), log_in(device, ada.username)
    server = scene.server(client, OIDC__AUDIENCE="colloquy-api")
    server.ask("GET", "/users/me", ours.access).expect(403)
    server.me(theirs)
    steps.audience(client, "colloquy-api")
    sign_in(server, client, ada)
    server.restart(OIDC__AUDIENCE="*")
    server.me(ours)


@check
def lightweight(scene):
    """lightweight access tokens name nobody: userinfo does, for users, tenants and groups"""
    client, server = scene.simple()
    client.change(attributes={"client.use.lightweight.access.token.enabled": "true"})
    ada = scene.person("ada", groups=["staff"], attributes={"tenant_id": "light"})
    tokens = log_in(client, ada.username)
    said = claims(tokens.access)
    assert not {"sub", "email", "name", "x_grp", "tenant_id"} & said.keys(), said
    me = server.me(tokens)
    assert (me["email"], me["display_name"]) == (ada.email, "Ada Example"), me
    assert server.tenant(ada.subject) == "light" and server.groups(me["id"]) == ["staff"]
    assert server.log_in(tokens)["id"] == me["id"]
    server.restart()
    assert server.me(tokens)["id"] == me["id"]


@check
def many_roles(scene):
    """a token with 200 roles and groups is taken; what no request can hold is a clear 431"""
    scene.own_realm()
    client, server = scene.simple(OIDC__CLAIMS__GROUPS="realm_roles")
    # What the documentation advises against: all roles of the realm, and once more as groups.
    client.change(fullScopeAllowed=True)
    client.realm.admin("POST", f"/clients/{client.uuid}/protocol-mappers/models", {
        "name": "roles as groups", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-realm-role-mapper",
        "config": {"claim.name": "realm_roles", "multivalued": "true", "jsonType.label": "String",
                   "access.token.claim": "true", "userinfo.token.claim": "true"},
    })
    ada = scene.person("ada")
    give_roles(ada, 200, "department-of-important-affairs")
    tokens = log_in(client, ada.username)
    assert 18_000 < len(tokens.access) < 30_000, len(tokens.access)
    me = server.log_in(tokens)
    names = server.groups(me["id"])
    # The first hundred count (docs/protocol/identity.md).
    assert names == [f"department-of-important-affairs-{number:03}" for number in range(100)], (len(names), names[-3:])
    give_roles(ada, 200, "further-department-of-important-affairs")
    tokens = log_in(client, ada.username)
    assert len(tokens.access) > 33_000, len(tokens.access)
    answer = server.ask("GET", "/users/me", tokens.access, headers={"Origin": steps.WEB_ORIGIN}).expect(431)
    assert "code" in answer.json() and answer.headers["access-control-allow-origin"], answer
    eventually("a line in the log", 30, lambda: server.lines("WARN", "431") or server.lines("WARN", "head"))


def give_roles(person, count, prefix):
    names = [{"name": f"{prefix}-{number:03}"} for number in range(count)]
    person.realm.admin("POST", "/partialImport", {"ifResourceExists": "FAIL", "roles": {"realm": names}})
    roles = person.realm.admin("GET", f"/roles?search={prefix}-&max={count}")
    person.realm.admin("POST", f"/users/{person.subject}/role-mappings/realm", roles)
