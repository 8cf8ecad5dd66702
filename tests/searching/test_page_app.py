"""The page over HTTP: who gets an answer, who gets a refusal, and that neither waits without an end."""

import asyncio
import json
import resource
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from served_page import EVIL, LOOSE, StandIn, encode, known_questions, one_index, running
from starlette.testclient import TestClient

from babelmix.common.errors import UserError
from babelmix.searching.page.answers import Page
from babelmix.searching.page.app import make_app
from babelmix.searching.page.limits import Limits, Rate
from babelmix.searching.page.server import allow_files, listen


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(make_app(one_index(known_questions(tmp_path)), LOOSE), base_url="http://127.0.0.1:8765") as client:
        yield client


def test_the_page_answers_a_query_with_both_sides(client: TestClient) -> None:
    empty = client.get("/")
    assert empty.status_code == 200 and "Type a query" in empty.text
    page = client.get("/", params={"q": "print a page"})
    assert page.status_code == 200 and page.text.count('<ol class="hits"') == 2
    assert "small, as it is" in page.text and "small, debiased" in page.text and "✓ right answer" in page.text


@pytest.mark.parametrize("path", ["/", "/?q=print", "/page.css", "/page.js", "/icon.svg", "/nothing", "/?x=1"])
def test_every_answer_has_the_headers_that_keep_it_here(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'; script-src 'self'")
    assert "unsafe" not in headers["content-security-policy"] and "frame-ancestors 'none'" in str(headers)
    assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"] == "no-store"
    assert headers["cross-origin-resource-policy"] == "same-origin" and "access-control-allow-origin" not in headers
    assert "server" not in headers


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/static/page.css", "/page.css/x", "/templates/page.html.j2"],
)
def test_no_path_leads_to_a_file(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_the_same_search_as_json(client: TestClient) -> None:
    answer = client.post("/search", json={"q": "print a page", "lang": ["de", "en"], "strength": 0.5, "equal": True})
    found = answer.json()
    assert answer.status_code == 200 and found["query"] == "print a page"
    assert found["right"] == ["ar0", "de0", "en0", "zh0"]
    left, right = found["sides"]
    assert left["hits"][0]["id"] == "en0" and {hit["language"] for hit in right["hits"]} == {"de", "en"}
    assert client.post("/search", json={"q": "something else"}).json()["right"] is None


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        pytest.param(b'{"q": "%s"}' % (b"a" * 1_000_000), "application/json", 413, id="megabyte"),
        pytest.param(b'{"q": "%s"}' % (b"a" * 5000), "application/json", 413, id="long-query"),
        pytest.param(b'{"q": "print"}', "text/plain", 415, id="not-json-by-name"),
        pytest.param(b"q=print", "application/x-www-form-urlencoded", 415, id="form"),
        pytest.param(b"[1, 2]", "application/json", 400, id="list"),
        pytest.param(b"{", "application/json", 400, id="half"),
        pytest.param(b"\xff\xfe", "application/json", 400, id="not-utf8"),
        pytest.param(b"[" * 20_000, "application/json", 400, id="deep"),
        pytest.param(b"{}", "application/json", 400, id="nothing"),
        pytest.param(b'{"q": {"a": 1}}', "application/json", 400, id="object"),
        pytest.param(b'{"q": null}', "application/json", 400, id="null"),
        pytest.param(b'{"q": "a", "index": "/etc"}', "application/json", 400, id="unknown-field"),
        pytest.param(b'{"q": "a", "strength": NaN}', "application/json", 400, id="nan"),
        pytest.param(b'{"q": "a", "strength": 1e999}', "application/json", 400, id="infinite"),
        pytest.param(b'{"q": "\\ud800 \\u0000"}', "application/json", 200, id="half-a-character"),
        pytest.param('{"q": "ꦏꦤ꧀ꦛ ☃ 𒀀"}'.encode(), "application/json", 200, id="no-known-language"),
    ],
)
def test_bad_bodies_get_a_reason(client: TestClient, body: bytes, kind: str, status: int) -> None:
    answer = client.post("/search", content=body, headers={"content-type": kind})
    assert answer.status_code == status
    assert answer.json()["error" if status != 200 else "sides"]


def test_a_long_address_and_a_long_query_are_refused(client: TestClient) -> None:
    assert client.get("/", params={"q": "a" * 20_000}).status_code == 414
    long = client.get("/", params={"q": "a" * 5000})
    assert long.status_code == 413 and "longer than 4,096 bytes" in long.text and 'role="alert"' in long.text
    assert client.get("/", params={"q": "\U00012000" * 1000}).status_code == 200  # 4 bytes, escaped 12


