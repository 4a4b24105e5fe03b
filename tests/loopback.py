"""A server of files on loopback, in place of the hosts that are not reached from a test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Host:
    """What the server answers with: `body`, of which only `sent` bytes arrive."""

    body: bytes = b""
    sent: int | None = None
    status: int = 200
    requests: int = 0
    paths: list[str] = field(default_factory=list)
    address: str = ""


@contextmanager
def serving(host: Host | None = None) -> Iterator[Host]:
    """A `with` block in which it answers."""
    state = host or Host()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests += 1
            state.paths.append(self.path)
            self.send_response(state.status)
            self.send_header("Content-Length", str(len(state.body)))
            self.end_headers()
            self.wfile.write(state.body[: state.sent])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
