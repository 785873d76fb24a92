"""Text in and out by OpenAI's own Realtime client."""

from tests.fakes import call, hang_up, repeat_anchor, say, usage
from tests.realtime.talk import joined, kinds


def test_a_text_is_answered_event_by_event(stage):
    stage.one.will(usage(11, 3), say("Hello there, friend."))
    with stage.talk() as talk:
        talk.update(output_modalities=["text"], instructions="Be kind.")
        events = talk.ask("Hi")
    assert kinds(events) == [
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    assert joined(events, "response.output_text.delta") == "Hello there, friend."
    done = events[-1].response
    assert (done.status, done.output[0].content[0].text) == ("completed", "Hello there, friend.")
    assert (done.usage.input_tokens, done.usage.output_tokens, done.usage.total_tokens) == (11, 3, 14)
    assert stage.one.requests[-1]["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hi"},
    ]
