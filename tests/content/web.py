"""A web server for tests that answers each path with the bytes given for it, and counts who connects."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Answer = bytes | Callable[[socket.socket], None]


class Web:
    """Listens on loopback; ``pages`` are whole answers by path."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, 0), family=family)
        self.port = self.listener.getsockname()[1]
        self.pages: dict[str, Answer] = {}
        self.heads: list[bytes] = []
        self.connections = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._answer, args=(sock,), daemon=True).start()

    def _answer(self, sock: socket.socket) -> None:
        with sock:
            sock.settimeout(5)
            try:
                head = b""
                while b"\r\n\r\n" not in head and (data := sock.recv(65536)):
                    head += data
                self.heads.append(head)
                answer = self.pages.get(head.split(b" ")[1].decode(), page(b"", status=404))
                if callable(answer):
                    answer(sock)
                else:
                    sock.sendall(answer)
            except (OSError, IndexError):
                return

    def close(self) -> None:
        self.listener.close()


def page(data: bytes, *headers: str, status: int = 200, length: int | None = None) -> bytes:
    """Return an answer as bytes."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(data) if length is None else length}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def moved(location: str, status: int = 302) -> bytes:
    """Return a redirect."""
    return page(b"", f"Location: {location}", status=status)


@contextmanager
def serving(host: str = "127.0.0.1") -> Iterator[Web]:
    """Serve as long as the block runs."""
    web = Web(host)
    try:
        yield web
    finally:
        web.close()
