"""Groups, tenant and tariff: where they come from, and what becomes of them when they change."""

import time

import steps
from registry import check
from scene import eventually, log_in, refreshed, sign_in
from web import ask

# Userinfo is asked every 36 s at the latest; a guard against hanging only.
ASKED_SECS = 180
# Long enough for userinfo to be asked again at least once.
QUIET_SECS = 45


def make_tariffs(server):
    server.invoke("tariffs", "create", "Gold", "--external-id", "gold")
    server.invoke("tariffs", "create", "Small", "--external-id", "small")


def standing(server, tokens, person):
    """What groups, tenant and tariff are of somebody."""
    me = server.me(tokens)
    tariff = server.ask("GET", "/users/me/tariff", tokens.access).expect(200).json()["name"]
    return server.groups(me["id"]), server.tenant(person.subject), tariff, me["tariff_status"]


def expect_at_once(server, tokens, person, wanted):
    """`wanted` may be the end of it. Looked at once: a second look would see what came later."""
    seen = standing(server, tokens, person)
    assert seen[-len(wanted):] == wanted, seen


@check
def claims_change(scene):
    """groups, tenant, tariff and its state follow the provider, and go when they are taken away there"""
    client, server = scene.simple()
    make_tariffs(server)
    first = {"tenant_id": "acme", "tariff_id": "gold", "tariff_status": "paid"}
    ada = scene.person("ada", groups=["blue", "green"], attributes=first)
    tokens = sign_in(server, client, ada)
    expect_at_once(server, tokens, ada, (["blue", "green"], "acme", "Gold", "paid"))
    ada.change(attributes={"tenant_id": "bolt", "tariff_id": "small", "tariff_status": "downgraded"})
    ada.leave("blue")
    expect_standing(server, tokens, ada, (["green"], "bolt", "Small", "downgraded"))
    ada.change(attributes=dict.fromkeys(first))
    ada.leave("green")
    # What the old token still says is not absent yet: the next one lacks it.
    tokens = refreshed(client, tokens)
    expect_standing(server, tokens, ada, ([], "none", "Default", "default"))


def expect_standing(server, tokens, person, wanted):
    def look():
        seen = standing(server, tokens, person)
        assert seen == wanted, seen
        return True
    eventually(f"{wanted}", ASKED_SECS, look)


@check
def userinfo_only(scene):
    """mappers for userinfo only: nobody is in the default tenant, not even at first"""
    client = scene.client(claims=("userinfo",))
    # Who names the claim means it: nobody new is let in before it is known whether it is there.
    server = scene.server(client, OIDC__CLAIMS__TENANT_ID="tenant_id")
    make_tariffs(server)
    everything = {"tenant_id": "acme", "tariff_id": "gold", "tariff_status": "paid"}
    ada = scene.person("ada", groups=["blue"], attributes=everything)
    tokens = log_in(client, ada.username)
    # The ID token holds no tenant either: neither of the two ways in may make up one.
    server.ask("POST", "/auth/login", json={"id_token": tokens.id}).expect(200)
    assert server.rows("SELECT 1 FROM users WHERE subject = ?", ada.subject) == []
    expect_at_once(server, tokens, ada, (["blue"], "acme", "Gold", "paid"))
    bob = scene.person("bob", attributes={"tenant_id": "bolt"})
    server.me(log_in(client, bob.username))
    assert server.tenant(bob.subject) == "bolt"


@check
def access_token_only(scene):
    """mappers for the access token only, as they were documented once: nothing is lost over time and three log-ins"""
    client = scene.client(claims=("access",))
    server = scene.server(client)
    make_tariffs(server)
    ada = scene.person("ada", groups=["blue"], attributes={"tenant_id": "acme", "tariff_id": "gold", "tariff_status": "paid"})
    wanted = (["blue"], "acme", "Gold", "paid")
    for _ in range(3):
        tokens = sign_in(server, client, ada)
        # The ID token that has just been taken says nothing of all this.
        expect_at_once(server, tokens, ada, wanted)
    until = time.monotonic() + QUIET_SECS
    while time.monotonic() < until:
        expect_at_once(server, tokens, ada, wanted)
        time.sleep(1)
    tokens = refreshed(client, tokens)
    expect_at_once(server, tokens, ada, wanted)


