"""The viewer page, served on the loopback interface: a `.lat` file, its original, and the models that decode it.

The page decodes in the browser (`runtime/web/`, which `npm run build` packs into `web/`). Only clients that know the
secret address are served: a request must name this host (a page elsewhere whose name was bound to 127.0.0.1 does not),
and answers forbid other origins to read them. Two headers of isolation let onnxruntime-web use threads.
"""

from __future__ import annotations

import gzip
import json
import os
import secrets
import sys
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from .. import images
from ..errors import (
    AezipError,
    FormatError,
    ImageError,
    UnknownFingerprint,
    UsageError,
    ViewerMissing,
    about,
    finding_of,
)
from ..model import archives, packages, store
from ..storage.files import read_bytes

LOOPBACK = "127.0.0.1"
WEB = Path(__file__).parent / "web"
ORT = "ort-wasm-simd-threaded.wasm"
_HOSTS = (LOOPBACK, "localhost")
_TYPES = {
    "index.html": "text/html; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "aezip.js": "text/javascript",
    "viewer.js": "text/javascript",
    "worker.js": "text/javascript",
    "ort.mjs": "text/javascript",
    ORT: "application/wasm",
}
_BYTES, _TEXT = "application/octet-stream", "text/plain; charset=utf-8"
_SHOWN = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif", ".bmp")  # by any browser
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self'; "
        "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Shown:
    """What the page shows. Paths are read at each request, so that reloading shows the files' current contents."""

    file: str | None = None  # a .lat file
    original: str | None = None  # an image file
    model: str | None = None  # a name or a package, in addition to the installed ones

    def check(self) -> None:
        """Find out before a browser does what cannot be read.  Raises ImageError, FormatError, ModelError."""
        from ..format.container import unpack

        if self.file is not None:
            with about(self.file):
                unpack(read_bytes(self.file, FormatError))
        if self.original is not None:
            self.picture()
        if self.model is not None:
            store.find(self.model)

    def picture(self) -> bytes:
        """The original in a format that browsers show.  Raises ImageError."""
        if str(self.original).lower().endswith(_SHOWN):
            return read_bytes(str(self.original), ImageError)
        return images.build(images.read(str(self.original), images.ReadOptions(to_8bit=True)), "png")[0]

    def start(self) -> bytes:
        """What the page asks first, as JSON."""
        original = self.original and {"name": Path(self.original).name, "bytes": os.path.getsize(self.original)}
        return json.dumps({"file": self.file and Path(self.file).name, "original": original}).encode()

    def package(self, fingerprint: str) -> bytes:
        """The package that decodes files of this fingerprint.  Raises UnknownFingerprint."""
        try:
            wanted = bytes.fromhex(fingerprint)
        except ValueError:
            raise UnknownFingerprint(f"'{fingerprint}' is not a fingerprint", "16 hexadecimal digits") from None
        named = store.find(self.model) if self.model else None
        beside = archives.folders_of(self.file) if self.file else ()
        return packages.read(store.find_fingerprint(wanted, named, beside).path)


class Server(ThreadingHTTPServer):
    """Answers GET and HEAD under `address` until it is closed."""

    daemon_threads = True

    def __init__(self, shown: Shown, port: int = 0) -> None:
        """port: 0 for a free one.  Raises UsageError if it is not, ViewerMissing."""
        for name in _TYPES:
            if not (WEB / name).is_file() and not (WEB / f"{name}.gz").is_file():
                raise ViewerMissing(
                    f"the viewer's page is incomplete: no {name} in {WEB}",
                    "an installed wheel, or 'npm ci && npm run build' in runtime/web",
                )
        self.shown = shown
        self.secret = secrets.token_urlsafe(12)
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OSError as error:
            raise UsageError(f"port {port} cannot be used ({finding_of(error)})", "a free one") from error

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{LOOPBACK}:{self.server_port}/{self.secret}/"

    def answer(self, name: str, gzipped: bool) -> tuple[HTTPStatus, str, bytes, str]:
        """What is served under a name: status, type, contents, and how those are encoded."""
        name, shown = name or "index.html", self.shown
        files = {"lat": lambda: read_bytes(str(shown.file)), "original": shown.picture}
        try:
            if name in _TYPES:
                return HTTPStatus.OK, _TYPES[name], *_page(name, gzipped)
            if name == "start":
                return HTTPStatus.OK, "application/json", shown.start(), ""
            if name.startswith("models/"):
                return HTTPStatus.OK, _BYTES, shown.package(name.removeprefix("models/")), ""
            if name in files:
                return HTTPStatus.OK, _BYTES, files[name](), ""
        except (AezipError, OSError) as error:
            return HTTPStatus.NOT_FOUND, _TEXT, str(error).encode(), ""
        return HTTPStatus.NOT_FOUND, _TEXT, b"nothing of this name", ""

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that goes away is no error."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds that a connection may be idle

    def do_GET(self) -> None:
        secret, _, name = unquote(urlsplit(self.path).path).removeprefix("/").partition("/")
        if self._host() not in _HOSTS:
            found = HTTPStatus.FORBIDDEN, _TEXT, f"expected {LOOPBACK} as the host".encode(), ""
        elif not secrets.compare_digest(secret.encode(), self.server.secret.encode()):
            found = HTTPStatus.NOT_FOUND, _TEXT, b"expected the address that 'aezip view' printed", ""
        else:
            found = self.server.answer(name, "gzip" in self.headers.get("Accept-Encoding", ""))
        status, kind, contents, encoding = found
        self.send_response(status)
        for header, value in (*_HEADERS.items(), ("Content-Type", kind), ("Content-Length", str(len(contents)))):
            self.send_header(header, value)
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(contents)

    do_HEAD = do_GET

    def _host(self) -> str | None:
        """What the request takes this host for; its port may be that of a tunnel."""
        try:
            return urlsplit(f"//{self.headers.get('Host', '')}").hostname
        except ValueError:
            return None

    def version_string(self) -> str:
        return "aezip"

    def log_message(self, format: str, *args: object) -> None:
        """Requests are nobody's news."""


def _page(name: str, gzipped: bool) -> tuple[bytes, str]:
    """A file of the page, and its encoding."""
    packed = WEB / f"{name}.gz"
    if not packed.is_file():
        return read_bytes(WEB / name), ""
    data = read_bytes(packed)
    return (data, "gzip") if gzipped else (gzip.decompress(data), "")
