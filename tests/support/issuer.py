"""A token issuer on aiohttp, in a thread of its own: OAuth's client credentials in, signed tokens out.

The rule: a client that does not show its secret gets no token, and what it got ends when it says.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from aiohttp import BasicAuth, web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.support.ports import HOST, free_port

AUDIENCE = "kafka"
KEY_ID = "key-1"


class Issuer:
    """Serves `/token` and `/keys`; `secrets` are those of its clients, by their ids, which tokens name.

    A client may have several, as while one takes the place of another.
    """

    def __init__(self, secrets: Mapping[str, str], *, token_seconds: float = 300.0) -> None:
        self.secrets = {client: {secret} for client, secret in secrets.items()}
        self.granted: list[str] = []
        """Whom a token was given to, one for each."""
        self.refused: list[str] = []
        """Who showed a secret that is not his."""
        self._token_seconds = token_seconds
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="issuer")
        self._port = free_port()

    @property
    def url(self) -> str:
        """Its name, which its tokens bear."""
        return f"http://{HOST}:{self._port}"

    @property
    def token_url(self) -> str:
        """Where tokens are given."""
        return f"{self.url}/token"

    @property
    def keys_url(self) -> str:
        """Where the keys are that tokens are signed with."""
        return f"{self.url}/keys"

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> None:
        app = web.Application()
        app.add_routes([web.post("/token", self._give), web.get("/keys", self._show_keys)])
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self._port).start()

    async def _give(self, request: web.Request) -> web.Response:
        try:
            shown = BasicAuth.decode(request.headers.get("Authorization", ""))
        except ValueError:
            return web.json_response({"error": "invalid_request"}, status=400)
        if shown.password not in self.secrets.get(shown.login, ()):
            self.refused.append(shown.login)
            return web.json_response({"error": "invalid_client"}, status=401)
        self.granted.append(shown.login)
        token = self._signed(shown.login)
        return web.json_response({"access_token": token, "token_type": "Bearer"})

    async def _show_keys(self, _request: web.Request) -> web.Response:
        public = self._key.public_key().public_numbers()
        key = {"kty": "RSA", "kid": KEY_ID, "alg": "RS256", "use": "sig"}
        numbers = {"n": _packed(_bytes(public.n)), "e": _packed(_bytes(public.e))}
        return web.json_response({"keys": [{**key, **numbers}]})

    def _signed(self, subject: str) -> str:
        now = time.time()
        claims = {"iss": self.url, "sub": subject, "aud": AUDIENCE, "iat": int(now)}
        claims["exp"] = int(now + self._token_seconds)
        head = {"alg": "RS256", "typ": "JWT", "kid": KEY_ID}
        text = f"{_packed(_json(head))}.{_packed(_json(claims))}"
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{_packed(signature)}"


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value).encode()


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _packed(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
