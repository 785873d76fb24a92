"""What gthread promises of HTTP, on the worker of our own: by bare sockets."""

import json
import re
import socket
import time

import pytest

from tests.server.kit import Server, request, rest, until

HELLO = request("GET", "/unread")


def heads(data: bytes) -> list[int]:
    """Return the statuses of all answers."""
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", data)]


def test_a_connection_is_kept_for_the_next_request(server: Server):
    with server.connect() as sock:
        for _ in range(3):
            sock.sendall(HELLO)
            answer = until(sock, b"unread")
            assert b"Connection: keep-alive" in answer and answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_an_idle_connection_is_closed_in_the_end(server: Server):
    with server.connect() as sock:
        sock.sendall(HELLO)
        until(sock, b"unread")
        began = time.monotonic()
        assert sock.recv(10) == b""
        assert 1.5 < time.monotonic() - began < 6


def test_requests_that_come_together_are_answered_in_order(server: Server):
    paths = ["/a", "/b", "/c", "/parked/2/3/0.02/0/0", "/d"]
    data = b"".join(request("POST", path, "Content-Length: 3", body=b"abc") for path in paths[:-1])
    answer = server.talk(data + request("GET", "/d", "Connection: close"))
    assert heads(answer) == [200] * 5
    order = [answer.index(mark) for mark in (b'"/a"', b'"/b"', b'"/c"', b"AAA", b'"/d"')]
    assert order == sorted(order)


def test_a_request_in_single_bytes_is_read(server: Server):
    with server.connect() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request("POST", "/x", "Content-Length: 3", "Connection: close", body=b"abc"):
            sock.sendall(bytes([byte]))
        told = json.loads(rest(sock).partition(b"\r\n\r\n")[2])
    assert (told["REQUEST_METHOD"], told["size"]) == ("POST", 3)


@pytest.mark.parametrize("size", [0, 1, 65536, 3_000_001])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_arrives_whole(server: Server, size: int, chunked: bool):
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    if chunked:
        pieces = [data[start : start + 50_000] for start in range(0, size, 50_000)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        asked = request("POST", "/x", "Transfer-Encoding: chunked", body=body)
    else:
        asked = request("POST", "/x", f"Content-Length: {size}", body=data)
    answer = server.talk(asked + request("GET", "/y", "Connection: close"))
    assert heads(answer) == [200, 200]
    assert f'"size": {size},'.encode() in answer


def test_a_body_larger_than_what_is_buffered_is_read_by_the_app(server: Server):
    size = 33 * 1024 * 1024
    answer = server.talk(request("POST", "/x", f"Content-Length: {size}", "Connection: close", body=b"z" * size))
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["size"] == size


def test_a_client_may_wait_for_100_continue(server: Server):
    with server.connect() as sock:
        sock.sendall(request("POST", "/x", "Content-Length: 3", "Expect: 100-continue"))
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"abc")
        assert b'"size": 3' in until(sock, b"}")
        sock.sendall(HELLO)
        assert until(sock, b"unread")


def test_another_expectation_is_417(server: Server):
    assert heads(server.talk(request("POST", "/x", "Content-Length: 0", "Expect: more"))) == [417]


def test_http_10_gets_its_version_and_the_end(server: Server):
    answer = server.talk(request("GET", "/drip", version="1.0"))
    assert answer.startswith(b"HTTP/1.0 200 OK") and b"Connection: close" in answer
    assert b"chunked" not in answer and answer.endswith(b"8 9 ")


def test_http_10_may_keep_its_connection(server: Server):
    with server.connect() as sock:
        for _ in range(2):
            sock.sendall(request("GET", "/unread", "Connection: keep-alive", version="1.0"))
            assert b"Connection: keep-alive" in until(sock, b"unread")


def test_head_has_no_body(server: Server):
    for path in ("/drip", "/x", "/parked/2/3/0/0/1"):
        answer = server.talk(request("HEAD", path, "Connection: close"))
        assert answer.startswith(b"HTTP/1.1 200 OK") and answer.endswith(b"\r\n\r\n") and answer.count(b"\r\n\r\n") == 1


def test_a_generator_is_sent_as_it_yields(server: Server):
    with server.connect() as sock:
        sock.sendall(request("GET", "/drip"))
        first = until(sock, b"0 ")
        assert b"\r\n9 " not in first and b"Transfer-Encoding: chunked" in first
        assert until(sock, b"0\r\n\r\n").count(b"\r\n2\r\n") >= 8


