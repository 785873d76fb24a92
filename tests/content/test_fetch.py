"""The safe fetcher: rows S01 to S10 of the faults that must do no harm."""

import gzip
import itertools
import socket
import threading
import time

import pytest

from tests.content.web import Web, moved, page, serving
from wallas.content.addresses import is_own, is_public
from wallas.content.fetch import REFUSED, Fetcher, FetchError, place_of
from wallas.transport_dial import Resolver

PUBLIC = "93.184.216.34"


@pytest.fixture
def web():
    with serving() as one:
        one.pages["/"] = page(b"secret")
        yield one


def names(**known: list[str]):
    """Return a resolver that knows these names, and how often it was asked."""
    asked: list[str] = []

    def lookup(host, port, **_):
        asked.append(host)
        found = known.get(host.replace(".", "_").replace("-", "_"))
        if found is None:
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        kind = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(kind[":" in ip], 0, 0, "", (ip, port, 0, 0) if ":" in ip else (ip, port)) for ip in found]

    return Resolver(lookup), asked


def fetcher(web: Web, **options) -> Fetcher:
    """Return a fetcher that may ask the test server's port, as if it were a usual one."""
    return Fetcher(**({"ports": (80, 443, web.port), "seconds": 2.0} | options))


def allowing(web: Web, **options) -> Fetcher:
    return fetcher(web, allowed=[f"127.0.0.1:{web.port}"], **options)


def refusal(fetcher: Fetcher, url: str) -> str:
    with pytest.raises(FetchError) as caught:
        fetcher.fetch(url)
    return str(caught.value)


INSIDE = [
    "169.254.169.254", "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "100.64.0.1", "100.100.100.200", "192.0.0.192", "192.0.0.8", "168.63.129.16", "0.0.0.0", "255.255.255.255",
    "224.0.0.1", "240.0.0.1", "198.18.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1",
]  # fmt: skip
INSIDE6 = [
    "::1", "::", "fd00:ec2::254", "fe80::1", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1", "::127.0.0.1",
    "::ffff:7f00:1", "::ffff:127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:7f00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "2a00:1450:4001:82b:0:5efe:7f00:1", "100::1", "5f00::1", "3fff::1",
]  # fmt: skip


@pytest.mark.parametrize("ip", INSIDE + INSIDE6)
def test_s01_an_address_inside_is_not_public(ip):
    assert not is_public(ip)


@pytest.mark.parametrize("ip", [PUBLIC, "8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808"])
def test_an_address_outside_is_public(ip):
    assert is_public(ip) and not is_own(ip)


@pytest.mark.parametrize("ip", INSIDE + [f"[{ip}]" for ip in INSIDE6])
def test_s01_addresses_inside_are_refused_in_the_same_words(web, ip):
    assert refusal(fetcher(web), f"http://{ip}:{web.port}/") == REFUSED
    assert web.connections == 0


SPELLED = [
    "2130706433", "0177.0.0.1", "0x7f000001", "0x7f.1", "127.1", "127.0.1", "0", "0x0", "00", "017700000001",
    "127.0.0.1.", "localhost.", "①②⑦.⓪.⓪.①", "127。0。0。1", "１２７.0.0.1", "[::ffff:7f00:1]", "[::127.0.0.1]",
    "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1%25lo]", "[fe80::1%lo]", "[::1%25lo]", "127.0.0.1%00.example.com",
    "127.000.000.001", "1.2.3.4.5", "256.1.1.1", "0x7f.0.0.0x1", "08.8.8.8", "localhost", "LOCALHOST",
]  # fmt: skip


@pytest.mark.parametrize("host", SPELLED)
def test_s02_no_spelling_of_a_local_address_gets_through(web, host):
    refusal(fetcher(web), f"http://{host}:{web.port}/")
    assert web.connections == 0


PARSED = [
    "http://1.1.1.1\\@127.0.0.1/", "http://127.0.0.1\\@1.1.1.1/", "http://1.1.1.1#@127.0.0.1/",
    "http://1.1.1.1?@127.0.0.1/", "http://user@127.0.0.1/", "http://a:b@1.1.1.1/", "http://@1.1.1.1/",
    "http:///127.0.0.1/", "http:127.0.0.1/", "http:/127.0.0.1/", "//127.0.0.1/", "http://127.0.0.1\t/",
    "ht\ttp://127.0.0.1/", "http://\n127.0.0.1/", " http://127.0.0.1/", "http://127.0.0.1 /", "http://1.1.1.1 .x/",
    "http://[::1/", "http://::1/", "http://1.1.1.1:80:80/", "http://1.1.1.1:/", "http://1.1.1.1:65536/",
    "http://1.1.1.1:+80/", "http://1.1.1.1:8o/", "http://[1.1.1.1]/", "http://exa_mple.com\x00.evil/",
    "http://ex\u00e4mple.com/", "http://127.0.0.1\u3002/", "http://1.1.1.1/\u2028x", "http://", "http:", "", "x",
    "http://%31%32%37.0.0.1/", "http://1.1.1.1%2f@127.0.0.1/", "http://..", "http://.", "https://?x", "https://#",
]  # fmt: skip


