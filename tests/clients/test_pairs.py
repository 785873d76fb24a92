"""A tool loop begun on one provider goes on at another and comes back, for every pair of wires and every protocol."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.clients.fleet import WIRES, Fleet
from tests.clients.loops import PROTOCOLS, QUESTION, SYSTEM, Answer, Called
from tests.clients.received import Turn, turns
from tests.fakes import call, hang_up, say, sealed, status, think

SEALS = frozenset({"responses", "anthropic", "gemini"})
"""Wires with a place for a seal."""
SEALED_THOUGHTS = {"responses": ["I must look."], "anthropic": ["I must look."]}
"""Gemini's seal sits on the call."""
PLACEHOLDER = "skip_thought_signature_validator"
PICTURES = {"openai": "user", "responses": "result", "anthropic": "result", "gemini": "result", "ollama": "result"}
"""Where a wire has the picture that a tool returned: in the result, or said by the user after it. Cohere: nowhere."""


class Loop:
    """One conversation as its client holds it."""

    def __init__(self, client: FlaskClient, protocol: str, model: str) -> None:
        self.client = client
        self.protocol = PROTOCOLS[protocol]
        self.path = self.protocol.path(model)
        self.body = self.protocol.first(model)
        self.answer: Any = None
        self.dropped: list[str] = []

    def ask(self) -> Answer:
        response = self.client.post(self.path, json=self.body)
        assert response.status_code == 200, response.text
        self.dropped = response.headers.get("X-Wallas-Dropped", "").split(", ")
        self.answer = response.get_json()
        return self.protocol.read(self.answer)

    def called(self, name: str, arguments: dict[str, Any]) -> None:
        """Check that exactly this call is asked for, and take its result into the conversation."""
        answer = self.ask()
        (made,) = answer.calls
        assert (made.name, made.arguments) == (name, arguments)
        self.body = self.protocol.after(self.body, self.answer, Called(*made))


def told(wire: str, request: Any, *, results: list[str]) -> list[Turn]:
    """Check what holds for every request of these loops; return its turns."""
    said = turns(wire, request.json)
    roles = [turn.role for turn in said if turn.role != "thought"]
    expected = ["system", "user"]
    for name in results:
        expected += ["call", "result", "user"] if name == "shown" else ["call", "result"]
    assert roles == expected
    assert (said[0].text, said[1].text) == (SYSTEM, QUESTION)
    calls = [turn for turn in said if turn.role == "call"]
    answers = [turn for turn in said if turn.role == "result"]
    assert [turn.id for turn in calls] == [turn.id for turn in answers]
    assert len({turn.id for turn in calls}) == len(calls)
    assert [(turn.name, turn.arguments) for turn in calls] == CALLS[: len(calls)]
    assert all("A red square." in turn.text for turn in answers)
    return said


CALLS = [("look", '{"at": "corner"}'), ("zoom", '{"factor": 2}')]


def pictured(wire: str, said: list[Turn], *, sent: bool, dropped: list[str]) -> None:
    """Check that the pictures in results are where the wire has them and nowhere else, or are named as dropped."""
    place = PICTURES.get(wire)
    results = sum(turn.role == "result" for turn in said)
    assert sum(turn.pictures for turn in said if turn.role == place) == (results if sent and place else 0)
    assert sum(turn.pictures for turn in said if turn.role != place) == 0
    assert any(name.endswith(".image") for name in dropped) is (sent and place is None)


def seals(said: list[Turn]) -> list[str]:
    return [turn.seal for turn in said if turn.seal and turn.seal != PLACEHOLDER]


@pytest.mark.parametrize("second", WIRES)
@pytest.mark.parametrize("first", WIRES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_tool_loop_goes_to_another_provider_and_comes_back(
    protocol: str, first: str, second: str, fleet: Fleet, inside: FlaskClient
) -> None:
    loop = Loop(inside, protocol, f"{first}-{second}")
    pictures = loop.protocol.pictures
    one, two = fleet.one, fleet.two

    one.will(sealed("c2VhbC1vbmU="), think("I must look."), call("look", '{"at": "corner"}'))
    loop.called("look", {"at": "corner"})
    assert [len(provider.requests) for provider in (one, two)] == [1, 0]

    one.will(say("Let me", finish=None), hang_up)
    two.will(sealed("c2VhbC10d28="), think("Now closer."), call("zoom", '{"factor": 2}'))
    loop.called("zoom", {"factor": 2})
    shown = [["look", "shown"][pictures and second == "openai"]]
    said = told(second, two.requests[-1], results=shown)
    pictured(second, said, sent=pictures, dropped=loop.dropped)
    assert seals(said) == []
    assert "c2VhbC1vbmU=" not in two.requests[-1].body.decode()

    one.will(say("It is red."))
    two.will(status(503))
    assert loop.ask().text == "It is red."
    shown = [["look", "shown"][pictures and first == "openai"]] * 2
    said = told(first, one.requests[-1], results=shown)
    pictured(first, said, sent=pictures, dropped=loop.dropped)
    assert seals(said) == (["c2VhbC1vbmU="] if first in SEALS else [])
    assert [turn.text for turn in said if turn.role == "thought" and seals([turn])] == SEALED_THOUGHTS.get(first, [])
    assert "c2VhbC10d28=" not in one.requests[-1].body.decode()