@check
def tenant_required(scene):
    """with oidc.tenant_required whoever has no tenant is refused by name of the claim, and no row is made"""
    client, server = scene.simple(OIDC__TENANT_REQUIRED="true")
    nobody = scene.person("nobody")
    tokens = log_in(client, nobody.username)
    # The access token may still say it, so the log-in alone decides nothing.
    server.ask("POST", "/auth/login", json={"id_token": tokens.id}).expect(200, 403)
    answer = server.ask("GET", "/users/me", tokens.access).expect(403)
    assert "tenant_id" in answer.json()["message"], answer.text
    assert not server.rows("SELECT 1 FROM users WHERE subject = ?", nobody.subject)
    nobody.change(attributes={"tenant_id": "acme"})
    sign_in(server, client, nobody)
    assert server.tenant(nobody.subject) == "acme"


@check
def tenants_off(scene):
    """oidc.claims.tenant_id = "": one tenant, whatever tokens say"""
    client, server = scene.simple(OIDC__CLAIMS__TENANT_ID="")
    for name in ("acme", "bolt"):
        person = scene.person(name, attributes={"tenant_id": name})
        sign_in(server, client, person)
        assert server.tenant(person.subject) == "none"


@check
def tariff_states(scene):
    """own words for paid and downgraded; who is downgraded gets that tariff; unknown words are told once"""
    client, server = scene.simple(
        OIDC__CLAIMS__PAID_STATES='["active"]', OIDC__CLAIMS__DOWNGRADED_STATES='["overdue"]',
        OIDC__CLAIMS__DOWNGRADED_TARIFF="Small")
    make_tariffs(server)
    ada = scene.person("ada", attributes={"tariff_id": "gold", "tariff_status": "active"})
    tokens = sign_in(server, client, ada)
    expect_at_once(server, tokens, ada, ("Gold", "paid"))
    ada.change(attributes={"tariff_status": "overdue"})
    tokens = sign_in(server, client, ada)
    expect_at_once(server, tokens, ada, ("Small", "downgraded"))
    ada.change(attributes={"tariff_id": "platinum-unknown", "tariff_status": "active"})
    for _ in range(2):
        tokens = sign_in(server, client, ada)
    assert len(server.lines("WARN", "platinum-unknown")) == 1, server.lines("platinum-unknown")


@check
def own_attributes(scene):
    """nobody gives himself a tenant over the account pages; where unmanaged attributes are on, everybody does"""
    scene.own_realm()
    console = scene.realm.one("/clients?clientId=account-console", "clientId", "account-console")
    account = steps.Client(scene.realm, "account-console", console["id"], f"{scene.realm.issuer}/account/")
    client, server = scene.simple()
    eve = scene.person("eve")
    assert give_oneself(account, eve, "tenant_id", "acme") == []
    sign_in(server, client, eve)
    assert server.tenant(eve.subject) == "none"
    # The trap that the documentation warns of: it must be one, else the warning is in vain.
    profile = scene.realm.admin("GET", "/users/profile")
    profile["attributes"] = [one for one in profile["attributes"] if one["name"] != "tenant_id"]
    scene.realm.admin("PUT", "/users/profile", profile | {"unmanagedAttributePolicy": "ENABLED"})
    assert give_oneself(account, eve, "tenant_id", "acme") == ["acme"]


def give_oneself(account, person, name, value):
    """Writes an attribute over the account API, whatever that answers; what the person has then."""
    token = log_in(account, person.username, scope="openid").access
    url = f"{person.realm.issuer}/account/"
    there = ask("GET", url, token=token, headers={"Accept": "application/json"}).expect(200).json()
    there["attributes"] = there.get("attributes", {}) | {name: [value]}
    ask("POST", url, token=token, json=there, headers={"Accept": "application/json"})
    return person.realm.admin("GET", f"/users/{person.subject}").get("attributes", {}).get(name, [])
