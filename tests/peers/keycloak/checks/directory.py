"""Searching people at the provider, and inviting whom it knows."""

import steps
from checks.profile import invite
from registry import check
from scene import eventually, sign_in

# Answers of the provider are kept for 30 s; a guard against hanging only.
KEPT_SECS = 150


def searching(scene, **settings):
    """A realm that holds only this check's people, and a server that may search it."""
    scene.own_realm()
    directory = steps.directory(scene.realm)
    own = {
        "OIDC__USER_SEARCH__API_URL": f"{scene.realm.keycloak.url}/admin/realms/{scene.realm.name}",
        "OIDC__USER_SEARCH__CLIENT_ID": directory.id, "OIDC__USER_SEARCH__CLIENT_SECRET": directory.secret,
    }
    return scene.simple(**own | settings)


def find(server, tokens, words):
    return server.ask("GET", f"/users/find?q={words}", tokens.access).expect(200).json()


@check
def search(scene):
    """people who were never here are found by name and address, those who were only as users"""
    client, server = searching(scene)
    ada, bob = scene.person("ada"), scene.person("bob")
    gone = scene.person("bobby-gone", enabled=False)
    tokens = sign_in(server, client, ada)
    found = find(server, tokens, "bob")
    assert [(one["kind"], one["email"], one["firstname"], one["lastname"]) for one in found] == [
        ("unregistered", bob.email, "Bob", "Example")], found
    assert "avatar_url" in found[0] and gone.email not in str(found)
    both = find(server, tokens, "Example")
    assert [(one["kind"], one["email"]) for one in both] == [("registered", ada.email), ("unregistered", bob.email)], both
    sign_in(server, client, bob)
    found = eventually("bob as a user", KEPT_SECS, lambda: [one for one in find(server, tokens, "bob") if one["kind"] == "registered"])
    assert [one["kind"] for one in find(server, tokens, "bob")] == ["registered"], found
    # Whoever is locked out here is nobody's find, by neither way.
    server.invoke("users", "disable", bob.subject)
    eventually("nobody", KEPT_SECS, lambda: find(server, tokens, "bob") == [])


@check
def search_by_address(scene):
    """with user_search = "exact" only a whole address finds somebody"""
    client, server = searching(scene, DEFAULTS__USER_SEARCH="exact")
    ada, bob = scene.person("ada"), scene.person("bob")
    tokens = sign_in(server, client, ada)
    assert find(server, tokens, "bob") == find(server, tokens, bob.email[:-1]) == []
    assert [one["email"] for one in find(server, tokens, bob.email)] == [bob.email]


@check
def search_of_tenants(scene):
    """nobody of another tenant is found at the provider"""
    client, server = searching(scene)
    people = {name: scene.person(name, attributes={"tenant_id": tenant} if tenant else {})
              for name, tenant in (("ada", "acme"), ("anna", "acme"), ("bob", "bolt"), ("nemo", None), ("nina", None))}
    tokens = {name: sign_in(server, client, people[name]) for name in ("ada", "bob", "nemo")}
    for name, wanted in (("ada", {"ada", "anna"}), ("bob", {"bob"}), ("nemo", {"nemo", "nina"})):
        emails = {one["email"] for one in find(server, tokens[name], "Example")}
        assert emails == {people[other].email for other in wanted}, (name, emails)


@check
def search_without_right(scene):
    """a service account that may not look people up costs no search: what is here is found"""
    client, server = searching(scene)
    other = steps.confidential_client(scene.realm, "no-directory")
    server.restart(OIDC__USER_SEARCH__CLIENT_ID=other.id, OIDC__USER_SEARCH__CLIENT_SECRET=other.secret)
    ada = scene.person("ada")
    scene.person("adam")
    tokens = sign_in(server, client, ada)
    assert [one["kind"] for one in find(server, tokens, "ada")] == ["registered"]
    assert server.lines("WARN"), "nothing in the log"


@check
def invited_from_the_directory(scene):
    """an invited address that the provider knows has its names; with external_invitations = false no other is taken"""
    client, server = searching(scene, MAIL__EXTERNAL_INVITATIONS="false")
    ada, bob = scene.person("ada"), scene.person("bob")
    tokens = sign_in(server, client, ada)
    event = invite(server, tokens, {"email": bob.email, "role": "guest"})
    invitees = server.ask("GET", f"/events/{event}/invites", tokens.access).expect(200).json()
    shown = [one["profile"] for one in invitees if one["profile"].get("email") == bob.email]
    assert [(one.get("firstname"), one.get("lastname")) for one in shown] == [("Bob", "Example")], invitees
    refused = server.ask("POST", f"/events/{event}/invites", tokens.access, json={"email": "nobody@elsewhere.test", "role": "guest"})
    assert refused.expect(403).json()["code"] == "forbidden", refused.text
