"""Clients that leave at some point of an answer, and how soon the provider's connection is seen to be cut off."""

import json
import socket
import struct
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from tests.faults.clients import PROTOCOLS
from tests.faults.gateway import Gateway, Place
from wallas.simulated.script import Step, never, say

WORDS = "One word and another. "
KINDS: dict[str, tuple[tuple[Step, ...], bool, float]] = {
    "C01-before-the-first-word": ((never,), True, 2.0),
    "C02-while-words-come": ((say(WORDS * 400, size=10, gap=0.02),), True, 1.0),
    "C03-in-a-silence": ((say(WORDS, finish=None), never), True, 2.0),
    "C04-of-a-plain-answer": ((never,), False, 2.0),
}
"""When the client leaves: what the provider does then, whether a stream was asked for, and the seconds allowed."""


class Departure(NamedTuple):
    """One client that left: whether its provider saw it, and after how many seconds."""

    kind: str
    id: str
    seconds: float | None


def request(place: Place, *, protocol: str, stream: bool, id: str, version: str = "1.1") -> bytes:
    """Return a request's bytes."""
    path, asked = PROTOCOLS[protocol].asks(place.model, stream)
    body = json.dumps(asked).encode()
    head = f"POST {path} HTTP/{version}\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nX-Request-Id: {id}\r\n"
    head += f"X-Willaku-Model: {place.model}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def leave(gateway: Gateway, kind: str, *, protocol: str = "openai", reset: bool = False, number: int = 0) -> Departure:
    """Ask, leave when the answer is where ``kind`` says, and wait for the provider to see it."""
    steps, stream, limit = KINDS[kind]
    place = gateway.provider(kind="steady")
    place.will(*steps)
    id = f"left-{kind}-{protocol}-{number}"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as client:
        client.sendall(request(place, protocol=protocol, stream=stream, id=id))
        assert gateway.board.wait_until(lambda: place.requests, 5)
        if len(steps) > 1 or steps[0] is not never:
            got = b""
            while b"another" not in got:
                got += client.recv(65536)
        else:
            time.sleep(0.05)
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        left = time.monotonic()
    gateway.board.wait_until(lambda: place.requests[0].cancelled, limit + 3)
    seen = place.requests[0].cancelled
    return Departure(kind, id, None if seen is None else seen - left)


def many(gateway: Gateway, count: int, *, at_once: int = 16) -> list[Departure]:
    """Let many clients leave, several at a time, in every way and on every protocol."""
    plans = [
        (list(KINDS)[number % len(KINDS)], list(PROTOCOLS)[number // 4 % len(PROTOCOLS)], number % 3 == 0, number)
        for number in range(count)
    ]
    gone: list[Departure] = []

    def work(mine: Sequence[tuple[str, str, bool, int]]) -> None:
        for kind, protocol, reset, number in mine:
            gone.append(leave(gateway, kind, protocol=protocol, reset=reset, number=1000 + number))

    threads = [threading.Thread(target=work, args=(plans[start::at_once],)) for start in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return gone
