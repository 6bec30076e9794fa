"""When the provider does not vouch for somebody any more."""

import time

from browser import Browser
from checks.profile import invite, pending
from registry import check
from scene import Person, eventually, log_in, refresh, sign_in
from web import ask

# Userinfo is asked every 36 s at the latest, log-outs hold after 10 s; guards against hanging only.
ASKED_SECS = 180
LOGGED_OUT_SECS = 50


def ends(server, tokens, secs):
    """Waits until a token is refused, in a way that makes clients log in anew."""
    def look():
        answer = server.ask("GET", "/users/me", tokens.access)
        return answer.status != 200 and answer
    answer = eventually("the token is refused", secs, look)
    answer.expect(401)
    assert 'error="invalid_token"' in answer.headers["www-authenticate"], answer.headers


def unannounced(scene):
    """A client without a URL for log-outs, so that only userinfo tells; and somebody who is logged in, and was asked about."""
    client = scene.client()
    server = scene.server(client)
    ada = scene.person("ada")
    tokens = log_in(client, ada.username)
    # The token does not know this name: userinfo has answered when it is here, and its word counts from now on.
    ada.change(firstName="Augusta")
    server.log_in(tokens)
    eventually("the new name", ASKED_SECS, lambda: server.me(tokens)["firstname"] == "Augusta")
    return client, server, ada, tokens


@check
def logged_out(scene):
    """back-channel log-out ends the tokens of that log-in, not those of another one, and a new one is good"""
    # Userinfo has no part in it: it is asked only once an hour.
    client, server = scene.simple(OIDC__USERINFO_SECS=3600)
    ada = scene.person("ada")
    browser = Browser()
    here, elsewhere = log_in(client, ada.username, browser), log_in(client, ada.username)
    server.log_in(here)
    server.log_in(elsewhere)
    browser.log_out(client, here)
    ends(server, here, LOGGED_OUT_SECS)
    server.me(elsewhere)
    # A restarted server knows it still.
    server.restart()
    assert server.status(here) == 401
    server.me(elsewhere)
    server.me(sign_in(server, client, ada, browser=browser))


@check
def forged_logout(scene):
    """what is no log-out token of the provider is 400 and ends nothing"""
    client, server = scene.simple(OIDC__USERINFO_SECS=3600)
    tokens = sign_in(server, client, scene.person("ada"))
    for wrong in (tokens.id, tokens.access, "a.b.c", ""):
        server.ask("POST", "/auth/logout", form={"logout_token": wrong}).expect(400)
    server.ask("POST", "/auth/logout", form={"nothing": "x"}).expect(400)
    assert server.status(tokens) == 200


@check
def signed_out_announced(scene):
    """an administrator ends a log-in: the provider tells it, it is void at once"""
    client, server = scene.simple(OIDC__USERINFO_SECS=3600)
    ada = scene.person("ada")
    tokens = sign_in(server, client, ada)
    ada.realm.admin("POST", f"/users/{ada.subject}/logout")
    ends(server, tokens, LOGGED_OUT_SECS)
    sign_in(server, client, ada)


@check
def signed_out_everywhere(scene):
    """several log-ins that end at once: Keycloak tells of one only, of the others userinfo does"""
    client, server = scene.simple()
    ada = scene.person("ada")
    log_ins = [sign_in(server, client, ada) for _ in range(3)]
    ada.realm.admin("POST", f"/users/{ada.subject}/logout")
    for tokens in log_ins:
        ends(server, tokens, ASKED_SECS)
    sign_in(server, client, ada)


@check
def signed_out(scene):
    """signed out by an administrator, without a URL for log-outs: userinfo's 401 ends the token"""
    client, server, ada, tokens = unannounced(scene)
    ada.realm.admin("POST", f"/users/{ada.subject}/logout")
    assert refresh(client, tokens).status == 400
    ends(server, tokens, ASKED_SECS)
    sign_in(server, client, ada)


@check
def disabled(scene):
    """disabled at the provider: out; enabled again: in, by a new log-in"""
    client, server, ada, tokens = unannounced(scene)
    ada.change(enabled=False)
    ends(server, tokens, ASKED_SECS)
    ada.change(enabled=True)
    sign_in(server, client, ada)


@check
def revoked(scene):
    """a refresh token that is revoked ends the log-in"""
    client, server, ada, tokens = unannounced(scene)
    form = {"client_id": client.id, "token": tokens.refresh, "token_type_hint": "refresh_token"}
    ask("POST", client.realm.endpoint("revoke"), form=form).expect(200)
    ends(server, tokens, ASKED_SECS)
    sign_in(server, client, ada)


@check
def not_before(scene):
    """"revoke all that was issued before now" holds for everybody of the realm"""
    scene.own_realm()
    client, server, ada, tokens = unannounced(scene)
    scene.realm.admin("PUT", "", {"notBefore": int(time.time()) + 1})
    ends(server, tokens, ASKED_SECS)
    eventually("a new log-in", 30, lambda: sign_in(server, client, ada))


@check
def made_anew(scene):
    """deleted and made again: a new user, who gets what the address is invited to, and the old one can be merged"""
    client, server, ada, tokens = unannounced(scene)
    host = sign_in(server, client, scene.person("host"))
    old = server.me(tokens)["id"]
    room = server.ask("POST", "/rooms", tokens.access, json={}).expect(201).json()["id"]
    ada.delete()
    ends(server, tokens, ASKED_SECS)
    again = Person(ada.realm, ada.username)
    assert again.subject != ada.subject
    tokens = sign_in(server, client, again)
    new = server.me(tokens)["id"]
    assert new != old
    invite(server, host, {"email": ada.email, "role": "guest"})
    assert pending(server, tokens) == 1, "the invitation went to the row of nobody"
    # Whoever was not seen since, nor for a month, is not found beside the new one.
    server.stop()
    server.change("UPDATE users SET seen_at = '2020-01-01' || substr(seen_at, 11) WHERE subject = ?", ada.subject)
    server.start()
    found = server.ask("GET", f"/users/find?q={ada.email}", host.access).expect(200).json()
    assert [user["id"] for user in found] == [new], found
    server.invoke("users", "merge", old, new)

    def merged():
        me = server.me(tokens)
        rooms = server.ask("GET", "/rooms", tokens.access).expect(200).json()
        return room in [one["id"] for one in rooms] and pending(server, tokens) == 1 and me
    eventually("the room of the old account", LOGGED_OUT_SECS, merged)
