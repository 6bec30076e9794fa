"""A person at a browser: the provider's login form, as the web client uses it (authorization code with PKCE)."""

import base64
import hashlib
import html
import re
import secrets
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from web import ask

REDIRECTS_MAX = 10


@dataclass
class Tokens:
    access: str
    refresh: str
    id: str

    @staticmethod
    def of(answer):
        body = answer.expect(200).json()
        return Tokens(body["access_token"], body.get("refresh_token"), body.get("id_token"))


class Browser:
    """Keeps cookies, so whoever has logged in stays logged in. `at` maps the provider's public origin to where it really is."""

    def __init__(self, at=("", "")):
        self.cookies = {}
        self.at = at

    def _ask(self, method, url, form=None):
        public, real = self.at
        if public and url.startswith(public):
            url = real + url[len(public):]
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = ask(method, url, form=form, headers={"Cookie": cookie} if cookie else {})
        for line in answer.cookies:
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name.strip()] = value
        return answer

    def log_in(self, client, username, password, scope="openid profile email"):
        """Through the form of a client of the realm; answers the tokens of the exchange."""
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": client.id,
            "redirect_uri": client.redirect_uri,
            "scope": scope,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        url = f"{client.realm.endpoint('auth')}?{urlencode(query)}"
        code = self._code(url, client.redirect_uri, username, password)
        form = {
            "grant_type": "authorization_code",
            "client_id": client.id,
            "code": code,
            "redirect_uri": client.redirect_uri,
            "code_verifier": verifier,
        }
        return Tokens.of(ask("POST", client.realm.endpoint("token"), form=form | client.secret_field()))

    def log_out(self, client, tokens):
        """As the web client does: the provider's page for it, and back."""
        query = {"id_token_hint": tokens.id, "post_logout_redirect_uri": client.redirect_uri}
        answer = self._ask("GET", f"{client.realm.endpoint('logout')}?{urlencode(query)}").expect(302)
        assert answer.headers["location"].startswith(client.redirect_uri), answer.headers["location"]

    def _code(self, url, redirect_uri, username, password):
        """Follows pages and forms up to the redirect that brings the code."""
        answer = self._ask("GET", url)
        for _ in range(REDIRECTS_MAX):
            if answer.status in (302, 303):
                url = urljoin(url, answer.headers["location"])
                if url.startswith(redirect_uri):
                    found = parse_qs(urlsplit(url).query)
                    assert "code" in found, f"the login ended at {url}"
                    return found["code"][0]
                answer = self._ask("GET", url)
                continue
            form = re.search(r'<form[^>]*id="kc-form-login"[^>]*action="([^"]+)"', answer.expect(200).text)
            assert form, "no login form: " + re.sub(r"(<[^>]+>|\s)+", " ", answer.text)[:500]
            url = html.unescape(form[1])
            answer = self._ask("POST", url, {"username": username, "password": password})
        raise AssertionError("the login goes in circles")
