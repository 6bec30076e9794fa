"""Names, addresses and languages of people."""

import uuid

from registry import check
from scene import eventually, sign_in

# Userinfo is asked every 36 s at the latest; a guard against hanging only.
ASKED_SECS = 180


@check
def changed_profile(scene):
    """a name, an address and a language that change at the provider change here, without a new log-in"""
    client, server = scene.simple()
    ada = scene.person("ada", attributes={"locale": "de"})
    tokens = sign_in(server, client, ada)
    assert server.me(tokens)["language"] == "de", server.me(tokens)
    ada.change(firstName="Augusta", email=f"new-{ada.email}", attributes={"locale": "en"})

    def seen():
        me = server.me(tokens)
        assert (me["display_name"], me["email"], me["language"]) == ("Augusta Example", f"new-{ada.email}", "en"), me
        return True
    eventually("the new profile", ASKED_SECS, seen)


@check
def display_names(scene):
    """nickname, name, user name: the first that is there; invisible characters go; a chosen name stays"""
    scene.own_realm()
    names_may_be_absent(scene.realm)
    client, server = scene.simple()
    nora = scene.person("nora", attributes={"nickname": "Nicky"})
    assert server.me(sign_in(server, client, nora))["display_name"] == "Nicky"
    plain = scene.person("plain", firstName="", lastName="")
    tokens = sign_in(server, client, plain)
    assert server.me(tokens)["display_name"] == plain.username
    odd = scene.person("odd", firstName="Od\u202ed", lastName="Example")
    assert "\u202e" not in server.me(sign_in(server, client, odd))["display_name"]
    server.ask("PATCH", "/users/me", tokens.access, json={"display_name": "Chosen"}).expect(200)
    plain.change(firstName="Pia", lastName="Plain")
    again = sign_in(server, client, plain)
    me = server.me(again)
    assert (me["display_name"], me["firstname"]) == ("Chosen", "Pia"), me


@check
def verified_later(scene):
    """an invitation by e-mail becomes that of the user when the provider calls the address verified"""
    scene.own_realm()
    # With *Verify email* such a person could not log in at all; realms without it have them.
    scene.realm.admin("PUT", "", {"verifyEmail": False})
    client, server = scene.simple()
    host, guest = scene.person("host"), scene.person("guest", emailVerified=False)
    tokens = sign_in(server, client, guest)
    hosting = sign_in(server, client, host)
    invite(server, hosting, {"email": guest.email, "role": "guest"})
    assert pending(server, tokens) == 0
    guest.change(emailVerified=True)
    eventually("the invitation", ASKED_SECS, lambda: pending(server, tokens) == 1)


def names_may_be_absent(realm):
    profile = realm.admin("GET", "/users/profile")
    for attribute in profile["attributes"]:
        if attribute["name"] in ("firstName", "lastName"):
            attribute.pop("required", None)
    realm.admin("PUT", "/users/profile", profile)


def invite(server, tokens, invitee):
    """Makes an event and invites to it; answers the event's id."""
    body = {"title": f"Meeting {uuid.uuid4()}", "description": "", "is_time_independent": True}
    event = server.ask("POST", "/events", tokens.access, json=body).expect(201).json()["id"]
    server.ask("POST", f"/events/{event}/invites", tokens.access, json=invitee).expect(201)
    return event


def pending(server, tokens):
    return server.ask("GET", "/users/me/pending_invites", tokens.access).expect(200).json()["total_pending_invites"]
