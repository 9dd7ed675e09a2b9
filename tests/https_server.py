"""An HTTPS server on this machine that answers as it is told and keeps what it was asked."""

import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Taken:
    """A request that reached the server."""

    line: str
    headers: dict[str, str]
    body: bytes
    server_name: str | None
    """The name that TLS was asked for."""


@dataclass(slots=True)
class HttpsServer:
    """What a test says to the server, and what it learns from it."""

    port: int
    certificate: str
    """PEM, of its own issuer."""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    requests: list[Taken] = field(default_factory=list, repr=False)

    def answers(self, status: int, headers: dict[str, str] | None = None, delay: float = 0.0) -> None:
        """From now on it answers so, and nothing was asked yet."""
        self.requests = []
        self.status, self.headers, self.delay = status, headers or {}, delay

    def taken(self) -> list[Taken]:
        """The requests since this was asked last."""
        taken, self.requests = self.requests, []
        return taken

    def trust(self) -> ssl.SSLContext:
        """Who trusts this server alone."""
        return ssl.create_default_context(cadata=self.certificate)


@contextmanager
def https_server(name: str) -> Iterator[HttpsServer]:
    """A server with a certificate for `name`."""
    certificate, key = _certificate(name)
    asked_names: dict[int, str | None] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            server_name = asked_names.get(id(self.connection))
            told.requests.append(Taken(self.requestline, dict(self.headers.items()), body, server_name))
            time.sleep(told.delay)
            self.send_response(told.status)
            for header, value in told.headers.items():
                self.send_header(header, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002 - as the base class has it
            return

    class Server(ThreadingHTTPServer):
        def get_request(self) -> tuple[ssl.SSLSocket, tuple[str, int]]:
            plain, address = self.socket.accept()
            return context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False), address

        def handle_error(self, request: object, client_address: object) -> None:
            """Callers that trust nobody hang up."""

    def asked(connection: ssl.SSLSocket | ssl.SSLObject, server_name: str | None, _: ssl.SSLContext) -> None:
        asked_names[id(connection)] = server_name

    with tempfile.TemporaryDirectory() as folder:
        pem = Path(folder, "server.pem")
        pem.write_text(certificate + key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
    context.sni_callback = asked
    server = Server(("127.0.0.1", 0), Handler)
    told = HttpsServer(server.server_address[1], certificate)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _certificate(name: str) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    unlocked = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unlocked)
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()
