"""A stand-in for the secrets of one Key Vault, as its REST reference documents them ("Get Secret", "Set Secret")."""

import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.core.pipeline.transport._requests_basic import RequestsTransport  # its public name has no type
from azure.keyvault.secrets._shared import http_challenge_cache

from shared.plain_session import PlainSession

VAULT = "https://device-drop.vault.azure.net"
NAME = "partner-center-refresh-token"
SECRET_URI = f"{VAULT}/secrets/{NAME}"


@dataclass
class KeyVault:
    """The stand-in. Change its fields to change its behaviour."""

    now: datetime = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
    versions: list[dict[str, Any]] = field(default_factory=list)
    """The versions of the secret, oldest first; `stored_at` has their times."""
    refuse: int | None = None
    """The status of every answer, instead."""
    refuse_to_set: int | None = None
    resource: str = "https://vault.azure.net"
    """The audience for which the challenge requests a token."""
    reads: int = 0

    def put(self, value: str, stored_at: datetime) -> None:
        """A secret that stands there from before."""
        self.versions.append({"value": value, "stored_at": stored_at})

    def __enter__(self) -> Self:
        vault = self
        http_challenge_cache.clear()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                vault._respond(self, None)

            def do_PUT(self) -> None:
                vault._respond(self, json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "null"))

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def client_options(self) -> dict[str, Any]:
        """Options that let a SecretClient of the vault use the stand-in, without waiting between tries."""
        return {"transport": Loopback(self._server.server_port), "retry_backoff_factor": 0.0}

    def _respond(self, request: BaseHTTPRequestHandler, body: dict[str, Any] | None) -> None:
        if request.headers.get("Authorization") != "Bearer vault-token":
            challenge = f'Bearer authorization="https://login.microsoftonline.com/t", resource="{self.resource}"'
            _answer(request, 401, {"error": {"code": "Unauthorized"}}, {"WWW-Authenticate": challenge})
        elif (status := self.refuse or (self.refuse_to_set if body else None)) is not None:
            _answer(request, status, {"error": {"code": "Forbidden", "message": "no"}}, {})
        elif body is not None:
            self.versions.append(body | {"stored_at": self.now})
            _answer(request, 200, self._newest(), {})
        else:
            self.reads += 1
            found = self.versions and request.path.startswith(f"/secrets/{NAME}")
            missing = {"error": {"code": "SecretNotFound", "message": "A secret was not found"}}
            _answer(request, 200 if found else 404, self._newest() if found else missing, {})

    def _newest(self) -> dict[str, Any]:
        newest = self.versions[-1]
        stored_at = int(newest["stored_at"].timestamp())
        return {
            "id": f"{SECRET_URI}/{len(self.versions):032x}",
            "value": newest["value"],
            "attributes": {"enabled": True, "created": stored_at, "updated": stored_at},
        }


class Loopback(RequestsTransport):
    """Sends requests for the vault to the stand-in, and refuses all others."""

    def __init__(self, port: int) -> None:
        super().__init__(session=PlainSession(1), session_owner=False)
        self._port = port

    def send(self, request: Any, **options: Any) -> Any:
        assert request.url.startswith(f"{VAULT}/"), request.url
        original, request.url = request.url, request.url.replace(VAULT, f"http://127.0.0.1:{self._port}")
        try:
            return super().send(request, **options)
        finally:
            request.url = original


class VaultCredential:
    """The app's identity in Azure; a `refused` identity does not exist."""

    def __init__(self, *, refused: bool = False) -> None:
        self._refused = refused

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        if self._refused:
            raise ClientAuthenticationError(message="no identity")
        assert scopes == ("https://vault.azure.net/.default",)
        return AccessToken("vault-token", 4_000_000_000)


def vault_credential() -> TokenCredential:
    """See `VaultCredential`."""
    return VaultCredential()


def _answer(request: BaseHTTPRequestHandler, status: int, content: dict[str, Any], headers: dict[str, str]) -> None:
    body = json.dumps(content).encode()
    request.send_response(status)
    for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)
