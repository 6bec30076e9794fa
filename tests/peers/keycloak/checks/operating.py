"""docs/operating.md, step by step."""

import re
from pathlib import Path

import steps
from checks.claims import expect_at_once, make_tariffs
from ports import free_port
from registry import check
from scene import Person, eventually, log_in, own_token, sign_in
from web import ask, claims

ROOT = Path(__file__).resolve().parents[4]
PAGE = ROOT / "docs/operating.md"
# A guard against hanging only.
STARTED_SECS = 50
# What the page promises of a person's tokens.
PROFILE = {"sub", "email", "email_verified", "given_name", "family_name", "name", "nickname", "locale", "phone_number"}


def section():
    page = PAGE.read_text()
    return page.split("\n## Keycloak as identity provider\n")[1].split("\n## ")[0]


@check
def documented_steps(scene):
    """the steps of docs/operating.md are these steps, and they name the settings of the console that are made here"""
    named = re.findall(r"^\d+\. \*\*(.+?)\.\*\*", section(), re.MULTILINE)
    made = [step.__doc__ for step in steps.STEPS]
    assert named == [*made, "Look"], (named, made)
    for claim in ("x_grp", *steps.CLAIMS):
        assert f"| `{claim}` |" in section(), claim
    assert steps.CALL_IN_ROLE in section() and steps.RECORDER_ROLE in section()


@check
def operating(scene):
    """a realm and a server as documented: config/production.toml, the first start's line, people, services, search"""
    scene.own_realm()
    realm = scene.realm
    server = scene.unstarted(
        OIDC__AUTHORITY=realm.issuer, LIVEKIT__API_SECRET="not the one that stands in the example file",
        LIVEKIT__SERVICE_URL=f"http://127.0.0.1:{free_port()}")
    client = steps.web_client(realm, f"{server.url}/v1/auth/logout")
    steps.scopes(client)
    steps.groups_tenant_and_tariff(client)
    app = steps.further_client(realm, "app")
    gateway = steps.confidential_client(realm, "gateway", steps.CALL_IN_ROLE)
    directory = steps.directory(realm)
    server.settings |= {
        "OIDC__CLIENTS": '["app"]', "OIDC__USER_SEARCH__CLIENT_ID": directory.id,
        "OIDC__USER_SEARCH__CLIENT_SECRET": directory.secret,
        "OIDC__USER_SEARCH__API_URL": f"{realm.keycloak.url}/admin/realms/{realm.name}",
    }
    server.flags = ["--config", ROOT / "config/production.toml", "--require-oidc"]
    # The file names a LiveKit beside the server, which is not here, at a port where nobody listens: that is all that is amiss.
    status, printed = server.run("config", "check", "--online")
    livekit = [line for line in printed.splitlines() if line.startswith("LiveKit: ")]
    assert livekit and all(line.endswith("LiveKit can't be reached") for line in livekit), printed
    assert status == 1 and f"identity provider: {realm.issuer}" in printed and printed.rstrip().endswith("not ok"), printed
    server.start()
    line = eventually("the line", STARTED_SECS, lambda: server.lines("the identity provider is usable"))[0]
    assert realm.issuer in line and "RS256" in line and realm.endpoint("userinfo") in line, line
    assert ask("GET", f"{server.url}/health/ready").status == 200
    make_tariffs(server)
    attributes = {
        "nickname": "Lovelace", "phoneNumber": "+4930123456", "locale": "de", "tenant_id": "acme", "tariff_id": "gold",
        "tariff_status": "paid"}
    ada = Person(realm, "ada", groups=["staff"], attributes=attributes)
    tokens = sign_in(server, client, ada)
    said = claims(tokens.access)
    assert said.keys() >= PROFILE | {"x_grp", *steps.CLAIMS}, said
    # What makes tokens large without need is not in them.
    assert not {"realm_access", "resource_access"} & said.keys(), said
    me = server.me(tokens)
    assert (me["display_name"], me["language"], me["email"]) == ("Lovelace", "de", ada.email), me
    expect_at_once(server, tokens, ada, (["staff"], "acme", "Gold", "paid"))
    assert server.me(log_in(app, "ada"))["id"] == me["id"]
    bob = Person(realm, "bob", attributes={"tenant_id": "acme"})
    # production.toml lets people be found by whole addresses only.
    found = server.ask("GET", f"/users/find?q={bob.email}", tokens.access).expect(200).json()
    assert [(one["kind"], one["email"]) for one in found] == [("unregistered", bob.email)], found
    answer = server.ask("POST", "/services/call_in/start", own_token(gateway).access, json={"id": "1" * 10, "pin": "1" * 10})
    assert answer.expect(400).json()["code"] == "invalid_credentials", answer.text


@check
def documented_audience(scene):
    """the step about the audience, as it is documented"""
    client = scene.client()
    steps.audience(client, "colloquy-api")
    server = scene.server(client, OIDC__AUDIENCE="colloquy-api")
    tokens = sign_in(server, client, scene.person("ada"))
    assert claims(tokens.access)["aud"] == "colloquy-api"


@check
def languages_off(scene):
    """without internationalization nobody has a language at the provider, as the documentation says"""
    scene.own_realm()
    realm = scene.realm
    realm.admin("PUT", "", {"internationalizationEnabled": False})
    client, server = scene.simple(DEFAULTS__USER_LANGUAGE="fr")
    tokens = sign_in(server, client, scene.person("ada", attributes={"locale": "de"}))
    assert server.me(tokens)["language"] == "fr", server.me(tokens)
    steps.languages(realm)
    tokens = sign_in(server, client, scene.person("bob", attributes={"locale": "de"}))
    assert server.me(tokens)["language"] == "de", server.me(tokens)
