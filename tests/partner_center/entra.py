"""A stand-in for Microsoft Entra's endpoints as the Microsoft identity platform documents them, on loopback.

It knows one tenant, one application and refresh tokens; a test sets which of them it accepts, and its other answers.
"""

import base64
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import requests

from shared.partner_center.sign_in.exchange import EntraHttpClient

TENANT = "0f3c849a-129f-4b85-a96d-4f8e88b315a3"
APP = "1f3c849a-129f-4b85-a96d-4f8e88b315a3"
SECRET = "the-secret-of-the-app"

REVOKED = "AADSTS50173: The provided grant has expired due to it being revoked. Trace ID: 1 Timestamp: 2026-05-04"
MFA_MISSING = "AADSTS50076: Due to a configuration change, you must use multi-factor authentication. Trace ID: 1"


def access_token(number: int, methods: list[str] | None = None) -> str:
    """An unsigned token that states how its user signed in."""
    parts: tuple[dict[str, Any], ...] = ({"alg": "none"}, {"n": number, "amr": methods or ["pwd", "mfa"]})
    return ".".join([*(_segment(part) for part in parts), f"signature-{number}"])


def _segment(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


@dataclass
class Entra:
    """The stand-in. Change its fields to change its behaviour."""

    refresh_tokens: set[str] = field(default_factory=lambda: {"refresh-0"})
    """The refresh tokens that it accepts; every exchange adds one and revokes none."""
    refuse: str | None = None
    """The description of the error that every exchange ends with."""
    error: str = "invalid_grant"
    raw: tuple[int, bytes] | None = None
    """An answer in place of every other one of the token endpoint."""
    redirect_to: str | None = None
    lifetime: Any = 3599
    methods: list[str] | None = None
    seconds_to_answer: float = 0.0
    pending_polls: int = 1
    """The number of polls of a device code before its user has signed in."""
    requests: list[dict[str, str]] = field(default_factory=list)
    """The bodies that the token endpoint received."""

    def __enter__(self) -> Self:
        entra = self
        self._count = 0
        self._lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                entra._discovery(self)

            def do_POST(self) -> None:
                entra._post(self)

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def http_client(self) -> "Redirected":
        """An HTTP client for MSAL that routes the sign-in service's address here."""
        return Redirected(self.url)

    def _discovery(self, request: BaseHTTPRequestHandler) -> None:
        base = f"https://login.microsoftonline.com/{TENANT}"
        if request.path.partition("?")[0] != f"/{TENANT}/v2.0/.well-known/openid-configuration":
            _answer(request, 400, {"error": "invalid_tenant", "error_description": "AADSTS90002: Tenant not found."})
            return
        endpoints = {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        }
        _answer(request, 200, endpoints)

    def _post(self, request: BaseHTTPRequestHandler) -> None:
        content = request.rfile.read(int(request.headers["Content-Length"])).decode()
        body = {name: values[0] for name, values in parse_qs(content).items()}
        if urlsplit(request.path).path.endswith("/devicecode"):
            _answer(
                request,
                200,
                {
                    "user_code": "ABCD-1234",
                    "device_code": "the-device-code",
                    "verification_uri": "https://microsoft.com/devicelogin",
                    "expires_in": 60,
                    "interval": 0,
                    "message": "To sign in, open https://microsoft.com/devicelogin and enter the code ABCD-1234",
                },
            )
            return
        with self._lock:
            self.requests.append(body)
        time.sleep(self.seconds_to_answer)
        if self.redirect_to is not None:
            request.send_response(307)
            request.send_header("Location", self.redirect_to)
            request.send_header("Content-Length", "0")
            request.end_headers()
        elif self.raw is not None:
            _answer_raw(request, *self.raw)
        else:
            _answer(request, *self._token(body))

    def _token(self, body: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if self.refuse is not None:
            return 400, {"error": self.error, "error_description": self.refuse}
        if body["grant_type"] == "refresh_token":
            if body.get("client_secret") != SECRET and "client_assertion" not in body:
                return 401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret."}
            if body["refresh_token"] not in self.refresh_tokens:
                return 400, {"error": "invalid_grant", "error_description": REVOKED}
        elif self.pending_polls > 0:
            self.pending_polls -= 1
            return 400, {"error": "authorization_pending", "error_description": "AADSTS70016: pending"}
        with self._lock:
            self._count += 1
            self.refresh_tokens.add(f"refresh-{self._count}")
            return 200, {
                "token_type": "Bearer",
                "access_token": access_token(self._count, self.methods),
                "expires_in": self.lifetime,
                "refresh_token": f"refresh-{self._count}",
            }


class Redirected(EntraHttpClient):
    """The app's own HTTP client; requests to login.microsoftonline.com go to the stand-in, and none elsewhere."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def post(self, url: str, **request: Any) -> requests.Response:
        return super().post(self._there(url), **request)

    def get(self, url: str, **request: Any) -> requests.Response:
        return super().get(self._there(url), **request)

    def _there(self, url: str) -> str:
        host = "https://login.microsoftonline.com"
        assert url.startswith(f"{host}/"), url
        return self._url + url.removeprefix(host)


def _answer(request: BaseHTTPRequestHandler, status: int, content: dict[str, Any]) -> None:
    _answer_raw(request, status, json.dumps(content).encode())


def _answer_raw(request: BaseHTTPRequestHandler, status: int, content: bytes) -> None:
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)
