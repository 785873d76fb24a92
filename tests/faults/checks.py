"""What has to hold after every fault, said once."""

from tests.faults.clients import ENDED, Answer, complaint
from tests.faults.gateway import Gateway, Place
from wallas.simulated.script import Step, say

PROMPT = 5.0
"""Seconds in which any fault here is over, on a machine with much else to do."""
TALE = "".join(f"Sentence {number} of the tale says that the {number}th bird sang. " for number in range(8))


def is_tale(answer: Answer, protocol: str = "openai", *, text: str = TALE) -> None:
    """Assert that an answer is whole, exact and well formed for its protocol."""
    assert answer.status == 200, answer.data[:600]
    assert not answer.cut
    assert answer.text == text
    assert complaint(answer, protocol, reason=ENDED[protocol]) is None


def passed_over(
    gateway: Gateway,
    *steps: Step,
    kind: str,
    wire: str = "openai",
    protocol: str = "openai",
    stream: bool = True,
    first: Place | None = None,
    counted: bool = True,
) -> tuple[Place, Answer]:
    """Assert that a provider which does this is passed over unnoticed; return it, and the answer.

    ``kind`` is how its attempt is booked; ``counted``: as a failure of its own.
    """
    one = first or gateway.provider(wire)
    two = gateway.provider(kind="steady")
    if steps:
        one.will(*steps)
    two.will(say(TALE))
    answer = gateway.ask(one, two, protocol=protocol, stream=stream)
    is_tale(answer, protocol)
    assert gateway.attempts(answer) == [(one.name, kind), (two.name, "ok")]
    assert answer.seconds < PROMPT
    assert one.counts() == (0, int(counted))
    assert two.counts() == (1, 0)
    tidy(gateway)
    return one, answer


def kept(gateway: Gateway, *steps: Step, wire: str = "openai", protocol: str = "openai", stream: bool = True) -> Answer:
    """Assert that a provider which does this answers alone: nobody else is asked; return its answer."""
    one, two = gateway.provider(wire, kind="steady" if wire == "openai" else ""), gateway.provider(kind="steady")
    one.will(*steps)
    answer = gateway.ask(one, two, protocol=protocol, stream=stream)
    assert answer.status == 200, answer.data[:600]
    assert not answer.wrong and answer.error is None
    assert gateway.attempts(answer) == [(one.name, "ok")]
    assert not two.requests
    tidy(gateway)
    return answer


def tidy(gateway: Gateway) -> None:
    """Assert that no connection to any provider is left open."""
    assert gateway.quiet(), f"{gateway.board.open_connections} connections are open"
