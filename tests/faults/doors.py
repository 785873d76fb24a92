"""Addresses where nobody answers, each in its own way: refused, swallowed, unknown, or with a wrong certificate."""

import datetime
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

from wallas.simulated.server import Provider as Server


@contextmanager
def doors(folder: Path) -> Iterator[tuple[dict[str, str], str]]:
    """Yield the addresses of providers that nobody reaches, and the file of the authority that is trusted."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    certificates = {
        "expired": authority.issue_cert("127.0.0.1", not_after=yesterday),
        "misnamed": authority.issue_cert("other.example"),
        "selfsigned": trustme.CA().issue_cert("127.0.0.1"),
        "handshake": authority.issue_cert("127.0.0.1"),
    }
    servers = {}
    with socket.socket() as refusing, socket.create_server(("127.0.0.1", 0), backlog=0) as hole:
        refusing.bind(("127.0.0.1", 0))
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(hole.getsockname())
        for name, certificate in certificates.items():
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            servers[name] = Server(tls=context).start()
        servers["handshake"].door = "mute"
        found = {name: server.url for name, server in servers.items()}
        found["refused"] = f"http://127.0.0.1:{refusing.getsockname()[1]}"
        found["hole"] = f"http://127.0.0.1:{hole.getsockname()[1]}"
        found["nameless"] = "http://nobody-knows-this-name.invalid"
        try:
            yield found, str(folder / "ca.pem")
        finally:
            for server in servers.values():
                assert not server.requests
                server.close()
            for sock in waiting:
                sock.close()