def test_a_large_answer_arrives_whole(server: Server):
    assert server.get("/large").count(b"x" * 1000) == 30_000


def test_the_environ_is_what_gunicorn_makes_of_the_same_request(server: Server):
    headers = ["X-A: 1", "X-A: 2", "Content-Type: a/b", "Cookie: c=d"]
    easy = server.json("/p?q=1", *headers)
    hard = server.json("/p?q=1", *headers, "Expect: 100-continue")
    del hard["HTTP_EXPECT"]
    assert {name: value for name, value in easy.items() if name != "REMOTE_PORT"} == {
        name: value for name, value in hard.items() if name != "REMOTE_PORT"
    }
    assert easy["HTTP_X_A"] == "1,2" and easy["RAW_URI"] == "/p?q=1"
    assert easy["REMOTE_ADDR"] == "127.0.0.1" and easy["SERVER_PORT"] == str(server.port)


def test_paths_are_decoded_once(server: Server):
    told = server.json("/a%20b%2520/%C3%A9?x=%20")
    assert told["PATH_INFO"].encode("latin-1").decode() == "/a b%20/é"
    assert (told["QUERY_STRING"], told["RAW_URI"]) == ("x=%20", "/a%20b%2520/%C3%A9?x=%20")


def test_a_trusted_proxy_says_which_scheme_it_speaks(server: Server):
    assert server.json("/x", "X-Forwarded-Proto: https")["wsgi.url_scheme"] == "https"
    assert server.json("/x")["wsgi.url_scheme"] == "http"
    assert heads(server.get("/x", "X-Forwarded-Proto: https", "X-Forwarded-Ssl: off")) == [400]


def test_underscores_in_names_do_not_pass_for_hyphens(server: Server):
    assert server.json("/x", "X_A: forged", "X-A: real")["HTTP_X_A"] == "real"


def test_a_unix_socket_is_served(server: Server):
    answer = server.talk(request("GET", "/x", "Connection: close"), unix=True)
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["REMOTE_ADDR"] == ""


def test_the_wsgi_validator_finds_nothing_wrong(server: Server):
    assert server.json("/valid")["SCRIPT_NAME"] == ""
    body = request("POST", "/valid", "Content-Length: 3", "Content-Type: a/b", "Connection: close", body=b"abc")
    assert heads(server.talk(body)) == [200]
    chunks = request("POST", "/valid", "Transfer-Encoding: chunked", "Connection: close", body=b"3\r\nabc\r\n0\r\n\r\n")
    assert b'"size": 3' in server.talk(chunks)


def test_early_hints_come_before_the_answer(server: Server):
    answer = server.get("/hinted")
    assert heads(answer) == [103, 200] and b"Link: </style.css>; rel=preload" in answer


def test_an_app_that_raises_is_a_500_and_one_that_raises_in_mid_answer_is_cut_off(server: Server):
    assert heads(server.get("/broken")) == [500]
    answer = server.get("/halfway")
    assert b"4\r\nhalf\r\n" in answer and not answer.endswith(b"0\r\n\r\n")


def test_a_header_cannot_break_out_of_its_line(server: Server):
    answer = server.get("/split")
    assert heads(answer) == [500] and b"X-C" not in answer


