"""U01 to U11, U17 to U20, U30, U32 and U45: providers that break before they have said anything of use."""

import threading
import time
from pathlib import Path

import pytest

from tests.fakes import FakeProvider
from tests.faults.checks import TALE, is_tale, passed_over, tidy
from tests.faults.clients import PROTOCOLS
from tests.faults.gateway import BASES, SILENCE, Board, Gateway, table
from tests.routing.scripted import ABILITIES, ask, desk, stream_of
from wallas.catalog.entries import Model
from wallas.providers.registry import providers
from wallas.routing.candidates import Candidate
from wallas.settings import load_settings
from wallas.simulated.script import (
    Step,
    bad_chunk_header,
    close,
    close_after,
    compressed,
    drip,
    empty,
    flush,
    framed,
    garbage,
    gzip_bomb,
    half_chunk,
    hang_up,
    html200,
    lying_length,
    never,
    not_http,
    raw,
    redirect,
    say,
    status,
)
from wallas.transport import Transport
from wallas.transport_dial import Resolver

WIRES = tuple(BASES)
OPENING = say("", finish=None)
"""What comes before the first word: role chunk, ``message_start``, an empty line."""


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_U01_a_refused_connection_is_passed_over(gateway: Gateway, protocol: str) -> None:
    passed_over(gateway, kind="connect", first=gateway.provider(kind="refused"), protocol=protocol)


def test_U01_a_refused_connection_costs_less_than_50_ms(gateway: Gateway) -> None:
    took = []
    for _ in range(5):
        _, answer = passed_over(gateway, kind="connect", first=gateway.provider(kind="refused"))
        took += gateway.rows("select ms from attempts where request_id = ? and number = 1", answer.id)
    assert min(row["ms"] for row in took) < 50


def test_U02_a_black_hole_costs_the_limit_of_its_provider(gateway: Gateway) -> None:
    _, answer = passed_over(gateway, kind="connect", first=gateway.provider(kind="hole"))
    assert answer.seconds > 0.28


def test_U03_an_unknown_name_is_passed_over(gateway: Gateway) -> None:
    passed_over(gateway, kind="connect", first=gateway.provider(kind="nameless"))


def test_U03_when_no_name_is_known_the_gateways_own_resolver_is_to_blame(gateway: Gateway) -> None:
    places = [gateway.provider(kind="nameless") for _ in range(4)]
    for _ in range(3):
        answer = gateway.ask(*places)
        assert answer.status == 503
        blamed = [outcome for _, outcome in gateway.attempts(answer)]
        assert blamed[2:] == ["gateway", "gateway"]
    assert [place.counts() for place in places] == [(0, 1), (0, 1), (0, 0), (0, 0)]
    assert all(place.rest() is None for place in places)


def test_U04_a_resolver_that_hangs_costs_its_limit(tmp_path: Path) -> None:
    asked: list[str] = []
    awake = threading.Event()

    def lookup(host: str, port: int, **more: object) -> list[tuple[object, ...]]:
        asked.append(host)
        if host == "slow.example":
            awake.wait(10)
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    with Board() as board:
        board.queues["two"].append((say(TALE),))
        config = tmp_path / "wallas.toml"
        slow = table("one", "openai", "http://slow.example/v1")
        config.write_text(slow + "\n" + table("two", "openai", f"{board.url}/two/v1"))
        transport = Transport(resolver=Resolver(lookup=lookup))
        usable = providers(load_settings({"WALLAS_CONFIG": str(config)}), transport, keyless=False)
        candidates = [
            Candidate.of(
                Model(provider=name, id="m", capabilities=ABILITIES, free=True), usable[name], usable[name].keys[0]
            )
            for name in ("one", "two")
        ]
        at, began = desk(), time.monotonic()
        stream = stream_of(ask(), candidates, wire="openai_chat", at=at)
        data = b"".join(stream.bind(lambda *head: None, None))
        took = time.monotonic() - began
        awake.set()
        transport.close()
    assert PROTOCOLS["openai"].stream(data).text == TALE
    assert asked == ["slow.example", "127.0.0.1"]
    assert 0.28 < took < 1
    (record,) = at.journal.records  # type: ignore[attr-defined]
    assert [hop.outcome for hop in record.hops] == ["connect", "ok"]


@pytest.mark.parametrize("door", ["expired", "misnamed", "selfsigned", "handshake"])
def test_U05_tls_that_cannot_be_trusted_is_passed_over_and_never_told_anything(gateway: Gateway, door: str) -> None:
    one = gateway.provider(kind=door)
    passed_over(gateway, kind="connect", first=one)
    assert f"{one.name}/m" in gateway.said() or door == "handshake"


SILENT: dict[str, tuple[tuple[Step, ...], str]] = {
    "U06-accepts-and-never-answers": ((never,), "timeout"),
    "U07-headers-and-nothing-more": ((flush, never), "timeout"),
    "U08-only-the-beginning": ((OPENING, never), "timeout"),
    "U10-FIN-inside-the-first-event": ((close_after(30), say(TALE)), "cut"),
    "U10-FIN-behind-the-beginning": ((OPENING, close), "cut"),
    "U11-RST-before-the-head": ((hang_up,), "connect"),
    "U11-RST-behind-the-head": ((flush, hang_up), "cut"),
    "U11-RST-behind-the-beginning": ((OPENING, hang_up), "cut"),
}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("row", SILENT)
def test_a_provider_without_content_is_never_noticed(gateway: Gateway, row: str, wire: str) -> None:
    steps, kind = SILENT[row]
    passed_over(gateway, *steps, kind=kind, wire=wire)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "row", ["U07-headers-and-nothing-more", "U08-only-the-beginning", "U11-RST-behind-the-beginning"]
)
def test_no_client_notices_a_provider_without_content(gateway: Gateway, row: str, protocol: str) -> None:
    steps, kind = SILENT[row]
    passed_over(gateway, *steps, kind=kind, protocol=protocol)


