"""Breaks answers off at every chunk, on every wire and in every way, for every client, and compares each letter."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tests.faults.clients import dishonest
from tests.faults.families import FAMILIES
from tests.faults.stage import WIRES, Play, Player, Voice
from wallas.types.chat import ChatRequest, Message, Text


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
