"""A server on loopback that sends any bytes, and the bytes of hostile servers and archives."""

import gzip
import signal
import socket
import ssl
import tarfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from itertools import repeat
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from time import sleep
from typing import Any, Self
from unittest.mock import patch

from stages.shared.sources import SourceError

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

        self._server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
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


def dripping(start: bytes, byte: bytes) -> Answer:
    """Return the answer that sends the start, then the byte from time to time."""

    def pieces() -> Iterator[bytes]:
        yield start
        while True:
            yield byte
            sleep(0.05)

    return pieces


OK, CHUNKED = b"HTTP/1.1 200 OK\r\n", b"Transfer-Encoding: chunked\r\n"
GZIP = b"\x1f\x8b\x08%c" + bytes(5) + b"\x03"

ENDLESS = {
    "interim answers": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "chunk extension": endless(OK + CHUNKED + b"\r\n", b"1;" + b"x" * 1000 + b"\r\n\0\r\n"),
    "trailers": endless(OK + CHUNKED + b"\r\n3\r\n\0\0\x08\r\n0\r\n", b"X: y\r\n"),
    "error page": endless(b"HTTP/1.1 503 Busy\r\n\r\n", b"x"),
    "redirect's page": endless(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", b"x"),
    "gzip members": endless(OK + b"\r\n", gzip.compress(b"")),
    "gzip name": endless(OK + b"\r\n" + GZIP % 8, b"x"),
    "gzip blocks": endless(OK + b"\r\n" + GZIP % 0, b"\0\0\0\xff\xff"),
}

DRIPPING = {
    "status line": dripping(b"HTTP/1.1 ", b"1"),
    "header": dripping(OK + b"X: ", b"x"),
    "chunk length": dripping(OK + CHUNKED + b"\r\n", b"0"),
    "content": dripping(OK + b"\r\n\0\0\x08", b"\0"),
}


@contextmanager
def answering(content: bytes) -> Iterator[None]:
    """Answer every connection, to any host, with the content and then its end, without network."""
    with ExitStack() as opened:

        def connect(_: object, timeout: float | None = None, **__: Any) -> socket.socket:
            here, there = socket.socketpair()
            opened.enter_context(there)
            here.settimeout(timeout)
            there.sendall(content)
            there.shutdown(socket.SHUT_WR)
            return here

        with patch("urllib3.util.connection.create_connection", connect):
            yield


def member(name: str, body: bytes = b"", kind: bytes = tarfile.REGTYPE, **more: object) -> bytes:
    """Return a member of an archive as bytes, with the given fields in its header."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(body)
    for field, value in more.items():
        setattr(info, field, value)
    return info.tobuf(tarfile.GNU_FORMAT) + body + bytes(-len(body) % tarfile.BLOCKSIZE)


def sparse(body: bytes, **records: str) -> bytes:
    """Return the file as a member whose extended header describes its holes."""
    lines = [f" GNU.sparse.{key}={value}\n" for key, value in records.items()]
    numbered = "".join(f"{len(line) + 2}{line}" for line in lines)
    return member("header", numbered.encode(), tarfile.XHDTYPE) + member(NAME, body)


SPARSE = {
    "map": sparse(b"\0\0\x08", map="a,b"),
    "size": sparse(b"\0\0\x08", size="a"),
    "1.0": sparse(b"a\nb\n" * 200, major="1", minor="0", realsize="9", name=NAME),
    "sound": sparse(b"\0\0\x08abc", map="0,3,9,3", size="20"),
}
LONG_NAME = member("././@LongLink", kind=tarfile.GNUTYPE_LONGNAME, size=3 << 30)


def with_checksums(archive: bytes) -> bytes:
    """Return the archive with a checksum in each block, as if each were a header."""
    blocks = bytearray(archive)
    for start in range(0, len(archive) - tarfile.BLOCKSIZE + 1, tarfile.BLOCKSIZE):
        place = slice(start + 148, start + 156)
        blocks[place] = b" " * 8
        blocks[place] = b"%06o\0 " % sum(blocks[start : start + tarfile.BLOCKSIZE])
    return bytes(blocks)


def backwards() -> bytes:
    """Return a member of a negative size, after which some versions of ``tarfile`` never end."""
    header = bytearray(member("other"))
    header[124:136] = (-512).to_bytes(12, "big", signed=True)
    return with_checksums(bytes(header))


@contextmanager
def seconds_of_processor(seconds: float) -> Iterator[None]:
    """Stop the block with a ``SourceError``, as the reader's own timer would kill its process."""

    def stop(*_: object) -> None:
        raise SourceError("too slow")

    signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
