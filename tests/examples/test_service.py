"""The service, asked over loopback."""

from __future__ import annotations

import io
import runpy
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import aezip

EXAMPLE = Path(__file__).parents[2] / "examples" / "service.py"


@pytest.fixture
def port(tiny: str) -> Iterator[int]:
    server = runpy.run_path(str(EXAMPLE))["serve"](0, tiny)
    server.RequestHandlerClass.log_message = lambda *_: None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def post(port: int, place: str, body: bytes, headers: dict[str, str] | None = None) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", place, body, headers or {})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer, data


def test_there_and_back(port: int, tiny: str, drawn) -> None:
    file = io.BytesIO()
    Image.fromarray(drawn(40, 30)).save(file, "PNG")
    answer, data = post(port, "/compress?quality=80", file.getvalue())
    assert answer.status == 200
    assert data == aezip.Codec(tiny).compress(Image.open(file), 80)
    answer, png = post(port, "/decompress", data)
    assert (answer.status, answer.getheader("Content-Type")) == (200, "image/png")
    expected = aezip.Codec(tiny).decompress(data)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png))), np.asarray(expected))


@pytest.mark.parametrize(
    ("place", "body", "headers", "status", "line"),
    [
        ("/compress", b"no picture", {}, 400, "expected an image"),
        ("/compress", b"", {}, 400, "empty"),
        ("/decompress", b"GIF89a", {}, 400, "expected"),
        ("/elsewhere", b"", {}, 404, "/compress, /decompress"),
        ("/compress", b"", {"Content-Length": str(2**40)}, 413, "at most"),
        ("/compress", b"", {"Content-Length": "-1"}, 411, "Content-Length"),
    ],
)
def test_bad_requests_get_one_line(port: int, place, body, headers, status, line) -> None:
    answer, data = post(port, place, body, headers)
    assert answer.status == status
    assert line in data.decode()
    assert data.count(b"\n") == 1
