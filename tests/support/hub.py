"""A stand-in for the hub on 127.0.0.1: the part of its interface that huggingface_hub asks for, over a folder.

    with Hub(folder) as hub:                 # folder/datasets/org/name/... and folder/models/org/name/...
        environment = hub.environment(cache)

`hub.gated` names repositories that want the token TOKEN; `hub.trouble` answers everything with 500 or never.
"""

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

TOKEN = "let-me-in"


class Hub:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gated: set[str] = set()
        self.trouble = ""  # "500", "silence" or "html"
        self.asked: list[str] = []
        self.closing = threading.Event()

    def __enter__(self) -> "Hub":
        handler = type("Handler", (_Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @contextmanager
    def connected(self, cache: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
        """This process as if it had been started with the stand-in as its hub: another would load torch again."""
        from huggingface_hub import close_session, constants

        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        patch.setattr(constants, "ENDPOINT", self.endpoint)
        template = self.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        patch.setattr(constants, "HF_HUB_CACHE", str(cache))
        yield
        close_session()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        """The variables of a process that takes this for its hub; what the tests themselves run with is left out."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "BABELMIX_"))}
        kept |= {"HF_ENDPOINT": self.endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1"}
        return kept | more

    def commit(self, kind: str, repo: str) -> str:
        """A commit hash that changes with the files."""
        digest = hashlib.sha1(repo.encode())
        for name in self.names(kind, repo):
            digest.update(name.encode() + (self.folder / kind / repo / name).read_bytes())
        return digest.hexdigest()

    def names(self, kind: str, repo: str) -> list[str]:
        root = self.folder / kind / repo
        return sorted(str(file.relative_to(root)) for file in root.rglob("*") if file.is_file())


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        hub = self.hub
        hub.asked.append(f"{self.command} {self.path}")
        if hub.trouble == "silence":
            hub.closing.wait(20)
            self.close_connection = True
            return
        if hub.trouble:
            self.send(500 if hub.trouble == "500" else 200, b"<html>hello</html>")
            return
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        if parts[0] == "api":
            self.api(parts[1], "/".join(parts[2:4]), parts[4:])
        else:
            kind = "datasets" if parts[0] == "datasets" else "models"
            parts = parts[1:] if kind == "datasets" else parts
            self.resolve(kind, "/".join(parts[:2]), parts[2:])

    def api(self, kind: str, repo: str, rest: list[str]) -> None:
        what, revision = (rest + ["revision", "main"][len(rest) :])[:2]
        if not self.found(kind, repo, revision):
            return
        if what == "tree":
            inside = "/".join(rest[2:])
            files = [name for name in self.hub.names(kind, repo) if name.startswith(f"{inside}/" if inside else "")]
            if not files:
                return self.refuse(404, "EntryNotFound")
            root = self.hub.folder / kind / repo
            rows = [
                {"type": "file", "path": name, "oid": "0" * 40, "size": (root / name).stat().st_size} for name in files
            ]
            return self.send(200, json.dumps(rows).encode())
        siblings = [{"rfilename": name} for name in self.hub.names(kind, repo)]
        gated = "auto" if repo in self.hub.gated else False
        info: dict[str, Any] = {"id": repo, "sha": self.hub.commit(kind, repo), "siblings": siblings, "gated": gated}
        self.send(200, json.dumps(info | {"private": False, "tags": [], "likes": 0, "downloads": 0}).encode())

    def resolve(self, kind: str, repo: str, rest: list[str]) -> None:
        revision, name = rest[1], "/".join(rest[2:])
        if not self.found(kind, repo, revision):
            return
        if repo in self.hub.gated and self.headers.get("authorization") != f"Bearer {TOKEN}":
            return self.refuse(403, "GatedRepo")
        commit = {"X-Repo-Commit": self.hub.commit(kind, repo)}
        if name not in self.hub.names(kind, repo):
            return self.refuse(404, "EntryNotFound", commit)
        content = (self.hub.folder / kind / repo / name).read_bytes()
        self.send(200, content, {"ETag": f'"{hashlib.sha1(content).hexdigest()}"'} | commit)

    def found(self, kind: str, repo: str, revision: str) -> bool:
        if kind not in ("datasets", "models") or not (self.hub.folder / kind / repo).is_dir():
            self.refuse(401, "RepoNotFound")
        elif revision not in ("main", self.hub.commit(kind, repo)):
            self.refuse(404, "RevisionNotFound")
        else:
            return True
        return False

    def refuse(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        self.send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code} | (headers or {}))

    def send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what was asked is in `hub.asked`."""
