"""Requests by HTTP to a server with the identity provider that is built in."""

import asyncio

from web import ask


class Asking:
    """Whoever has a `server` and asks it."""

    async def rest(self, method, path, token=None, body=None):
        return await asyncio.to_thread(ask, method, f"{self.server.url}/v1{path}", token=token, json=body)

    async def log_in(self, name):
        form = {
            "grant_type": "password", "client_id": "Frontend", "username": name, "password": name,
            "scope": "openid profile email",
        }
        answer = await asyncio.to_thread(ask, "POST", f"{self.server.url}/dev-issuer/token", form=form)
        return answer.expect(200).json()["access_token"]
