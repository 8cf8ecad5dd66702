"""The server: one process on 127.0.0.1, quiet, that ends at Ctrl-C.

with listen(8765) as listener:
    print(address(listener))                 # http://127.0.0.1:8765/
    make_server(app, Limits()).run(sockets=[listener])
"""

import errno
import resource
import socket
from contextlib import suppress

from starlette.types import ASGIApp
from uvicorn import Config, Server

from babelmix.common.errors import UserError
from babelmix.searching.page.limits import Limits

HOST = "127.0.0.1"  # never another: whoever wants to publish the page puts a proxy in front of it
SPARE_FILES = 100  # beside the connections: indexes, libraries, the terminal


def listen(port: int) -> socket.socket:
    """Return a socket that listens on loopback; port 0 takes any free one. UserError if the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        what = "another program listens there" if error.errno == errno.EADDRINUSE else "only root may listen there"
        how = "choose another port, or --port 0 for any free one"
        raise UserError(what, where=f"--port {port}", how=how) from error
    return listener


def address(listener: socket.socket) -> str:
    """Return the address that a browser opens."""
    return f"http://{HOST}:{listener.getsockname()[1]}/"


def make_server(app: ASGIApp, limits: Limits) -> Server:
    """Return the server of an app; it logs nothing, so no query is kept anywhere."""
    config = Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=3,
    )
    return Server(config)


def allow_files(wanted: int) -> None:
    """Let this process have so many files open, connections among them, as far as the machine allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def run(app: ASGIApp, listener: socket.socket, limits: Limits) -> None:
    """Serve until Ctrl-C or SIGTERM, both of which are the usual end."""
    from babelmix.common.ending import Stopped

    allow_files(limits.connections + SPARE_FILES)
    with suppress(KeyboardInterrupt, Stopped):
        make_server(app, limits).run(sockets=[listener])
