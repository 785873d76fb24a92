"""Slow, lost and many clients: nobody of them holds up the others."""

import socket
import struct
import time

import pytest

from tests.server.kit import Server, request, rest, serving, until, wait_until


def test_slow_heads_are_closed_and_hold_nobody_up(server: Server):
    slow = [server.connect() for _ in range(20)]
    for sock in slow:
        sock.sendall(b"GET /x HTTP/1.1\r\nHost:")
    began = time.monotonic()
    assert b"unread" in server.get("/unread")
    for sock in slow:
        with sock:
            assert rest(sock) == b""
    assert time.monotonic() - began < 5


def test_slow_bodies_hold_no_thread_and_the_app_hears_of_them(server: Server):
    slow = [server.connect() for _ in range(10)]
    for sock in slow:
        sock.sendall(request("POST", "/x", "Content-Length: 100000", body=b"a"))
    assert b"unread" in server.get("/unread")
    for sock in slow:
        with sock:
            answer = rest(sock)
            assert answer.startswith(b"HTTP/1.1 408 ") and b"Connection: close" in answer


def test_an_upload_that_keeps_a_pace_is_not_hurried(server: Server):
    with server.connect() as sock:
        sock.sendall(request("POST", "/x", "Content-Length: 60000", "Connection: close"))
        for _ in range(20):
            sock.sendall(b"a" * 3000)
            time.sleep(0.08)
        assert b'"size": 60000' in rest(sock)


def test_half_a_body_reaches_the_app_when_the_client_says_that_this_was_all(server: Server):
    answer = server.talk(request("POST", "/x", "Content-Length: 10", body=b"abc"), end=True)
    assert b'"size": 3' in answer and b"Connection: close" in answer


def test_a_client_that_does_not_read_is_dropped_and_its_provider_cut_off(server: Server):
    before = len(server.ends())
    with server.connect() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(request("GET", "/parked/4000/60000/0/0/0"))
        wait_until(lambda: len(server.ends()) > before, seconds=8)
    assert server.ends()[before] is True


def test_a_client_that_reads_slowly_gets_everything(server: Server):
    with server.connect() as sock:
        sock.sendall(request("GET", "/parked/200/60000/0/0/1", "Connection: close"))
        got = 0
        while piece := sock.recv(1 << 17):
            got += len(piece)
            time.sleep(0.015)
    assert got > 12_000_000


def test_more_streams_than_threads_wait_without_a_thread(server: Server):
    socks = [server.connect() for _ in range(30)]
    for sock in socks:
        sock.sendall(request("GET", "/parked/2/4/0.4/0/0", "Connection: close"))
    began = time.monotonic()
    assert b"unread" in server.get("/unread")
    assert time.monotonic() - began < 0.6
    for sock in socks:
        with sock:
            assert rest(sock).endswith(b"4\r\nAAAA\r\n4\r\nBBBB\r\n0\r\n\r\n")


def test_slow_dials_leave_threads_for_everybody_else(server: Server):
    socks = [server.connect() for _ in range(20)]
    for sock in socks:
        sock.sendall(request("GET", "/parked/1/2/0/1.0/1", "Connection: close"))
    time.sleep(0.1)
    began = time.monotonic()
    assert b"unread" in server.get("/unread")
    assert time.monotonic() - began < 0.8
    for sock in socks:
        with sock:
            assert rest(sock).endswith(b"AA")


def test_a_measured_stream_leaves_its_connection_open(server: Server):
    with server.connect() as sock:
        for _ in range(3):
            sock.sendall(request("GET", "/parked/2/4/0.01/0/1"))
            answer = until(sock, b"BBBB")
            assert b"Content-Length: 8\r\n" in answer and b"chunked" not in answer and b"keep-alive" in answer


def test_a_stream_that_is_late_is_told_so_at_its_deadline(server: Server):
    began = time.monotonic()
    answer = server.get("/late/0.3")
    assert b"504 Late" in answer and b"late" in answer
    assert 0.29 < time.monotonic() - began < 2


@pytest.mark.parametrize("way", ["close", "reset"])
@pytest.mark.parametrize(
    "path", ["/parked/1/1/30/0/0", "/parked/1/1/30/0/1", "/parked/900/4/0.03/0/0", "/parked/2/1/0.1/0.3/0"]
)
def test_a_client_that_leaves_ends_its_stream(server: Server, path: str, way: str):
    before = len(server.ends())
    with server.connect() as sock:
        sock.sendall(request("GET", path))
        time.sleep(0.15)
        if way == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wait_until(lambda: len(server.ends()) > before, seconds=3)
    assert server.ends()[before:] == [True]


def test_a_client_that_says_all_it_has_to_say_still_gets_its_answer(server: Server):
    for path in ("/parked/3/4/0.1/0/0", "/parked/3/4/0.1/0/1"):
        answer = server.talk(request("GET", path), end=True)
        assert b"AAAA" in answer and b"CCCC" in answer
    assert b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK" in answer


def test_a_client_of_http_10_is_not_told_to_continue(server: Server):
    answer = server.talk(request("GET", "/parked/3/4/0.1/0/0", version="1.0"), end=True)
    assert answer.startswith(b"HTTP/1.0 200") and answer.endswith(b"AAAABBBBCCCC")


def test_when_all_places_are_taken_the_longest_idle_makes_room(server: Server):
    idle = []
    for _ in range(50):
        sock = server.connect()
        sock.sendall(request("GET", "/unread"))
        until(sock, b"unread")
        idle.append(sock)
    assert b"unread" in server.get("/unread")
    assert idle[0].recv(1) == b""
    for sock in idle:
        sock.close()


def test_connections_that_ask_nothing_do_not_keep_others_out_for_long(server: Server):
    silent = [server.connect() for _ in range(60)]
    assert b"unread" in server.get("/unread")
    for sock in silent:
        sock.close()


def test_running_out_of_descriptors_is_survived(tmp_path):
    with serving(tmp_path, files=40, CONNECTIONS="1000") as server:
        many = [server.connect() for _ in range(60)]
        time.sleep(0.2)
        for sock in many:
            sock.close()
        wait_until(lambda: b"unread" in server.get("/unread"))
        assert "Traceback" not in server.said()
