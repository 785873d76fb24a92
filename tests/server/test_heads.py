"""Heads that a connection says again: known by their bytes, and never taken for what they are not."""

import random

import pytest

from wallas.server_intake import KNOWN_BYTES, TRIES, Intake, Limits

LINES = ("Host: localhost:8001", "Authorization: Bearer sk-x", "Content-Type: application/json")
LIMITS = Limits(8190, 64, 8190)
MUTANTS = 3000


def intake(limits: Limits = LIMITS) -> Intake:
    """Return what reads a new connection."""
    return Intake(limits, server=("127.0.0.1", "8001"), client=("127.0.0.1", 40000), careful=False)


def said(body: bytes = b"abc", *, length: str | None = None, more: tuple[str, ...] = (), path: str = "/v1/x") -> bytes:
    """Return a request."""
    lines = [f"POST {path} HTTP/1.1", *LINES, f"Content-Length: {len(body) if length is None else length}", *more]
    return "\r\n".join([*lines, "", ""]).encode() + body


def knowing(limits: Limits = LIMITS) -> Intake:
    """Return an intake that has met the usual head often enough to know it."""
    made = intake(limits)
    for _ in range(2):
        assert made.feed(said()).body == b"abc"
    return made


def test_a_head_that_comes_again_is_not_read_again():
    reads = knowing()
    first, second = reads.feed(said(b"1")), reads.feed(said(b"22222222222"))
    assert first.heading is second.heading is reads.known.heading
    assert (first.body, second.body) == (b"1", b"22222222222")
    assert second.head + second.body == said(b"22222222222")


def test_the_first_head_of_a_connection_is_not_kept():
    reads = intake()
    reads.feed(said())
    assert reads.known is None


def test_requests_behind_each_other_are_cut_where_they_end():
    reads = knowing()
    bodies = [b"a", b"", b"c" * 50, b"POST / HTTP/1.1\r\n\r\n"]
    found = [reads.feed(b"".join(said(body) for body in bodies))]
    while reads.buffer:
        found.append(reads.feed())
    assert [raw.body for raw in found] == bodies
    assert {id(raw.heading) for raw in found} == {id(reads.known.heading)}


def test_a_known_head_may_come_in_pieces():
    reads = knowing()
    data = said(b"a body that comes in pieces")
    found = [raw for raw in (reads.feed(data[at : at + 1]) for at in range(len(data))) if raw is not None]
    assert [raw.body for raw in found] == [b"a body that comes in pieces"]
    assert found[0].heading is reads.known.heading


def test_a_body_that_never_comes_whole_is_left_to_gunicorns_parser():
    reads = knowing()
    assert reads.feed(said(b"abc", length="10")) is None
    raw = reads.give_up("cut")
    assert raw.heading is None and raw.head == said(b"", length="10") and raw.body == b"abc"


def test_one_header_more_is_another_head():
    reads = knowing()
    known = reads.known.heading
    other = reads.feed(said(more=("X-Wallas-Hold: off",)))
    assert other.heading is not known
    assert other.heading.environ["HTTP_X_WALLAS_HOLD"] == "off"


@pytest.mark.parametrize(
    "length",
    ["", "-3", "+3", "3 3", "3, 3", "3;", "0x3", "3" * 40, "3\r\nContent-Length: 3", "3\r\nTransfer-Encoding: chunked"],
)
def test_a_length_that_is_no_number_is_read_with_every_care(length):
    data = said(length=length)
    reads, fresh = knowing(), intake()
    known = reads.known.heading
    one, other = reads.feed(data), fresh.feed(data)
    assert one is None or one.heading is not known
    assert outcome(reads, one) == outcome(fresh, other)


@pytest.mark.parametrize(
    "more",
    [("Content-Length: 3",), ("Transfer-Encoding: chunked",), ("Expect: 100-continue",), ("X-Said: content-length",)],
)
def test_a_head_that_is_not_plain_is_never_kept(more):
    reads = intake()
    for _ in range(3):
        reads.feed(said(b"", length="0", more=more))
        reads.buffer = b""
    assert reads.known is None


def test_a_long_head_is_not_kept():
    reads = intake()
    for _ in range(3):
        reads.feed(said(more=("X-Long: " + "x" * KNOWN_BYTES,)))
    assert reads.known is None


def test_where_fields_must_be_short_a_length_cannot_pass_the_limit():
    reads = intake(Limits(8190, 64, 32))
    for _ in range(3):
        reads.feed(said())
    assert reads.known is None


def test_heads_that_always_differ_are_kept_no_more():
    reads = intake()
    for number in range(TRIES + 1):
        reads.feed(said(more=(f"X-Request-Id: {number}",)))
    assert reads.known is None


def outcome(reads: Intake, raw):
    """Return all that may be seen of what an intake found."""
    if raw is None:
        return None, reads.buffer, reads.raw is None, reads.need, reads.size
    heading = raw.heading
    told = heading and (heading.environ, heading.measured, heading.closes, heading.version, heading.method)
    return raw.head, raw.body, raw.end, repr(raw.fault), raw.upgrade, told, reads.buffer


def test_who_knows_a_head_sees_what_a_stranger_sees_whatever_comes():
    """Any byte may be changed, dropped, doubled: the outcome is that of an intake that never saw the head."""
    chance = random.Random(8001)
    usual = said(b'{"a": 1}', more=("User-Agent: x",))
    pieces = [
        b"\r\n",
        b"\n",
        b"\r",
        b"Content-Length: 2\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b" ",
        b":",
        b"\0",
        b"9",
    ]
    known = 0
    for _ in range(MUTANTS):
        data = bytearray(usual)
        for _ in range(chance.randint(0, 2)):
            at, what = chance.randrange(len(data)), chance.randrange(4)
            if what == 0:
                data[at] = chance.randrange(256)
            elif what == 1:
                del data[at : at + chance.randint(1, 3)]
            elif what == 2:
                data[at:at] = chance.choice(pieces)
            else:
                at = usual.index(b"Length: ") + 8
                data[at : at + 1] = b"%d" % chance.randrange(2000)
        reads, fresh = intake(), intake()
        for one in (reads, fresh):
            for _ in range(2):
                one.feed(usual)
        fresh.known = None
        raw, other = reads.feed(bytes(data)), fresh.feed(bytes(data))
        known += raw is not None and reads.known is not None and raw.heading is reads.known.heading
        assert outcome(reads, raw) == outcome(fresh, other), bytes(data)
    assert known > MUTANTS / 10
