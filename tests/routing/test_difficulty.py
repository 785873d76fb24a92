import pytest

from tests.routing.scripted import ask
from wallas.routing.auxiliary import SHAPES, auxiliary
from wallas.routing.difficulty import LEVELS, features, last_words, level
from wallas.types.chat import Media, Message, Output, Text, Tool, ToolCall

TASK = "### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history.\n"


def test_small_talk_is_easy_and_a_hard_question_is_hard():
    assert level(ask("hi there"), tokens=10) == 0
    hard = ask("Prove that \\sum_{k} 1/k^2 converges:\n```python\ndef f(x): return x\n```")
    assert level(hard, tokens=6000) == len(LEVELS) - 1


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (ask("```js\nlet a = 1;\n```"), "code"),
        (ask("what is 12 * 7 - 3 =?"), "mathematics"),
        (ask(tools=(Tool(name="f"), Tool(name="g"))), "tools"),
        (ask(output=Output(kind="schema", schema={})), "schema"),
        (ask(messages=(Message(role="user", parts=(Media(kind="image", data="aaaa"),)),)), "media"),
        (ask(messages=(Message(role="assistant", parts=(ToolCall(id="c", name="f"),)),)), "tools"),
    ],
)
def test_each_feature_speaks_for_itself(request_, name):
    assert getattr(features(request_, tokens=1), name) > 0


def test_only_the_beginning_of_the_last_turn_is_read():
    assert len(last_words(ask("x" * 100_000))) == 4000
    assert last_words(ask(messages=())) == ""


def test_levels_never_fall_with_size():
    levels = [level(ask(), tokens=tokens) for tokens in (0, 1000, 3000, 8000, 100_000)]
    assert levels == sorted(levels)


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (ask(TASK), "task"),
        (ask("Please write a 5-10 word title for the following conversation:\n..."), "title"),
        (ask("quota", max_tokens=1), "ping"),
        (ask("hi", max_tokens=5), "ping"),
    ],
)
def test_calls_beside_the_conversation_are_recognised(request_, name):
    assert auxiliary(request_) == name


def test_system_words_are_read_too():
    system = Message(role="system", parts=(Text(text="You are a title generator. You output ONLY a title."),))
    assert auxiliary(ask(messages=(system, *ask("a long talk").messages))) == "title"


@pytest.mark.parametrize(
    "request_",
    [
        ask("Tell me about the ### Task: heading"),
        ask(TASK, tools=(Tool(name="f"),)),
        ask("hi"),
        ask("Explain everything about this text in one token please", max_tokens=1),
        ask("Write a title for my book"),
    ],
)
def test_ordinary_prompts_are_left_alone(request_):
    assert auxiliary(request_) is None


def test_every_shape_names_its_source():
    assert all(shape.source for shape in SHAPES)
