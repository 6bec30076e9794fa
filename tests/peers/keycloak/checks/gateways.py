"""Gateways and recorders: clients of the realm with a service account."""

import steps
from registry import check
from scene import eventually, own_token, sign_in

# Who is locked out is known everywhere after 10 s; a guard against hanging only.
LOCKED_SECS = 50


def room_with_telephone(server, tokens):
    """A caller's id and pin, and the room's id."""
    room = server.ask("POST", "/rooms", tokens.access, json={}).expect(201).json()["id"]
    sip = server.ask("PUT", f"/rooms/{room}/sip", tokens.access, json={}).expect(200, 201).json()
    return {"id": sip["sip_id"], "pin": sip["password"]}, {"room_id": room}


def start(server, path, token, body):
    return server.ask("POST", f"/services/{path}/start", token.access, json=body)


@check
def gateways(scene):
    """a gateway and a recorder enter by their realm roles, are no people, and each does only its own"""
    client, server = scene.simple(RECORDING__HAND_OUT="true")
    host = sign_in(server, client, scene.person("host"))
    caller, room = room_with_telephone(server, host)
    gateway = scene.service("gateway", steps.CALL_IN_ROLE)
    recorder = scene.service("recorder", steps.RECORDER_ROLE)
    calling, recording = own_token(gateway), own_token(recorder)
    assert start(server, "call_in", calling, caller).expect(200).json()["ticket"]
    assert start(server, "recording", recording, room).expect(200).json()["ticket"]
    for token, path, body, role in (
            (recording, "call_in", caller, steps.CALL_IN_ROLE), (host, "call_in", caller, steps.CALL_IN_ROLE),
            (calling, "recording", room, steps.RECORDER_ROLE), (host, "recording", room, steps.RECORDER_ROLE)):
        text = start(server, path, token, body).expect(403).json()["message"]
        assert role in text and "realm_access" in text, text
    for token, account in ((calling, gateway), (recording, recorder)):
        server.ask("GET", "/users/me", token.access).expect(403)
        assert not server.rows("SELECT 1 FROM users WHERE subject = ?", steps.account_of(account))
    # What people's tokens must hold is nothing to them.
    server.restart(OIDC__AUDIENCE="colloquy-api")
    start(server, "call_in", calling, caller).expect(200)
    server.restart(OIDC__SERVICE_CLIENTS='["recorder"]')
    start(server, "call_in", calling, caller).expect(403)
    start(server, "recording", recording, room).expect(200)


@check
def locked_gateway(scene):
    """`colloquy users disable` stops a gateway, `enable` lets it in again"""
    client, server = scene.simple()
    caller, _ = room_with_telephone(server, sign_in(server, client, scene.person("host")))
    gateway = scene.service("locked-gateway", steps.CALL_IN_ROLE)
    token = own_token(gateway)
    start(server, "call_in", token, caller).expect(200)
    server.invoke("users", "disable", steps.account_of(gateway))
    eventually("locked out", LOCKED_SECS, lambda: start(server, "call_in", token, caller).expect(403))
    server.invoke("users", "enable", steps.account_of(gateway))
    eventually("let in", LOCKED_SECS, lambda: start(server, "call_in", token, caller).expect(200))


@check
def role_of_a_client(scene):
    """a role of a client instead of the realm opens nothing, and the refusal says what is missing"""
    client, server = scene.simple()
    caller, _ = room_with_telephone(server, sign_in(server, client, scene.person("host")))
    gateway = scene.service("misled-gateway")
    roles = f"/clients/{gateway.uuid}/roles"
    scene.realm.admin("POST", roles, {"name": steps.CALL_IN_ROLE})
    role = scene.realm.admin("GET", f"{roles}/{steps.CALL_IN_ROLE}")
    scene.realm.admin("POST", f"/users/{steps.account_of(gateway)}/role-mappings/clients/{gateway.uuid}", [role])
    text = start(server, "call_in", own_token(gateway), caller).expect(403).json()["message"]
    assert steps.CALL_IN_ROLE in text and "realm_access" in text, text


@check
def scope_of_a_gateway(scene):
    """without "full scope allowed" a gateway's role is in no token, as the documentation says"""
    client, server = scene.simple()
    caller, _ = room_with_telephone(server, sign_in(server, client, scene.person("host")))
    gateway = scene.service("narrow-gateway", steps.CALL_IN_ROLE)
    gateway.change(fullScopeAllowed=False)
    start(server, "call_in", own_token(gateway), caller).expect(403)
    gateway.change(fullScopeAllowed=True)
    start(server, "call_in", own_token(gateway), caller).expect(200)
