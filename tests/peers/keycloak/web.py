"""HTTP requests that follow nothing, keep nothing and tell everything."""

import base64
import json as codec
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlencode, urlsplit

# A guard against hanging: Keycloak answers its first requests slowly while it warms up.
TIMEOUT_SECS = 60


@dataclass
class Answer:
    status: int
    headers: dict  # names in small letters
    cookies: list  # values of Set-Cookie
    text: str

    def json(self):
        return codec.loads(self.text)

    def expect(self, *statuses):
        if self.status not in statuses:
            raise AssertionError(f"{self.status} instead of {' or '.join(map(str, statuses))}: {self.text[:500]}")
        return self


def ask(method, url, *, token=None, json=None, form=None, headers=None):
    """One request; `json` or `form` is its body. Raises OSError where nobody answers."""
    parts = urlsplit(url)
    head, body = dict(headers or {}), None
    if token is not None:
        head["Authorization"] = f"Bearer {token}"
    if json is not None:
        body, head["Content-Type"] = codec.dumps(json), "application/json"
    elif form is not None:
        body, head["Content-Type"] = urlencode(form, doseq=True), "application/x-www-form-urlencoded"
    connection = HTTPConnection(parts.hostname, parts.port or 80, timeout=TIMEOUT_SECS)
    try:
        path = parts.path or "/"
        connection.request(method, f"{path}?{parts.query}" if parts.query else path, body, head)
        response = connection.getresponse()
        text = response.read().decode("utf-8", "replace")
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.headers.get_all("Set-Cookie") or [], text)
    except HTTPException as error:
        raise OSError(f"{method} {url}: {error!r}") from error
    finally:
        connection.close()


def claims(token):
    """What a JWT says, unverified."""
    payload = token.split(".")[1]
    return codec.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def header(token):
    """The header of a JWT, unverified."""
    return claims("." + token.split(".")[0])