@pytest.mark.parametrize("url", PARSED)
def test_s03_what_parsers_read_differently_is_refused(web, url):
    assert refusal(fetcher(web), url.replace("127.0.0.1/", f"127.0.0.1:{web.port}/")) == REFUSED
    assert web.connections == 0


def test_s03_a_url_is_read_in_one_way():
    assert place_of("HTTPS://Example.COM/a%20b?c=d#e")[1:] == ("https", "example.com", 443)
    assert place_of("http://[2606:4700::1111]:80/")[1:] == ("http", "2606:4700::1111", 80)


LEADING_IN = [
    "http://127.0.0.2:{port}/", "http://169.254.169.254/", "file:///etc/passwd", "gopher://127.0.0.1:{port}/",
    "//[::1]:{port}/", "http://localhost:{port}/", "http://2130706433:{port}/", "ftp://127.0.0.1/",
    "data:text/plain,x", "http://127.0.0.1:22/", "http://127.0.0.1:{port}\\@127.0.0.2/", "http://a@127.0.0.1:{port}/",
]  # fmt: skip


@pytest.mark.parametrize("location", LEADING_IN)
def test_s04_every_redirect_is_checked_like_the_first_url(web, location):
    web.pages["/r"] = moved(location.format(port=web.port))
    assert refusal(allowing(web), web.url("/r")) == REFUSED
    assert web.connections == 1


def test_s04_a_chain_of_redirects_ends_after_three(web):
    for number in range(9):
        web.pages[f"/{number}"] = moved(f"/{number + 1}", (301, 302, 303, 307, 308)[number % 5])
    web.pages["/9"] = page(b"end")
    assert "more than 3 times" in refusal(allowing(web), web.url("/5"))
    assert web.connections == 4
    assert allowing(web).fetch(web.url("/6")).data == b"end"


def test_s05_a_name_is_resolved_once_and_what_was_checked_is_dialled(web):
    outside = "192.0.2.1"
    answers = itertools.chain([outside], itertools.repeat("127.0.0.1"))
    asked: list[str] = []
    resolver = Resolver(lambda host, port, **_: (asked.append(host), [(2, 0, 0, "", (next(answers), port))])[1])
    one = fetcher(web, resolver=resolver, seconds=0.3, public=lambda ip: ip == outside)
    refusal(one, f"http://rebind.test:{web.port}/")
    assert (asked, web.connections) == (["rebind.test"], 0)


@pytest.mark.parametrize("ips", [[PUBLIC, "127.0.0.1"], ["127.0.0.1", PUBLIC], [PUBLIC, "::1"]])
def test_s06_a_name_with_one_address_inside_is_refused(web, ips):
    resolver, _ = names(mixed_test=ips)
    assert refusal(fetcher(web, resolver=resolver), f"http://mixed.test:{web.port}/") == REFUSED
    assert web.connections == 0


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "file://127.0.0.1/etc/passwd", "ftp://1.1.1.1/", "jar:http://1.1.1.1!/", "\\\\host\\share",
     "//host/share", "data:text/plain,x", "data:;base64," + "A" * 9000, "gopher://1.1.1.1/", "dict://1.1.1.1/",
     "javascript:alert(1)", "ws://1.1.1.1/", "unix:/run/x.sock", "http+unix://x/", "/etc/passwd", "C:\\x",
     "blob:http://1.1.1.1/", "ldap://1.1.1.1/"],
)  # fmt: skip
def test_s07_no_other_scheme_is_fetched(web, url):
    assert refusal(fetcher(web), url) == REFUSED


@pytest.mark.parametrize("port", [22, 25, 6379, 8001, 8002, 9377, 11434, 0])
def test_s08_only_the_usual_ports_are_asked(port):
    assert refusal(Fetcher(seconds=1), f"http://{PUBLIC}:{port}/") == REFUSED


