"""A server on loopback that sends any bytes, and the answers of hostile servers."""

import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from itertools import repeat
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from time import sleep
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "train-images-idx3-ubyte"

Answer = Callable[[], Iterable[bytes]]


class Website:
    """A server that sends the pieces of an answer for each path, and closes the connection.

    With a certificate it is encrypted.
    """

    def __init__(self, certificate: Path | None = None) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[str] = []
        website = self

        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):  # the client has closed the connection
                    _, path, _ = self.rfile.readline().decode().split()
                    while self.rfile.readline().strip():
                        """Skip a header."""
                    website.requests.append(path)
                    for piece in website.answers.get(path, answer(status="404 Not Found"))():
                        self.wfile.write(piece)

        class Server(ThreadingTCPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Say nothing of a client that refuses the certificate."""

        self._server = Server(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "https" if certificate else "http"
        self.address = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def write_certificate(path: Path) -> Path:
    """Write a key and a certificate of 127.0.0.1, which signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    secret = key.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + certificate.public_bytes(encoding))
    return path


def answer(body: bytes = b"", *headers: str, status: str = "200 OK") -> Answer:
    """Return the answer with that body, with its length unless a header gives another."""
    if not any(header.startswith(("Content-Length", "Transfer-Encoding")) for header in headers):
        headers = (*headers, f"Content-Length: {len(body)}")
    lines = [f"HTTP/1.1 {status}", *headers, "Connection: close", "", ""]
    return lambda: ["\r\n".join(lines).encode("latin-1"), body]


def endless(start: bytes, piece: bytes) -> Answer:
    """Return the answer that sends the start, then the piece again and again."""
    many = piece * (50_000 // len(piece))

    def pieces() -> Iterator[bytes]:
        yield start
        yield from repeat(many)

    return pieces


def dripping(start: bytes) -> Answer:
    """Return the answer that sends the start, then a byte from time to time."""

    def pieces() -> Iterator[bytes]:
        yield start
        while True:
            yield b"x"
            sleep(0.05)

    return pieces


OK = b"HTTP/1.1 200 OK\r\n"

ENDLESS = {
    "headers": endless(OK, b"X: y\r\n"),
    "error page": endless(b"HTTP/1.1 503 Busy\r\n\r\n", b"x"),
    "content": endless(OK + b"\r\n", b"\0"),
}
