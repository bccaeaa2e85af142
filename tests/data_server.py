"""A web server on loopback that misbehaves on request, for the tests of downloads."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HEAD = 100_000  # bytes that arrive before an answer is cut off or stalls


class Server(ThreadingHTTPServer):
    """Serves `files`; the next answers are as `plan` says, those after it are "good".

    A plan's words: "good" (with Range), "no range", "cut off" (says the length, sends a part), "cut
    off silently" (does not say it), "corrupt", "page" (status 200, but HTML), "slow", "stall"
    (sends a part, then nothing), "other range", or a status as a number.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files
        self.plan: list[str | int] = []
        self.asked: list[tuple[str, str | None]] = []  # path and Range of each request
        self.lock, self.closing = threading.Lock(), threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing when the client has gone; it is what some tests do."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        """The address, with a slash at its end."""
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    """Answers one request as the server's plan says."""

    server: Server

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer."""
        wanted = self.headers.get("Range")
        with self.server.lock:
            self.server.asked.append((self.path.lstrip("/"), wanted))
            word = self.server.plan.pop(0) if self.server.plan else "good"
        content = self.server.files.get(self.path.lstrip("/"))
        if isinstance(word, int) or content is None:
            self.send_response(404 if content is None else word)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if word == "corrupt":
            content = content[:-1] + bytes([content[-1] ^ 1])
        if word == "page":
            content = b"<html>Please log in.</html>"
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if word in ("no range", "page"):
            start = 0
        if wanted and start and start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            shown = 0 if word == "other range" else start
            self.send_header("Content-Range", f"bytes {shown}-{len(content) - 1}/{len(content)}")
        if word != "cut off silently":
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self._send(content[start:], word)

    def _send(self, body: bytes, word: str) -> None:
        if word in ("cut off", "cut off silently"):
            self.wfile.write(body[:HEAD])
        elif word == "stall":
            self.wfile.write(body[:HEAD])
            self.wfile.flush()
            self.server.closing.wait(20)
        elif word == "slow":
            for first in range(0, len(body), max(1, len(body) // 8)):
                self.wfile.write(body[first : first + max(1, len(body) // 8)])
                self.wfile.flush()
                time.sleep(0.02)
        else:
            self.wfile.write(body)


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Server]:
    """A running server, stopped at the end."""
    server = Server(files)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