SMUGGLED = {
    "length-and-chunks": (
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "chunks-twice": (b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    "coded-chunks": (b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    "chunks-in-1.0": (b"POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "two-lengths": (b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    "length-list": (b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc", 400),
    "signed": (b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", 400),
    "bare-LF": (b"GET /x HTTP/1.1\nHost: a\n\n", 400),
    "one-bare-LF": (b"GET /x HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n", 400),
    "folded": (b"GET /x HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n", 400),
    "space-before-colon": (b"GET /x HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    "two-hosts": (b"GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "nul": (b"GET /x HTTP/1.1\r\nHost: a\r\nX-A: b\0\r\n\r\n", 400),
    "high-bytes": (b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "lower-method": (b"get /x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "version": (b"GET /x HTTP/2.0\r\nHost: a\r\n\r\n", 400),
    "no-HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200, 400),
    "long-line": (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "long-field": (b"GET /x HTTP/1.1\r\nHost: a\r\nX-A: " + b"x" * 9000 + b"\r\n\r\n", 431),
    "many-fields": (b"GET /x HTTP/1.1\r\nHost: a\r\n" + b"X-A: b\r\n" * 100 + b"\r\n", 431),
    "endless-head": (b"GET /x HTTP/1.1\r\nHost: a\r\nX-A: " + b"x" * 600_000, 431),
}


@pytest.mark.parametrize(("data", "status"), SMUGGLED.values(), ids=SMUGGLED)
def test_what_two_servers_could_read_differently_gets_one_error_and_the_end(server: Server, data: bytes, status: int):
    assert heads(server.talk(data + HELLO)) == [status]


@pytest.mark.parametrize(
    "body", [b"zz\r\nabc\r\n0\r\n\r\n", b"3\r\nabcX\r\n0\r\n\r\n", b"3;\x01\r\nabc\r\n0\r\n\r\n", b"3\nabc\n0\n\n"]
)
def test_behind_broken_chunks_nothing_is_taken_for_a_request(server: Server, body: bytes):
    for path in ("/x", "/unread"):
        answer = server.talk(request("POST", path, "Transfer-Encoding: chunked", body=body + HELLO))
        assert heads(answer) == [400 if path == "/x" else 200]


def test_a_body_that_nobody_reads_is_not_taken_for_the_next_request(server: Server):
    data = request("POST", "/unread", f"Content-Length: {len(HELLO)}", body=HELLO)
    chunks = request(
        "POST", "/unread", "Transfer-Encoding: chunked", body=b"%x\r\n%b\r\n0\r\n\r\n" % (len(HELLO), HELLO)
    )
    assert heads(server.talk(data + chunks + request("GET", "/unread", "Connection: close"))) == [200] * 3


def test_trailers_and_extensions_of_chunks_are_taken(server: Server):
    body = b'3;a=b;c="d"\r\nabc\r\n0\r\nX-T: 1\r\n\r\n'
    answer = server.talk(
        request("POST", "/x", "Transfer-Encoding: chunked", body=body) + request("GET", "/unread", "Connection: close")
    )
    assert heads(answer) == [200, 200] and b'"size": 3' in answer


def test_a_websocket_has_its_connection_for_itself(server: Server):
    from simple_websocket import Client

    held = [Client(f"ws://127.0.0.1:{server.port}/ws") for _ in range(4)]
    for number, client in enumerate(held):
        client.send(f"a{number}")
        assert client.receive(timeout=5) == f"a{number}a{number}"
    assert b"unread" in server.get("/unread")
    refused = request(
        "GET", "/ws", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: x"
    )
    assert heads(server.talk(refused)) == [503]
    for client in held:
        client.close()


@pytest.mark.parametrize(("dial", "threads"), [("0", ["MainThread"] * 2), ("0.01", ["MainThread", "wallas-dial-1"])])
def test_an_answer_that_needs_no_wait_needs_no_thread(server, dial, threads):
    said = server.get(f"/swift/{dial}")
    assert said.startswith(b"HTTP/1.1 200") and said.endswith(b"AAAABBBB")
    steps = [line.partition(": ")[2] for line in said.decode().split("\r\n") if line.startswith("X-Step")]
    assert steps[:2] == threads


def test_what_cannot_be_answered_at_once_is_answered_by_a_thread(server):
    for path, size in (("/x", 3), ("/swift/0", 20_000)):
        body = b"x" * size
        sent = request("POST", path, "Connection: close", f"Content-Length: {size}", body=body)
        assert json.loads(server.talk(sent).partition(b"\r\n\r\n")[2])["size"] == size


def test_a_body_is_let_go_without_a_collector_of_garbage(server: Server):
    asked = [request("GET", "/unfreed")]
    asked += [request("POST", f"/parked/2/3/0.01/{dial}/{whole}", "Content-Length: 3", body=b"abc") for dial in (0, 1)
              for whole in (0, 1)] * 2  # fmt: skip
    asked += [request("POST", "/valid", "Content-Length: 3", body=b"abc")] * 3
    answer = server.talk(b"".join(asked) + request("GET", "/unfreed", "Connection: close"))
    assert answer.endswith(b"\r\n\r\n0")


def test_who_had_to_wait_is_not_tried_again_at_once(server):
    with server.connect() as sock:
        for number in range(20):
            sock.sendall(request("GET", "/patient"))
            answer = until(sock, b"}")
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["tried"] == 1 + number // 9
