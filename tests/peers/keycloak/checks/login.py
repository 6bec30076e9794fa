"""Logging in and going on, as the web client does."""

from concurrent.futures import ThreadPoolExecutor

from browser import Browser
from registry import check
from scene import log_in, refresh, refreshed, sign_in
from web import claims


@check
def login(scene):
    """the form with PKCE, POST /auth/login, a request, a refresh, and the end at the provider"""
    client, server = scene.simple()
    ada = scene.person("ada")
    browser = Browser()
    tokens = log_in(client, ada.username, browser)
    me = server.log_in(tokens)
    assert (me["email"], me["firstname"], me["lastname"]) == (ada.email, "Ada", "Example"), me
    assert me["display_name"] == "Ada Example", me
    again = refreshed(client, tokens)
    assert again.access != tokens.access and server.me(again)["id"] == me["id"]
    # The same browser is still logged in: the provider asks for nothing.
    once_more = log_in(client, ada.username, browser)
    assert server.log_in(once_more)["id"] == me["id"]
    browser.log_out(client, once_more)
    refused = refresh(client, once_more)
    assert refused.status == 400, refused


@check
def provider(scene):
    """GET /auth/login names the issuer, however the setting is written"""
    client = scene.client()
    server = scene.server(client, OIDC__AUTHORITY=scene.realm.issuer + "/")
    told = server.ask("GET", "/auth/login").expect(200).json()["oidc"]["url"]
    assert told == scene.realm.issuer, told
    sign_in(server, client, scene.person("ada"))


@check
def wrong_tokens(scene):
    """ID, refresh and offline tokens are no bearer tokens, an access token is no ID token"""
    client, server = scene.simple()
    ada = scene.person("ada")
    tokens = log_in(client, ada.username, scope="openid profile email offline_access")
    assert claims(tokens.refresh)["typ"] == "Offline"
    ordinary = log_in(client, ada.username)
    for wrong in (tokens.id, tokens.refresh, ordinary.refresh):
        server.ask("GET", "/users/me", wrong).expect(401)
    server.ask("POST", "/auth/login", json={"id_token": tokens.access}).expect(401)
    server.me(tokens)


@check
def new_user_needs_no_login(scene):
    """the first request with an access token makes the user, also forty at once"""
    client, server = scene.simple()
    tokens = log_in(client, scene.person("ada").username)
    with ThreadPoolExecutor(40) as pool:
        ids = {me["id"] for me in pool.map(lambda _: server.me(tokens), range(40))}
    assert len(ids) == 1, ids
