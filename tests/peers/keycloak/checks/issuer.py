"""The issuer itself: its keys, its URL, what the server says of it."""

from browser import Browser
from registry import check
from scene import PASSWORD, eventually, log_in, sign_in
from web import ask, header

# A key set is fetched every 10 s at the most; a guard against hanging only.
FETCHED_SECS = 50


def add_key(realm, priority, kind="rsa", **config):
    """A key that signs from now on, as its priority is the highest; answers the id of what makes it."""
    values = {"priority": str(priority), "enabled": "true", "active": "true"} | config
    parent = realm.admin("GET", "")["id"]
    return realm.admin("POST", "/components", {
        "name": f"{kind}-{priority}", "providerId": f"{kind}-generated", "providerType": "org.keycloak.keys.KeyProvider",
        "parentId": parent, "config": {name: [value] for name, value in values.items()},
    })


def becomes_good(server, tokens):
    """A token by a key that is not known yet is never 401: the web client would log in again and again."""
    def look():
        answer = server.ask("GET", "/users/me", tokens.access)
        if answer.status == 503:
            assert answer.headers.get("retry-after"), answer
            return False
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} for a key that is new: {answer.text}")
        return True
    eventually("the new key", FETCHED_SECS, look)


@check
def key_rotation(scene):
    """two new keys within a minute are good at once or 503; a key that is withdrawn ends its tokens"""
    scene.own_realm()
    client, server = scene.simple()
    ada = scene.person("ada")
    first = sign_in(server, client, ada)
    old = ada.realm.one("/components?type=org.keycloak.keys.KeyProvider", "name", "rsa-generated")
    known = {header(first.access)["kid"]}
    for priority in (200, 300):
        add_key(scene.realm, priority)
        tokens = log_in(client, ada.username)
        kid = header(tokens.access)["kid"]
        assert kid not in known
        known.add(kid)
        becomes_good(server, tokens)
        assert server.status(first) == 200
    old["config"] |= {"active": ["false"], "enabled": ["false"]}
    scene.realm.admin("PUT", f"/components/{old['id']}", old)
    # A further new key makes the server fetch the set, which lacks the first one now.
    add_key(scene.realm, 400)
    becomes_good(server, log_in(client, ada.username))
    eventually("the withdrawn key", FETCHED_SECS, lambda: server.status(first) == 401)


@check
def algorithms(scene):
    """ES256, PS256 and EdDSA, also beside an Ed448 key, which is left alone"""
    scene.own_realm()
    add_key(scene.realm, 100, "ecdsa", ecdsaEllipticCurveKey="P-256")
    add_key(scene.realm, 100, "eddsa", eddsaEllipticCurveKey="Ed25519")
    add_key(scene.realm, 50, "eddsa", eddsaEllipticCurveKey="Ed448")
    client, server = scene.simple()
    ada = scene.person("ada")
    for algorithm in ("ES256", "PS256", "EdDSA"):
        client.change(attributes={"access.token.signed.response.alg": algorithm, "id.token.signed.response.alg": algorithm})
        tokens = log_in(client, ada.username)
        assert header(tokens.access)["alg"] == header(tokens.id)["alg"] == algorithm
        becomes_good(server, tokens)
        server.log_in(tokens)


@check
def start_line(scene):
    """the start says in one line whom it trusts; `config check --online` says it too"""
    client = scene.client()
    server = scene.server(client)
    lines = eventually("the line", FETCHED_SECS, lambda: server.lines("INFO", scene.realm.issuer, "RS256", "userinfo"))
    assert len(lines) == 1, lines
    printed = server.invoke("config", "check", "--online")
    assert scene.realm.issuer in printed and "RS256" in printed, printed


