import pytest

from tests.routing.scenes import answer, call, thought
from tests.routing.scripted import ask
from wallas.errors import NotFound
from wallas.routing.enrich import Kept, Memory, enrich, kept_of
from wallas.types.chat import Message, Reasoning, Seal, Text, ToolCall, ToolResult

SEALED = Seal(issuer="a/m@acc", value="v")
THOUGHT = Reasoning(text="Let me think.", seal=Seal(issuer="a/m@acc", value="t"))


def memory(*, conversation=None, seals=None):
    return Memory(
        conversation=lambda id: conversation if id == "resp_1" else None,
        seals=lambda ids: {id: seals[id] for id in ids if id in (seals or {})},
    )


def said(role, *parts):
    return Message(role=role, parts=parts)


def test_a_request_on_its_own_stays_as_it_is():
    request = ask()
    assert enrich(request, memory()) is request


def test_a_request_goes_on_from_the_response_it_names_behind_its_own_instructions():
    earlier = (said("user", Text(text="Hi")), said("assistant", Text(text="Hello")))
    own, asked = said("system", Text(text="Be brief")), said("user", Text(text="And?"))
    request = enrich(ask(messages=(own, asked), previous_id="resp_1"), memory(conversation=earlier))
    assert request.messages == (own, *earlier, asked) and request.previous_id is None


def test_a_response_that_is_not_here_is_404():
    with pytest.raises(NotFound) as caught:
        enrich(ask(previous_id="resp_2"), memory())
    assert (caught.value.param, caught.value.code) == ("previous_response_id", "previous_response_not_found")


def test_a_call_gets_its_seal_back_and_the_thoughts_before_it():
    turn = said("assistant", thought("retold"), Text(text="So"), call(), call(id="call_2"))
    request = ask(messages=(said("user", Text(text="Hi")), turn))
    kept = {"call_1": Kept(seal=SEALED, thinking=(THOUGHT,)), "call_2": Kept(seal=SEALED)}
    (_, sealed) = enrich(request, memory(seals=kept)).messages
    own = ToolCall(id="call_1", name="weather", arguments=call().arguments, seal=SEALED)
    assert sealed.parts[:3] == (Text(text="So"), THOUGHT, own)
    assert sealed.parts[3].seal == SEALED


def test_thoughts_that_came_with_their_seals_are_not_doubled():
    turn = said("assistant", THOUGHT, call())
    kept = {"call_1": Kept(seal=SEALED, thinking=(THOUGHT,))}
    (sealed,) = enrich(ask(messages=(turn,)), memory(seals=kept)).messages
    assert [type(part) for part in sealed.parts] == [Reasoning, ToolCall]


@pytest.mark.parametrize(
    "messages",
    [
        (said("assistant", ToolCall(id="call_1", name="weather", seal=SEALED)),),
        (said("user", Text(text="Hi")),),
        (said("tool", ToolResult(call_id="call_1")),),
        (said("assistant", call(id="unknown")),),
    ],
)
def test_nothing_is_put_back_where_nothing_is_missing(messages):
    request = ask(messages=messages)
    assert enrich(request, memory(seals={"call_1": Kept(seal=SEALED)})) is request


def test_a_turn_without_such_a_call_stays_as_it_is():
    other, turn = said("assistant", Text(text="x")), said("assistant", call())
    kept = {"call_1": Kept(seal=SEALED)}
    assert enrich(ask(messages=(other, turn)), memory(seals=kept)).messages[0] is other


def test_of_an_answer_the_seals_of_calls_and_the_thoughts_before_them_are_kept():
    own = ToolCall(id="call_2", name="weather", seal=SEALED)
    message = answer(THOUGHT, thought("unsealed"), call(), own, call(id="call_3")).message
    found = kept_of([message])
    assert {id: (kept.seal, kept.thinking) for id, kept in found.items()} == {
        "call_1": (None, (THOUGHT,)),
        "call_2": (SEALED, ()),
    }


def test_a_call_whose_id_was_forgotten_is_found_by_its_name_and_mark():
    asked = (said("user", Text(text="Hi")), said("user", Text(text="Weather?")))
    sealed = ToolCall(id="call_1", name="weather", arguments='{"b":1, "a":2}', seal=SEALED)
    (kept,) = kept_of([said("assistant", sealed)], before=asked).values()
    wanted = {}

    def seals(bare):
        wanted.update(bare)
        return {}

    again = said("assistant", ToolCall(id="made_up", name="weather", arguments='{"a":2,"b":1}'))
    elsewhere = said("assistant", ToolCall(id="later", name="weather", arguments='{"a":2,"b":1}'))
    messages = (*asked, again, said("user", Text(text="Again?")), elsewhere)
    enrich(ask(messages=messages), Memory(conversation=lambda id: None, seals=seals))
    assert wanted["made_up"] == (kept.name, kept.mark)
    assert wanted["later"] != (kept.name, kept.mark)


@pytest.mark.parametrize("arguments", ["", "not json", '{"a":"\\ud800"}', "\ud800"])
def test_any_arguments_have_a_mark(arguments):
    sealed = ToolCall(id="call_1", name="weather", arguments=arguments, seal=SEALED)
    (kept,) = kept_of([said("assistant", sealed)]).values()
    assert len(kept.mark) == 64