def test_other_methods_are_refused(client: TestClient) -> None:
    assert client.put("/search").status_code == client.get("/search").status_code == client.post("/").status_code == 405


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"host": "127.0.0.1:8765"}, 200, id="own"),
        pytest.param({"host": "localhost:8765"}, 200, id="localhost"),
        pytest.param({"host": "evil.example:8765"}, 400, id="rebound"),
        pytest.param({"host": "127.0.0.1.evil.example"}, 400, id="looks-like"),
        pytest.param({"host": "127.0.0.1:1@evil.example:8765"}, 400, id="user-part"),
        pytest.param({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403, id="image-of-another-site"),
        pytest.param({"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, 403, id="another-port"),
        pytest.param({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 200, id="a-link"),
        pytest.param({"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}, 200, id="its-own-script"),
    ],
)
def test_only_this_machines_reader_is_answered(client: TestClient, headers: dict[str, str], status: int) -> None:
    assert client.get("/?q=print", headers=headers).status_code == status


def test_who_asks_too_often_is_told_when_to_try_again() -> None:
    now = [0.0]
    rate = Rate(per_second=0.5, burst=2, clock=lambda: now[0])
    with TestClient(make_app(one_index(), LOOSE, rate), base_url="http://localhost") as client:
        assert [client.get("/?q=print").status_code for _ in range(3)] == [200, 200, 429]
        refused = client.post("/search", json={"q": "print"})
        assert refused.status_code == 429 and refused.headers["retry-after"] == "2"
        assert client.get("/").status_code == 200  # without a query nothing is searched
        now[0] = 2
        assert client.get("/?q=print").status_code == 200


def failing(error: Exception) -> Page:
    class Broken(StandIn):
        def search(self, *_: object, **__: object) -> list[list[object]]:
            raise error

    return Page.debiasing("broken", [Broken(), Broken()], encode, None)


def test_a_failure_is_one_line_and_the_page_stays_up(capsys: pytest.CaptureFixture[str]) -> None:
    with TestClient(make_app(failing(ValueError("secret detail")), LOOSE), base_url="http://localhost") as client:
        page = client.get("/?q=print")
        assert page.status_code == 500 and "secret" not in page.text and 'role="alert"' in page.text
        assert client.post("/search", json={"q": "print"}).status_code == 500
    assert "babelmix: a search failed (ValueError: secret detail)" in capsys.readouterr().err


def test_a_users_error_is_shown() -> None:
    error = UserError("the index was damaged", where="my-index", how="make it again")
    with TestClient(make_app(failing(error), LOOSE), base_url="http://localhost") as client:
        assert client.get("/?q=print").status_code == 422 and "make it again" in client.get("/?q=print").text


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process open both ends of a thousand connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip(f"this machine lets a process open {hard} files only")
    allow_files(4096)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.slow
@pytest.mark.usefixtures("many_files")
def test_a_thousand_requests_at_once_all_get_an_answer() -> None:
    """No request waits without an end, no more than the line's length are kept, and the page answers afterwards."""
    held, go_on = threading.Event(), threading.Event()

    class Slow(StandIn):
        def search(self, *arguments: object, **named: object) -> list[list[object]]:
            held.set()
            go_on.wait(60)
            return super().search(*arguments, **named)

    limits = Limits(waiting=8, per_second=100, burst=50, seconds=60)
    page = Page.debiasing("slow", [Slow(), Slow()], encode, None)

    async def ask(port: int) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /?q=print HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
        status = int((await reader.readline()).split()[1])
        await reader.read()
        writer.close()
        return status

    async def flood(port: int) -> Counter[int]:
        tasks = [asyncio.ensure_future(ask(port)) for _ in range(1000)]
        while sum(task.done() for task in tasks) < 1000 - limits.waiting:
            await asyncio.sleep(0.01)
        go_on.set()
        return Counter(await asyncio.gather(*tasks))

    with running(page, limits) as url:
        statuses = asyncio.run(flood(urlsplit(url).port))
        assert sum(statuses.values()) == 1000 and set(statuses) <= {200, 429, 503}
        assert 1 <= statuses[200] <= limits.waiting
        assert httpx.get(url, trust_env=False).status_code == 200


def test_a_megabyte_in_an_address_ends_the_connection_and_nothing_else() -> None:
    with running(one_index()) as url:
        port = urlsplit(url).port
        with socket.create_connection(("127.0.0.1", port)) as connection:
            try:
                connection.sendall(b"GET /?q=" + b"a" * 1_000_000 + b" HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
                answer = connection.recv(100)
            except ConnectionError:  # closed while we still sent
                answer = b""
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
        body = json.dumps({"q": "a" * 1_000_000})
        answered = httpx.post(
            f"{url}search", content=body, headers={"content-type": "application/json"}, trust_env=False
        )
        assert answered.status_code == 413
        assert httpx.get(f"{url}?q=print", trust_env=False).status_code == 200


def test_half_a_request_is_not_waited_for_and_a_reader_may_leave(capfd: pytest.CaptureFixture[str]) -> None:
    head = b"POST /search HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{"
    limits = Limits(seconds=0.2)
    with running(one_index(), limits) as url:
        port = urlsplit(url).port
        with socket.create_connection(("127.0.0.1", port)) as slow:
            slow.sendall(head)
            assert slow.recv(100).startswith(b"HTTP/1.1 408")
        with socket.create_connection(("127.0.0.1", port)) as leaving:
            leaving.sendall(head)
        assert httpx.get(url, trust_env=False).status_code == 200
    assert capfd.readouterr() == ("", "")


def test_a_port_in_use_is_told_with_a_remedy() -> None:
    with listen(0) as taken:
        port = taken.getsockname()[1]
        assert taken.getsockname()[0] == "127.0.0.1"
        with pytest.raises(UserError, match=rf"--port {port}: another program listens there; .*--port 0"):
            listen(port)


def test_markup_comes_back_as_text(client: TestClient) -> None:
    assert "<script>alert" not in client.get("/", params={"q": EVIL}).text
    assert "<script>alert" not in client.get("/", params={"lang": EVIL}).text
    assert "<script>alert" not in client.get("/", params={EVIL: "x"}).text