@check
def other_issuer(scene):
    """an authority under another name than the issuer's own is told with both, at the start and by the check"""
    scene.own_realm()
    own = scene.realm.issuer.replace("127.0.0.1", "localhost")
    scene.realm.change("", attributes={"frontendUrl": scene.realm.keycloak.url.replace("127.0.0.1", "localhost")})
    client = scene.client()
    server = scene.server(client)
    lines = eventually("the warning", FETCHED_SECS, lambda: server.lines("WARN", scene.realm.issuer, own))
    assert len(lines) == 1, lines
    tokens = log_in(client, scene.person("ada").username, Browser())
    answer = server.ask("GET", "/users/me", tokens.access).expect(503)
    assert "the identity provider is not usable" in answer.json()["message"], answer.text
    ready = ask("GET", f"{server.url}/health/ready").expect(200).json()
    assert "unreachable" in str(ready), ready
    status, printed = server.run("config", "check", "--online")
    assert status != 0 and own in printed and scene.realm.issuer in printed, printed
    # What is said is what helps.
    server.restart(OIDC__AUTHORITY=own)
    server.me(tokens)


@check
def service_authority(scene):
    """an issuer that only browsers reach by its own URL is asked at oidc.service_authority"""
    scene.own_realm()
    public = "https://id.example.test"
    scene.realm.change("", attributes={"frontendUrl": public})
    client, server = scene.simple(
        OIDC__AUTHORITY=f"{public}/realms/{scene.realm.name}", OIDC__SERVICE_AUTHORITY=scene.realm.issuer,
        OIDC__USERINFO_SECS=3600)
    browser = Browser(at=(public, scene.realm.keycloak.url))
    ada = scene.person("ada", attributes={"tenant_id": "acme"})
    tokens = browser.log_in(client, ada.username, PASSWORD)
    server.log_in(tokens)
    assert server.ask("GET", "/auth/login").json()["oidc"]["url"] == f"{public}/realms/{scene.realm.name}"
    # Userinfo is asked there, too: the name has changed since the token was made.
    ada.change(firstName="Augusta")
    server.restart()
    eventually("the new name", FETCHED_SECS, lambda: server.me(tokens)["firstname"] == "Augusta")
    browser.log_out(client, tokens)
    eventually("the log-out", FETCHED_SECS, lambda: server.status(tokens) == 401)


@check
def moved(scene):
    """a provider that has moved: people and their rooms stay, also of those who came before it was told"""
    scene.own_realm()
    before = scene.realm.issuer
    after = before.replace("127.0.0.1", "localhost")
    client, server = scene.simple()
    ada, bob = scene.person("ada"), scene.person("bob")
    old = sign_in(server, client, ada)
    ids = [server.me(tokens)["id"] for tokens in (old, sign_in(server, client, bob))]
    room = server.ask("POST", "/rooms", old.access, json={}).expect(201).json()["id"]
    scene.realm.change("", attributes={"frontendUrl": scene.realm.keycloak.url.replace("127.0.0.1", "localhost")})
    server.restart(OIDC__AUTHORITY=after)
    new = sign_in(server, client, ada)
    assert server.me(new)["id"] != ids[0]
    later = server.ask("POST", "/rooms", new.access, json={}).expect(201).json()["id"]
    server.restart(OIDC__FORMER_ISSUERS=f'["{before}"]')
    eventually("one account again", FETCHED_SECS, lambda: server.me(new)["id"] == ids[0])
    rooms = {one["id"] for one in server.ask("GET", "/rooms", new.access).expect(200).json()}
    assert rooms == {room, later}, rooms
    assert server.me(sign_in(server, client, bob))["id"] == ids[1]
    server.ask("GET", "/users/me", old.access).expect(401)


@check
def private_authority(scene):
    """TLS by an authority of one's own: SSL_CERT_FILE names it, without it the provider is not trusted"""
    scene.own_realm()
    keycloak = scene.realm.keycloak
    scene.realm.change("", attributes={"frontendUrl": keycloak.tls_url})
    issuer = f"{keycloak.tls_url}/realms/{scene.realm.name}"
    client = scene.client()
    server = scene.server(client, OIDC__AUTHORITY=issuer)
    eventually("the warning", FETCHED_SECS, lambda: server.lines("WARN", issuer))
    server.variables["SSL_CERT_FILE"] = str(keycloak.identity.authority)
    server.restart()
    tokens = Browser(at=(keycloak.tls_url, keycloak.url)).log_in(client, scene.person("ada").username, PASSWORD)
    server.log_in(tokens)
