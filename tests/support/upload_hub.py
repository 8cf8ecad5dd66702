"""A stand-in for the hub that takes uploads: the part of its interface that huggingface_hub asks for when it sends.

    with UploadHub(folder) as hub, hub.connected(cache, monkeypatch):
        push_folder(...)                        # lies in folder/models/org/name or folder/datasets/org/name then

`hub.status` answers every writing request with that status. `hub.breaks` closes the connection in a file's middle.
"""

import base64
import hashlib
import json
import threading
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from hub import Hub, _Handler


class UploadHub(Hub):
    status = 0
    breaks = False
    invalid_card = ""
    commits = 0

    def __enter__(self) -> "UploadHub":
        handler = type("Handler", (_Uploads,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()
        self.stored: dict[str, bytes] = {}  # large files by their sha256, before a commit names them
        self.created: list[dict[str, Any]] = []
        return self


class _Uploads(_Handler):
    hub: UploadHub

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.hub.asked.append(f"POST {self.path}")
        if self.hub.status:
            message = {401: "Invalid token", 403: "You don't have the rights"}.get(self.hub.status, "Trouble")
            return self.refuse(self.hub.status, "", {"X-Error-Message": message})
        path = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        if path[:2] == ["api", "validate-yaml"]:
            errors = [{"message": self.hub.invalid_card}] if self.hub.invalid_card else []
            return self.send(400 if errors else 200, json.dumps({"errors": errors, "warnings": []}).encode())
        if path == ["api", "repos", "create"]:
            return self.create(json.loads(content))
        if path[-4:] == ["info", "lfs", "objects", "batch"]:
            return self.batch(json.loads(content))
        kind, repo, what = path[1], "/".join(path[2:4]), path[4]
        if what == "preupload":
            files = json.loads(content)["files"]
            modes = [
                {"path": file["path"], "uploadMode": "lfs" if file["size"] > 4096 else "regular", "shouldIgnore": False}
                for file in files
            ]
            return self.send(200, json.dumps({"files": modes}).encode())
        return self.commit(kind, repo, content)

    def do_PUT(self) -> None:
        length = int(self.headers["Content-Length"])
        self.hub.asked.append(f"PUT {self.path}")
        if self.hub.breaks:
            self.rfile.read(min(length, 100))
            self.close_connection = True
            self.connection.close()
            return
        content = self.rfile.read(length)
        digest = hashlib.sha256(content).hexdigest()
        assert self.path.endswith(digest)
        self.hub.stored[digest] = content
        self.send(200, b"")

    def create(self, wanted: dict[str, Any]) -> None:
        self.hub.created.append(wanted)
        repo, kind = f"{wanted['organization']}/{wanted['name']}", f"{wanted.get('type', 'model')}s"
        folder = self.hub.folder / kind / repo
        address = {"url": f"{self.hub.endpoint}/{'datasets/' if kind == 'datasets' else ''}{repo}"}
        there = folder.is_dir()
        folder.mkdir(parents=True, exist_ok=True)
        self.send(409 if there else 200, json.dumps(address).encode())

    def batch(self, wanted: dict[str, Any]) -> None:
        objects = [
            {**one, "actions": {"upload": {"href": f"{self.hub.endpoint}/store/{one['oid']}"}}}
            if one["oid"] not in self.hub.stored
            else one
            for one in wanted["objects"]
        ]
        self.send(200, json.dumps({"transfer": "basic", "objects": objects}).encode())

    def commit(self, kind: str, repo: str, content: bytes) -> None:
        root = self.hub.folder / kind / repo
        for line in content.splitlines():
            one = json.loads(line)
            value = one["value"]
            if one["key"] == "header":
                continue
            file = root / value["path"]
            file.parent.mkdir(parents=True, exist_ok=True)
            large = one["key"] == "lfsFile"
            file.write_bytes(self.hub.stored[value["oid"]] if large else base64.b64decode(value["content"]))
        self.hub.commits += 1
        oid = self.hub.commit(kind, repo)
        answer = {"commitUrl": f"{self.hub.endpoint}/{repo}/commit/{oid}", "commitOid": oid}
        self.send(200, json.dumps(answer).encode())
