"""Breaks answers off at every chunk, on every wire, in every way, for every kind of client, and compares each letter.

``python -m tests.faults.matrix --all`` runs every case without sockets and a
sample of them through a real gunicorn; its figures stand in docs/faults.md.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tests.faults.clients import dishonest
from tests.faults.families import FAMILIES
from tests.faults.stage import WIRES, Play, Player, Voice
from wallas.types.chat import ChatRequest, Message, Text

SAMPLE = 29
"""One case in so many is run where not all are; a prime, so that no fault or wire is passed over."""


@dataclass(frozen=True)
class Case:
    """One way in which an answer breaks off, and how those behave that are asked to go on."""

    family: str
    protocol: str
    wire: str
    fault: str
    cut: int
    later: str

    def __str__(self) -> str:
        """Return the case in words."""
        return f"{self.family}, {self.wire} to {self.protocol}: {self.fault} at {self.cut}, then {self.later}"


@dataclass(frozen=True)
class Verdict:
    """What came of a case: exact, honest (an error that docs/faults.md allows), or wrong and why."""

    result: str
    wrong: str = ""


def cases() -> Iterator[Case]:
    """Yield every case: kinds of answers x clients x wires x faults x every chunk x later candidates."""
    for name, family in FAMILIES.items():
        for protocol in family.protocols:
            for wire in WIRES:
                for fault in family.faults:
                    for cut in range(len(told(name, wire))):
                        for later in family.later:
                            yield Case(name, protocol, wire, fault, cut, later)


@cache
def told(family: str, wire: str) -> tuple[str, ...]:
    """Return the text that stands on a wire before each of its frames."""
    asked = ChatRequest(
        model="m", messages=(Message(role="user", parts=(Text(text="?"),)),), stream=FAMILIES[family].stream
    )
    voice = Voice(wire, asked)
    FAMILIES[family].tell(voice)
    return tuple(voice.texts)


def run(case: Case) -> Verdict:
    """Run one case; compare every letter, mark and booking."""
    family, wires = FAMILIES[case.family], list(WIRES)
    players = [Player("one", case.wire, lambda voice: family.tell(voice).broken(fault=case.fault, cut=case.cut))]
    for number, script in enumerate(family.later[case.later]):
        wire = wires[(wires.index(case.wire) + 1 + number) % len(wires)]
        players.append(Player(f"later{number}", wire, script))
    body = family.body(case.protocol)
    play = Play(case.protocol, players, stream=family.stream, body=body, **family.plan)
    if untidy := play.untidy():
        return Verdict("wrong", untidy)
    heard = play.heard
    if heard.error is None:
        bad = family.judge(play, heard, case.protocol)
        return Verdict("wrong", bad) if bad else Verdict("exact")
    if not family.honest(told(case.family, case.wire)[case.cut]):
        return Verdict("wrong", f"an error: {heard.error}")
    bad = dishonest(heard) or ("" if family.text.startswith(heard.text) else f"no beginning: {heard.text!r}")
    return Verdict("wrong", bad) if bad else Verdict("honest")


def main() -> int:
    """Run the cases and print the figures; return 1 when any is wrong."""
    step = 1 if "--all" in sys.argv else SAMPLE
    began = time.monotonic()
    results: Counter[str] = Counter()
    kinds: dict[str, Counter[str]] = {name: Counter() for name in FAMILIES}
    wrong: list[str] = []
    for number, case in enumerate(cases()):
        if number % step:
            continue
        verdict = run(case)
        results[verdict.result] += 1
        kinds[case.family][verdict.result] += 1
        if verdict.wrong:
            wrong.append(f"{case}: {verdict.wrong}")
    print(line("in all", results), f"{time.monotonic() - began:.0f} s")
    for name, counts in kinds.items():
        print(line(name, counts))
    for said in wrong[:60]:
        print(said[:400])
    return int(bool(wrong))


def line(name: str, counts: Counter[str]) -> str:
    """Return one row of figures."""
    told_ = f"{counts['exact']} exact, {counts['honest']} honest errors, {counts['wrong']} wrong"
    return f"{name}: {counts.total()} runs, {told_}"


if __name__ == "__main__":
    raise SystemExit(main())
