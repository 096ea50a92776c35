"""Files of the web: GET and HEAD by Python's own client, within a limit, over http and https alone.

Redirects are followed, but not to another kind of URL. Certificates and proxies are those that Python finds.
"""

from __future__ import annotations

import http.client
import time
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ..errors import AezipError, LimitExceeded

TIMEOUT_S = 20.0  # without an answer
WHOLE_S = 600.0  # for all of a file
KINDS = ("http", "https")
AGENT = "aezip"


class _Redirect(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme not in KINDS:
            fp.close()
            raise AezipError(f"the server redirects to {newurl}", "an address of http or https")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request:
            request.method = req.get_method()
        return request


def is_web(name: str) -> bool:
    """Whether a name is a URL of http or https."""
    return name.startswith(tuple(f"{kind}://" for kind in KINDS))


def joined(folder: str, name: str) -> str:
    """The URL of a file in a folder, both as they are, without a query."""
    return f"{folder.rstrip('/')}/{quote(name)}"


def get(url: str, limit: int, method: str = "GET") -> bytes:
    """All bytes of a file; with HEAD none, if the file exists.

    Raises AezipError, in one line: no network, an answer other than 200, more bytes than the limit or fewer than the
    server said.
    """
    try:
        request = Request(url, headers={"User-Agent": AGENT, "Accept-Encoding": "identity"}, method=method)
        with build_opener(_Redirect).open(request, timeout=TIMEOUT_S) as answer:
            data, end = bytearray(), time.monotonic() + WHOLE_S
            while part := answer.read1(2**20):
                data += part
                if len(data) > limit:
                    raise LimitExceeded("the file is too large", f"at most {limit:,} B", file=url)
                if time.monotonic() > end:
                    raise AezipError(f"takes more than {WHOLE_S:.0f} s", "a faster server", file=url)
            if answer.length:  # of a connection that ended early, what read(n) does not notice
                raise AezipError(f"the connection ended after {len(data):,} B", "the complete file", file=url)
            return bytes(data)
    except AezipError as error:
        error.file = url
        raise
    except HTTPError as error:
        error.close()
        raise AezipError(f"the server answers {error.code} ({error.reason})", "a file", file=url) from None
    except URLError as error:
        raise AezipError(f"cannot be reached ({_words(error.reason)})", file=url) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise AezipError(f"cannot be read ({_words(error)})", file=url) from None


def _words(reason: object) -> str:
    """What went wrong, without an errno."""
    return str(getattr(reason, "strerror", None) or reason or type(reason).__name__)
