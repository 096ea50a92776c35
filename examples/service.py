"""A service that compresses what is sent to it, on Python's own HTTP server: how to use a codec in a server.

    python examples/service.py --port 8000
    curl --data-binary @photo.jpg 'localhost:8000/compress?quality=40' -o photo.lat
    curl --data-binary @photo.lat localhost:8000/decompress -o photo.png

One codec is opened when the service starts, and serves all requests; onnxruntime shares its threads among them. Inputs
are limited in bytes and in pixels, and bad input is answered with one line. The service listens on loopback: put a
proxy that handles TLS and users in front of it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore
from urllib.parse import parse_qs, urlsplit

import aezip
from aezip import images

MAX_BYTES, MAX_PIXELS = 2**26, 2**26
AT_ONCE = BoundedSemaphore(2)  # pictures in memory


def compress(codec: aezip.Codec, body: bytes, query: dict[str, str]) -> tuple[bytes, str]:
    """An image file → a `.lat` file, with alpha and metadata."""
    picture = images.parse(body, MAX_PIXELS)
    try:
        quality = float(query.get("quality", "60"))
    except ValueError:
        raise aezip.AezipError(f"quality '{query['quality']}'", "0 to 100") from None
    return codec.encode(picture.pixels, quality, sections=images.sections_of(picture)), "image/x-aezip"


def decompress(codec: aezip.Codec, body: bytes, query: dict[str, str]) -> tuple[bytes, str]:
    """A `.lat` file → a PNG."""
    image = codec.decompress(body, max_pixels=MAX_PIXELS)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue(), "image/png"


PLACES = {"/compress": compress, "/decompress": decompress}


class Handler(BaseHTTPRequestHandler):
    """POST /compress?quality=Q and POST /decompress."""

    codec: aezip.Codec
    timeout = 30  # seconds without a byte

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        length = self.headers.get("Content-Length", "")
        if url.path not in PLACES:
            return self.refuse(HTTPStatus.NOT_FOUND, f"no {url.path}; expected one of {', '.join(PLACES)}")
        if not length.isdecimal():
            return self.refuse(HTTPStatus.LENGTH_REQUIRED, "expected a Content-Length")
        if int(length) > MAX_BYTES:
            return self.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{length} B; expected at most {MAX_BYTES}")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            return self.refuse(HTTPStatus.BAD_REQUEST, f"{len(body)} B came; expected {length}")
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        try:
            with AT_ONCE:
                data, kind = PLACES[url.path](self.codec, body, query)
        except aezip.AezipError as error:
            return self.refuse(HTTPStatus.BAD_REQUEST, str(error))
        return self.answer(HTTPStatus.OK, data, kind)

    def refuse(self, status: HTTPStatus, line: str) -> None:
        self.close_connection = True
        self.answer(status, f"{line}\n".encode(), "text/plain; charset=utf-8")

    def answer(self, status: HTTPStatus, data: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def serve(port: int, model: str) -> ThreadingHTTPServer:
    """The server, which listens already."""
    handler = type("Handler", (Handler,), {"codec": aezip.Codec(model)})
    return ThreadingHTTPServer(("127.0.0.1", port), handler)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--model", default="photo")
    options = parser.parse_args()
    with serve(options.port, options.model) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
