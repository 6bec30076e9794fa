"""LiveKit's access tokens: JWT with HS256, which everybody who knows the secret can make."""

import base64
import hashlib
import hmac
import json
import time

LIFETIME_SECS = 600


def _encode(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def sign(key, secret, identity=None, lifetime_secs=LIFETIME_SECS, **more):
    """A token of another program that has the key; `more` are further claims, such as `video` and `kind`."""
    now = int(time.time())
    claims = {"iss": key, "nbf": now - 5, "exp": now + lifetime_secs} | more
    if identity is not None:
        claims |= {"sub": identity, "name": identity}
    text = ".".join(_encode(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{text}.{_encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())}"


def claims(token):
    """What a token says, unverified."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def room(token):
    """The LiveKit room that a token opens: clients take it from there, whatever else they are told."""
    return claims(token)["video"]["room"]
