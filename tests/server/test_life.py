"""How the worker of our own lives and ends: stop, kill, log, several of them, and what of gunicorn it builds on."""

import json
import signal
import socket
import time
from pathlib import Path

import gunicorn
import gunicorn_h1c
import pytest

from tests.live import children
from tests.server.kit import request, rest, serving, until, wait_until


def test_a_stop_lets_streams_end_and_closes_the_rest(tmp_path):
    with serving(tmp_path) as server:
        idle, late, stream, drip = (server.connect() for _ in range(4))
        for sock in (idle, late):
            sock.sendall(request("GET", "/unread"))
            until(sock, b"unread")
        stream.sendall(request("GET", "/parked/8/4/0.1/0/0"))
        drip.sendall(request("GET", "/drip"))
        until(stream, b"AAAA")
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        late.sendall(request("GET", "/unread"))
        assert b"Connection: close" in rest(late)
        assert rest(idle) == b""
        assert rest(stream).endswith(b"HHHH\r\n0\r\n\r\n")
        assert rest(drip).endswith(b"0\r\n\r\n")
        assert server.process.wait(5) == 0
        for sock in (idle, late, stream, drip):
            sock.close()


def test_a_stop_ends_when_its_time_is_up(tmp_path):
    with serving(tmp_path) as server, server.connect() as sock:
        sock.sendall(request("GET", "/parked/900/4/0.1/0/0"))
        until(sock, b"AAAA")
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(8) == 0
        assert 2 < time.monotonic() - began < 7


def test_a_worker_ends_with_its_master(tmp_path):
    with serving(tmp_path) as server:
        worker = server.worker()
        server.process.kill()
        server.process.wait()
        wait_until(lambda: not Path(f"/proc/{worker}").exists())


def test_a_worker_that_hangs_is_noticed_by_its_heartbeat(tmp_path):
    with serving(tmp_path) as server:
        files = [str(path.readlink()) for path in Path(f"/proc/{server.worker()}/fd").iterdir()]
        assert any("wgunicorn" in file for file in files)


def test_the_access_log_tells_ordinary_answers_and_streams(tmp_path):
    with serving(tmp_path, ACCESS_LOG=str(tmp_path / "access")) as server:
        server.get("/unread?a=b")
        server.get("/parked/2/4/0/0/0")
        lines = wait_until(
            lambda: (tmp_path / "access").read_text().count("parked") and (tmp_path / "access").read_text()
        )
    assert '"GET /unread?a=b HTTP/1.1" 200 6 ' in lines
    assert '"GET /parked/2/4/0/0/0 HTTP/1.1" 200 8 ' in lines


def test_a_worker_that_may_serve_so_many_requests_is_replaced(tmp_path):
    with serving(tmp_path, MAX_REQUESTS="4") as server:
        first = server.worker()
        for _ in range(5):
            wait_until(lambda: _served(server))
        wait_until(lambda: children(server.process.pid) - {first})


def _served(server) -> bool:
    try:
        return b"unread" in server.get("/unread")
    except ConnectionRefusedError:
        return False


def test_two_workers_share_the_clients(tmp_path):
    with serving(tmp_path, WORKERS="2") as server:
        pids: set[int] = set()

        def met() -> bool:
            socks = [server.connect() for _ in range(12)]
            for sock in socks:
                sock.sendall(request("GET", "/x", "Connection: close"))
            for sock in socks:
                with sock:
                    pids.add(json.loads(rest(sock).partition(b"\r\n\r\n")[2])["pid"])
            return len(pids) == 2

        wait_until(met)


def test_what_was_read_of_gunicorn_is_what_is_installed():
    """On a new version, read again: Worker, Response, create, Request, Unreader, the parsers' limits."""
    assert gunicorn.__version__ == "27.0.1"
    assert gunicorn_h1c.__version__ == "0.6.9"


@pytest.mark.parametrize("option", ["keyfile", "certfile"])
def test_tls_for_clients_is_refused_at_start(tmp_path, option):
    from gunicorn.config import Config
    from gunicorn.errors import ConfigError

    from wallas.server import Worker

    cfg = Config()
    cfg.set(option, str(tmp_path))
    with pytest.raises(ConfigError, match="gthread"):
        Worker.check_config(cfg, None)
    assert socket.AF_UNIX