def test_s08_an_address_of_this_machine_is_refused_though_it_be_public(web):
    resolver, _ = names(gateway_test=["127.0.0.1"])
    one = fetcher(web, resolver=resolver, public=lambda ip: True)
    assert refusal(one, f"http://gateway.test:{web.port}/") == REFUSED
    assert web.connections == 0 and is_own("127.0.0.1")


def test_s09_a_body_that_never_ends_is_given_up(web):
    def drip(sock: socket.socket) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(100):
            sock.sendall(b"x")
            time.sleep(0.02)

    web.pages["/slow"] = drip
    web.pages["/silent"] = lambda sock: time.sleep(1)
    web.pages["/head"] = lambda sock: (sock.sendall(b"HTTP/1.1 200 OK\r\nX: "), time.sleep(1))
    for path in ("/slow", "/silent", "/head"):
        started = time.monotonic()
        assert "within 0.2 s" in refusal(allowing(web, seconds=0.2), web.url(path))
        assert time.monotonic() - started < 0.9


def test_s09_a_body_that_is_too_large_is_not_read_whole(web):
    web.pages["/said"] = page(b"x", length=10 * 1024**3)
    web.pages["/endless"] = lambda sock: [
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n"),
        *(sock.sendall(b"x" * 9999) for _ in range(99)),
    ]
    packed = gzip.compress(b"\0" * 5_000_000)
    web.pages["/bomb"] = page(packed, "Content-Encoding: gzip")
    for path in ("/said", "/endless"):
        assert "more than 100000 bytes" in refusal(allowing(web, most=100_000), web.url(path))
    refusal(allowing(web, most=100_000), web.url("/bomb"))


def test_s09_identity_is_asked_for_and_nothing_of_ours_goes_along(web, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    web.pages["/r"] = moved("/")
    allowing(web).fetch(web.url("/r"))
    for head in web.heads:
        lines = {line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:] if line}
        assert lines == {b"host", b"accept", b"accept-encoding", b"user-agent", b"connection"}
        assert b"Accept-Encoding: identity" in head


def test_a_file_is_fetched_with_its_type_and_name(web):
    web.pages["/a/b%20c.pdf"] = page(b"%PDF", "Content-Type: application/pdf; x=y")
    web.pages["/d"] = page(b"x", 'Content-Disposition: attachment; filename="../e.csv"')
    found = allowing(web).fetch(web.url("/a/b%20c.pdf"))
    assert (found.data, found.mime, found.name) == (b"%PDF", "application/pdf", "b c.pdf")
    assert allowing(web).fetch(web.url("/d")).name == "e.csv"


def test_a_status_that_is_no_file_is_told(web):
    assert "status 404" in refusal(allowing(web), web.url("/none"))


def test_the_operators_list_opens_one_host_and_port_only(web):
    assert allowing(web).fetch(web.url()).data == b"secret"
    assert refusal(fetcher(web, allowed=[f"127.0.0.1:{web.port + 1}"]), web.url()) == REFUSED
    assert refusal(fetcher(web, allowed=["127.0.0.1"]), web.url()) == REFUSED
    assert refusal(allowing(web), web.url(host="localhost")) == REFUSED


def test_no_more_than_eight_are_fetched_at_once(web):
    gate, peak, now = threading.Event(), [0], [0]
    lock = threading.Lock()

    def slow(sock: socket.socket) -> None:
        with lock:
            now[0] += 1
            peak[0] = max(peak[0], now[0])
        gate.wait(2)
        with lock:
            now[0] -= 1
        sock.sendall(page(b"x"))

    web.pages["/slow"] = slow
    one = allowing(web)
    threads = [threading.Thread(target=one.fetch, args=(web.url("/slow"),)) for _ in range(12)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 2
    while now[0] < 8 and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.05)
    gate.set()
    for thread in threads:
        thread.join()
    assert peak[0] == 8


def test_none_of_hundreds_of_urls_reaches_a_listener_inside(web):
    hosts = [*INSIDE, *(f"[{ip}]" for ip in INSIDE6), *SPELLED]
    ends = ["/", f":{web.port}/", f":{web.port}/a.png?b=c", f":{web.port}", f":{web.port}/..%2f#x", ":0/"]
    urls = [f"{scheme}://{host}{end}" for scheme in ("http", "HTTP") for host in hosts for end in ends]
    one = fetcher(web, ports=(web.port,))
    for url in urls:
        assert refusal(one, url) == REFUSED
    assert len(urls) > 800 and web.connections == 0
