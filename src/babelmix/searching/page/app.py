"""The web app: the page at `/`, the same search as JSON at `/search`, its style, script and icon. Nothing else.

    app = make_app(page, Limits())

A request names a query and how to search, never a file: what is served was read when the app was made.
"""

import asyncio
import json
import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from babelmix.common.errors import UserError
from babelmix.common.progress import say
from babelmix.searching.page.answers import Answer, Page
from babelmix.searching.page.asking import Ask, parse
from babelmix.searching.page.guard import Guard
from babelmix.searching.page.limits import Limits, OneAtATime, Rate, Refused
from babelmix.searching.page.rendering import Template

ASSETS = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}


def make_app(page: Page, limits: Limits, rate: Rate | None = None) -> ASGIApp:
    """Return the app that shows a page; `rate` is the limits' unless given."""
    served = _Served(page, limits, rate or Rate(limits.per_second, limits.burst))
    routes = [Route("/", served.html), Route("/search", served.json, methods=["POST"])]
    routes += [Route(f"/{name}", _asset(name, kind)) for name, kind in ASSETS.items()]
    app = Starlette(routes=routes, lifespan=served.lifespan)
    return Guard(app, limits.url_bytes)


def _asset(name: str, kind: str) -> Any:
    content = (files("babelmix.searching.page") / "static" / name).read_bytes()

    async def asset(_: Request) -> Response:
        return Response(content, media_type=kind)

    return asset


class _Served:
    """The two ways to ask, with the limits that both share."""

    def __init__(self, page: Page, limits: Limits, rate: Rate) -> None:
        self._page, self._limits, self._rate = page, limits, rate
        self._line = OneAtATime(limits.waiting, limits.seconds)
        self._template = Template(page)
        self._languages = page.languages
        self._nothing = Ask("", (), page.debias, False)

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncGenerator[None]:
        yield
        self._line.close()

    async def html(self, request: Request) -> Response:
        """Answer with the page; a refusal is in the page too, with its status."""
        ask, answer = self._nothing, None
        params = request.query_params
        try:
            ask = self._parse({name: params.getlist(name) for name in params})
            answer = await self._answer(ask) if ask.query else None
        except Refused as refusal:
            page = self._template.render(ask, None, refusal.reason)
            return HTMLResponse(page, refusal.status, _retry(refusal))
        return HTMLResponse(self._template.render(ask, answer, None))

    async def json(self, request: Request) -> Response:
        """Answer a JSON object with the same fields as the page's address."""
        try:
            ask = self._parse(await self._body(request))
            if not ask.query:
                raise Refused(400, "the field 'q' is missing or blank")
            return JSONResponse(_as_json(await self._answer(ask)))
        except Refused as refusal:
            return JSONResponse({"error": refusal.reason}, refusal.status, _retry(refusal))

    def _parse(self, fields: Mapping[str, Sequence[str]]) -> Ask:
        size, debias = self._limits.query_bytes, self._page.debias
        return parse(fields, languages=self._languages, query_bytes=size, debias=debias)

    async def _body(self, request: Request) -> dict[str, list[str]]:
        """Read at most the allowed size of a body, and return its fields, each a list of texts."""
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise Refused(415, "send JSON, as content-type application/json")
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.seconds):
                async for part in request.stream():
                    body += part
                    if len(body) > self._limits.body_bytes:
                        raise Refused(413, f"the request is longer than {self._limits.body_bytes:,} bytes")
        except TimeoutError:
            raise Refused(408, f"the request did not come within {self._limits.seconds:g} seconds") from None
        try:
            given: Any = json.loads(body)
            fields = {name: value if isinstance(value, list) else [value] for name, value in given.items()}
        except (ValueError, AttributeError, RecursionError):
            raise Refused(400, 'send a JSON object such as {"q": "how do I print?"}') from None
        return {name: [_text(value) for value in values] for name, values in fields.items()}

    async def _answer(self, ask: Ask) -> Answer:
        if wait := self._rate.take():
            raise Refused(429, f"too many searches; try again in {math.ceil(wait)} s", wait)
        try:
            return await self._line.run(lambda: self._page.answer(ask))
        except UserError as error:
            raise Refused(422, str(error)) from error
        except Refused:
            raise
        except Exception as error:  # the page stays up; the terminal says what happened
            say(f"a search failed ({type(error).__name__}: {error}); this is a bug in babelmix: please report it")
            raise Refused(500, "the search failed; the terminal of `babelmix serve` says why") from error


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, str | int | float):
        return str(value)
    raise Refused(400, "a field is a text, a number, true or false, or a list of these")


def _retry(refusal: Refused) -> dict[str, str]:
    return {} if refusal.retry_after is None else {"retry-after": str(math.ceil(refusal.retry_after))}


def _as_json(answer: Answer) -> dict[str, Any]:
    """Return an answer as a JSON object, with the ids of the right answers if they are known."""
    known = answer.question is not None
    sides = [asdict(side) for side in answer.sides]
    return {"query": answer.ask.query, "sides": sides, "right": sorted(answer.right) if known else None}