@pytest.mark.parametrize(
    ("steps", "kind"), [((never,), "timeout"), ((hang_up,), "connect")], ids=["U06-never-answers", "U11-RST"]
)
def test_a_plain_answer_that_does_not_come_is_never_noticed(
    gateway: Gateway, steps: tuple[Step, ...], kind: str
) -> None:
    passed_over(gateway, *steps, kind=kind, stream=False)


@pytest.mark.parametrize("stream", [True, False])
def test_U09_a_drip_of_bytes_is_no_content(gateway: Gateway, stream: bool) -> None:
    _, answer = passed_over(gateway, drip(0.02), say(TALE), kind="timeout", stream=stream)
    assert answer.seconds > SILENCE


def test_U09_a_text_that_goes_on_in_drips_is_continued(gateway: Gateway) -> None:
    one, two = gateway.providers("openai", "openai")
    one.will(say(TALE[:60], finish=None), drip(0.05), say(TALE[60:]))
    two.will(lambda exchange: say(str(exchange.anchor()) + TALE[60:])(exchange))
    answer = gateway.ask(one, two)
    is_tale(answer)
    assert gateway.attempts(answer) == [(one.name, "stalled"), (two.name, "ok")]
    tidy(gateway)


def long_length(exchange: object) -> None:
    """Announce a longer stream than comes."""
    exchange.send_head(200, {"Content-Type": "text/event-stream", "Content-Length": "4000"})  # type: ignore[attr-defined]
    exchange.opened = True  # type: ignore[attr-defined]
    exchange.send(b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n')  # type: ignore[attr-defined]
    close(exchange)  # type: ignore[arg-type]


HALF = b'{"id":"x","object":"chat.completion","choices":[{"index":0,"mess'
PAGE = b"<!DOCTYPE html><html><body>Sign in</body></html>"
UNUSABLE: dict[str, tuple[tuple[Step, ...], str, bool]] = {
    "U17-length-longer-than-the-stream": ((long_length,), "cut", True),
    "U17-length-longer-than-the-body": ((say(TALE, finish=None), lying_length()), "cut", False),
    "U18-half-a-body": ((say(TALE, finish=None), close), "cut", False),
    "U18-half-a-body-as-if-it-were-whole": (
        (status(200, HALF),),
        "malformed",
        False,
    ),
    "U18-half-a-body-where-a-stream-was-due": (
        (status(200, HALF),),
        "malformed",
        True,
    ),
    "U18-noise": ((garbage,), "malformed", False),
    "U18-noise-in-a-stream": ((garbage,), "cut", True),
    "U18-a-chunk-without-its-end": ((half_chunk,), "cut", True),
    "U18-a-chunk-without-a-size": ((bad_chunk_header,), "malformed", True),
    "U18-no-HTTP": ((not_http,), "malformed", True),
    "U19-empty-body": ((empty,), "malformed", False),
    "U19-empty-stream": ((empty,), "malformed", True),
    "U20-page": ((html200,), "malformed", False),
    "U20-page-where-a-stream-was-due": ((html200,), "malformed", True),
    "U20-page-that-says-it-is-JSON": (
        (status(200, PAGE),),
        "malformed",
        True,
    ),
    "U20-page-in-a-stream": ((raw(PAGE),), "malformed", True),
    "U32-coding-that-nobody-knows": ((compressed("br"), say(TALE)), "malformed", True),
    "U32-bomb": ((gzip_bomb(8),), "malformed", True),
    "U32-plain-bomb": ((gzip_bomb(8),), "malformed", False),
}


@pytest.mark.parametrize("row", UNUSABLE)
def test_a_body_that_is_no_answer_is_never_noticed(gateway: Gateway, row: str) -> None:
    steps, kind, stream = UNUSABLE[row]
    _, answer = passed_over(gateway, *steps, kind=kind, stream=stream)
    assert b"html" not in answer.data


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw"])
def test_U32_a_compressed_answer_is_read(gateway: Gateway, coding: str, stream: bool) -> None:
    one, two = gateway.providers("openai", "openai")
    one.will(compressed(coding), say(TALE))
    answer = gateway.ask(one, two, stream=stream)
    is_tale(answer)
    assert gateway.attempts(answer) == [(one.name, "ok")]


def resident(gateway: Gateway) -> int:
    """Return the kilobytes that the gateway's worker has in memory, at most so far."""
    (worker,) = gateway.workers()
    text = Path(f"/proc/{worker}/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0])


def test_U30_an_event_without_an_end_is_cut_off_at_8_MB(gateway: Gateway) -> None:
    before = resident(gateway)
    passed_over(gateway, OPENING, raw(b"data: "), *[raw(b"x" * 1_000_000)] * 50, kind="malformed")
    assert resident(gateway) - before < 64 * 1024


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_U45_a_redirect_is_not_followed_and_no_key_leaves(gateway: Gateway, code: int) -> None:
    with FakeProvider() as other:
        passed_over(gateway, redirect(f"{other.url}/v1/chat/completions", code), kind="malformed")
        assert other.accepted == 0


def test_a_body_framed_by_the_connection_that_ends_too_early_is_a_cut(gateway: Gateway) -> None:
    passed_over(gateway, framed("close"), OPENING, close, kind="cut")
