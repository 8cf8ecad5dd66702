"""The guard before the page: who may ask (this machine's own browser), how long an address may be, safe headers.

    app = Guard(page, url_bytes=16_384)

The page listens on loopback alone. A page of the web that a reader has open could still make his browser ask it, by
a name that leads to 127.0.0.1 (DNS rebinding) or from a frame or an image. So a request must name this machine as its
host, and one from another site gets an answer only if it opens the page itself.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = ("127.0.0.1", "localhost")
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Pass on what this machine's reader asks, and add the headers to every answer."""

    def __init__(self, app: ASGIApp, url_bytes: int) -> None:
        """Guard an app; a longer path with its parameters gets 414."""
        self._app, self._url_bytes = app, url_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refusal = self._refusal(scope)
        if refusal:
            await PlainTextResponse(f"{refusal[1]}\n", status_code=refusal[0])(scope, receive, send_safely)
        else:
            await self._app(scope, receive, send_safely)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return the status and the reason if the request is not passed on."""
        headers = Headers(scope=scope)
        if headers.get("host", "").rpartition(":")[0] not in HOSTS and headers.get("host") not in HOSTS:
            return 400, "this page is only for this machine: open it as http://127.0.0.1 or http://localhost"
        crossing = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        if crossing and (headers.get("sec-fetch-mode") != "navigate" or scope["method"] not in ("GET", "HEAD")):
            return 403, "another site asked, not you"
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > self._url_bytes:
            return 414, f"the address is longer than {self._url_bytes} bytes: shorten the query"
        return None
