"""A sample of the matrix through a real gunicorn: the same scripts, played on real connections."""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import product

from tests.faults.cases import Case, Verdict, told
from tests.faults.clients import PROTOCOLS, dishonest
from tests.faults.families import FAMILIES, Script
from tests.faults.gateway import Gateway, Place
from tests.faults.stage import WIRES, PlayedBody, Voice
from wallas import codecs
from wallas.journal import UNCOUNTED
from wallas.simulated.script import Request, Step, hang_up
from wallas.simulated.server import Exchange
from wallas.types.chat import ChatRequest

SETTLE = 0.03
"""Seconds before a reset: it may overtake what was sent just before."""
RENEW = 45
"""Cases after which the gateway's retry budget is made new."""


def asked(request: Request) -> ChatRequest:
    """Return a provider's request as canonical values."""
    body = dict(request.json) | {"model": request.model, "stream": request.stream}
    found: ChatRequest = codecs.codec(request.wire).decode_request(body)
    return found


def played(wire: str, script: Script) -> Step:
    """Play a script of the stage on a real connection."""

    def step(exchange: Exchange) -> None:
        body = script(Voice(wire, asked(exchange.request)))
        if body.status != 200:
            exchange.whole(body.status or 500, b"".join(body.pieces), {})
            return
        exchange.open_body()
        for piece in body.pieces:
            exchange.emit(piece)
        match body.then:
            case "end":
                exchange.end_body()
            case "reset":
                exchange.sleep(SETTLE)
                hang_up(exchange)
            case _:
                exchange.sleep(60)

    return step


def sample(*, every: int) -> Iterator[Case]:
    """Yield every n-th of all clients x wires x faults x later candidates, each broken off somewhere else."""
    family = FAMILIES["text"]
    for number, (protocol, wire, fault, later) in enumerate(product(PROTOCOLS, WIRES, family.faults, family.later)):
        if number % every == 0:
            count = len(told("text", wire))
            yield Case("text", protocol, wire, fault, (number * 7919) % count, later)


def run(gateway: Gateway, case: Case) -> Verdict:
    """Run one case; compare every letter and mark, the attempts, the counts and the connections."""
    family = FAMILIES[case.family]

    def breaks(voice: Voice) -> PlayedBody:
        return family.tell(voice).broken(fault=case.fault, cut=case.cut)

    scripts = [(case.wire, breaks), *(("openai", script) for script in family.later[case.later])]
    names = [f"{case.wire}x", *(f"tireless{number}" for number in range(1, len(scripts)))]
    places = [Place(gateway, name) for name in names]
    for place, (wire, script) in zip(places, scripts, strict=True):
        gateway.board.queues[place.name].clear()
        place.will(played(wire, script))
    before = [(len(place.requests), place.counts()) for place in places]
    answer = gateway.ask(*places, protocol=case.protocol, body=family.body(case.protocol))
    if answer.cut or answer.status != 200:
        return Verdict("wrong", f"status {answer.status}, cut {answer.cut}")
    attempts = gateway.attempts(answer)
    for place, (requests, (good, bad)) in zip(places, before, strict=True):
        outcomes = [outcome for name, outcome in attempts if name == place.name]
        if len(outcomes) != len(place.requests) - requests:
            return Verdict("wrong", f"{outcomes} booked of {len(place.requests) - requests} calls")
        failures = [outcome for outcome in outcomes if outcome != "ok" and outcome not in UNCOUNTED]
        if place.counts() != (good + outcomes.count("ok"), bad + len(failures)):
            return Verdict("wrong", f"{place.counts()} counted behind {(good, bad)} for {outcomes}")
    if not gateway.quiet():
        return Verdict("wrong", f"{gateway.board.open_connections} connections are open")
    if answer.error is not None:
        shown = told(case.family, case.wire)[case.cut]
        bad = dishonest(answer) or ("" if family.honest(shown) else f"an error: {json.dumps(answer.error)}")
        return Verdict("wrong", bad) if bad else Verdict("honest")
    if answer.text != family.text:
        return Verdict("wrong", f"text differs: ...{answer.text[-60:]!r}")
    bad = family.judge(None, answer, case.protocol) or ""
    return Verdict("wrong", bad) if bad else Verdict("exact")


def run_all(gateway: Gateway, cases: Sequence[Case], tell: Callable[[Case, Verdict], None]) -> None:
    """Run cases one after the other, and tell what came of each."""
    for number, case in enumerate(cases):
        if number and number % RENEW == 0:
            gateway.renew()
        tell(case, run(gateway, case))
