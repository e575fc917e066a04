"""A provider of OpenID Connect for one visitor whom it never asks for a password: authorization code flow, RS256."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID = "imgsearch"


@dataclass
class Provider:
    """A running one.

    Attributes:
        url: Where it listens.
        email: Who signs in next.
    """

    url: str
    email: str = "ann@example.org"
    _key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    _nonces: dict[str, str] = field(default_factory=dict)

    def secrets(self) -> str:
        """The secrets.toml of a page that asks it."""
        return f"""[auth]
redirect_uri = "http://127.0.0.1:{{port}}/oauth2callback"
cookie_secret = "{uuid.uuid4().hex}"
client_id = "{CLIENT_ID}"
client_secret = "a secret"
server_metadata_url = "{self.url}/.well-known/openid-configuration"
"""

    def answer(self, path: str, query: dict[str, str]) -> dict[str, Any] | str:
        """JSON, or where to go on."""
        if path == "/authorize":
            code = uuid.uuid4().hex
            self._nonces[code] = query["nonce"]
            return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"
        if path == "/logout":
            return query["post_logout_redirect_uri"]
        if path == "/token":
            return {"access_token": "a token", "token_type": "Bearer", "id_token": self._id_token(query["code"])}
        if path == "/keys":
            return {"keys": [self._key.as_dict(private=False)]}
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "end_session_endpoint": f"{self.url}/logout",
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def _id_token(self, code: str) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT_ID, "sub": self.email, "iat": now, "exp": now + 60}
        claims |= {"nonce": self._nonces.pop(code), "email": self.email, "email_verified": True}
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, self._key)


@contextmanager
def run_provider() -> Iterator[Provider]:
    """Runs one on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            self._send(provider.answer(address.path, _flat(address.query)))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._send(provider.answer(urlsplit(self.path).path, _flat(body)))

        def _send(self, answer: dict[str, Any] | str) -> None:
            body = b"" if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(302 if isinstance(answer, str) else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if isinstance(answer, str):
                self.send_header("Location", answer)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        # By this name: Authlib takes plain HTTP from localhost only.
        provider = Provider(f"http://localhost:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield provider
        server.shutdown()


def _flat(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text).items()}
