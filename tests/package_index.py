"""Wheels, and a package index on loopback that serves them to clients with the password."""

import base64
import importlib.metadata
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

USER, PASSWORD = "reader", "p@ss"


def wheel(folder: Path, name: str, version: str, files: dict[str, bytes]) -> Path:
    """Write a wheel of the given files, its metadata among them."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **files,
    }
    files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"]).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in files.items():
            member = zipfile.ZipInfo(file)
            member.external_attr = 0o100755 << 16  # uv is a program
            archive.writestr(member, content)
    return path


def installed_wheel(folder: Path, name: str) -> Path:
    """Write a wheel of a package that is installed here."""
    distribution = importlib.metadata.distribution(name)
    files = {}
    for file in distribution.files or []:
        if file.suffix == ".pyc" or file.name in ("RECORD", "INSTALLER", "REQUESTED"):
            continue
        if file.parts[0] != "..":
            files[str(file)] = file.read_binary()
        elif file.name == "uv":
            files[f"uv-{distribution.version}.data/scripts/uv"] = file.read_binary()
    return wheel(folder, name, distribution.version, files)


class Index(ThreadingHTTPServer):
    """A package index of a folder's wheels, for clients with the password."""

    def __init__(self, wheels: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.wheels = wheels
        self.refused = "nobody"  # beginning of the user agents that are refused
        self.held = ""  # a file that sets ``asked``, and is sent when ``given`` is set
        self.asked, self.given = threading.Event(), threading.Event()

    @property
    def url(self) -> str:
        """The address, password included."""
        return f"http://{USER}:p%40ss@127.0.0.1:{self.server_port}/simple/"


class Handler(BaseHTTPRequestHandler):
    """Pages of the index."""

    server: Index

    def do_GET(self) -> None:
        """Answer a client that has the password and is not refused."""
        password = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != password:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
            self.end_headers()
            return
        if self.headers.get("User-Agent", "").startswith(self.server.refused):
            self.send_error(403)
            return
        name = self.path.strip("/").rpartition("/")[2]
        file = self.server.wheels / name
        if name == self.server.held:
            self.server.asked.set()
            self.server.given.wait(60)
        if file.is_file():
            kind, content = "application/octet-stream", file.read_bytes()
        else:
            links = [
                f'<a href="/{file.name}">{file.name}</a>' for file in file.parent.glob(f"{name}-*")
            ]
            kind, content = "text/html", "".join(links).encode()
        self.send_response(200 if content else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_HEAD(self) -> None:
        """Offer no ranges of files."""
        self.send_error(405)

    def log_message(self, *_: object) -> None:
        """Log nothing."""
