"""Text in and out by OpenAI's own Realtime client."""

import asyncio

from openai import AsyncOpenAI

from tests.fakes import call, hang_up, pause, repeat_anchor, say, status, usage
from tests.realtime.talk import joined, kinds

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


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


TOOL = {
    "type": "function",
    "name": "weather",
    "description": "Tell the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def test_a_provider_that_dies_in_mid_sentence_is_continued_by_the_next(stage):
    tale = "Once upon a time there was a small gateway that never gave up on its answers, whatever happened to it."
    stage.one.will(say(tale[:60], finish=None), hang_up)
    stage.two.will(repeat_anchor, say(tale[60:]))
    with stage.talk(model="auto") as talk:
        events = talk.ask()
    assert joined(events, "response.output_text.delta") == tale
    done = events[-1].response
    assert (done.status, done.provider, done.model) == ("completed", "two", "two-m")
    assert kinds(events).count("response.output_item.added") == 1


def test_a_tool_is_called_and_its_result_is_answered(stage):
    stage.one.will(call("weather", '{"ci', 'ty": "Lima"}', id="call_1"))
    stage.one.will(say("Sunny."))
    with stage.talk() as talk:
        talk.update(tools=[TOOL], tool_choice="auto")
        events = talk.ask("Weather in Lima?")
        assert kinds(events)[3:] == [
            "response.output_item.added",
            "conversation.item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
        item = events[-1].response.output[0]
        assert (item.type, item.name, item.call_id, item.arguments) == (
            "function_call",
            "weather",
            "call_1",
            '{"city": "Lima"}',
        )
        assert next(event for event in events if event.type.endswith("arguments.done")).name == "weather"
        result = {"type": "function_call_output", "call_id": "call_1", "output": "25 C"}
        talk.send("conversation.item.create", item=result)
        talk.send("response.create")
        events = talk.until("response.done")
    assert joined(events, "response.output_text.delta") == "Sunny."
    messages = stage.one.requests[-1]["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "tool"]
    assert messages[1]["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city": "Lima"}'}
    assert (messages[2]["tool_call_id"], messages[2]["content"]) == ("call_1", "25 C")
    assert stage.one.requests[-1]["tools"][0]["function"]["name"] == "weather"


def test_a_call_without_a_result_is_left_out_so_that_the_conversation_can_go_on(stage):
    stage.one.will(call("weather", "{}", id="call_1"))
    with stage.talk() as talk:
        talk.update(tools=[TOOL])
        talk.ask("Weather?")
        assert talk.ask("Never mind")[-1].response.status == "completed"
    assert [message["role"] for message in stage.one.requests[-1]["messages"]] == ["user", "user"]


def test_a_cancelled_answer_ends_at_once_and_its_provider_is_cut_off(stage):
    stage.one.will(say("A very long story indeed", finish=None), pause(30))
    with stage.talk() as talk:
        talk.say("Tell me a story")
        talk.send("response.create")
        talk.until("response.output_text.delta")
        talk.send("response.cancel")
        events = talk.until("response.done")
        done = events[-1].response
        assert (done.status, done.status_details.type, done.status_details.reason) == (
            "cancelled",
            "cancelled",
            "client_cancelled",
        )
        assert done.output[0].status == "incomplete"
        assert stage.one.wait_until(lambda: stage.one.cancelled)
        assert talk.ask("And now?")[-1].response.status == "completed"
    said = stage.one.requests[-1]["messages"]
    assert said[1]["role"] == "assistant" and said[1]["content"].startswith("A very")


def test_one_answer_is_made_at_a_time_and_a_second_cancel_is_an_error(stage):
    stage.one.will(say("Wait for it", finish=None), pause(30))
    with stage.talk() as talk:
        talk.say("Hi")
        talk.send("response.create")
        talk.until("response.output_text.delta")
        talk.send("response.create", event_id="mine")
        error = talk.error()
        assert (error.code, error.event_id) == ("conversation_already_has_active_response", "mine")
        talk.send("response.cancel", response_id="resp_other")
        assert talk.error().code == "response_cancel_not_active"
        talk.send("response.cancel")
        talk.until("response.done")
        talk.send("response.cancel")
        assert talk.error().code == "response_cancel_not_active"


def test_an_answer_that_nobody_gives_fails_and_the_session_stays(stage):
    stage.one.otherwise = lambda request: (status(500),)
    with stage.talk() as talk:
        done = talk.ask()[-1].response
        assert (done.status, done.status_details.type) == ("failed", "failed")
        assert done.status_details.error.code == "no_provider_available"
        stage.one.otherwise = lambda request: (say("ok"),)
        stage.service.router.desk.health.rests.clear()
        assert talk.ask()[-1].response.status == "completed"


def test_an_answer_that_was_cut_at_its_length_is_incomplete(stage):
    stage.one.will(say("Too lo", finish="length"))
    with stage.talk() as talk:
        done = talk.ask(max_output_tokens=2)[-1].response
    assert (done.status, done.status_details.reason, done.max_output_tokens) == ("incomplete", "max_output_tokens", 2)
    assert 2 in (stage.one.requests[-1].json.get(name) for name in ("max_tokens", "max_completion_tokens"))


def test_an_answer_beside_the_conversation_leaves_no_trace_in_it(stage):
    stage.one.will(say("aside"))
    with stage.talk() as talk:
        talk.ask("First")
        user = talk.raw[1]["item"]["id"]
        given = [
            {"type": "item_reference", "id": user},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Is it rude?"}]},
        ]
        talk.send(
            "response.create",
            response={
                "conversation": "none",
                "input": given,
                "metadata": {"topic": "manners"},
                "instructions": "Judge.",
            },
        )
        done = talk.until("response.done")[-1].response
        assert done.conversation_id is None and done.metadata == {"topic": "manners"}
        said = [message["content"] for message in stage.one.requests[-1]["messages"]]
        assert said == ["Judge.", "First", "Is it rude?"]
        talk.ask("Second")
        said = [message["content"] for message in stage.one.requests[-1]["messages"]]
        assert said == ["First", "aside", "Second"]


def test_items_are_put_in_their_place_read_and_deleted(stage):
    def message(id, text, role="user", kind="input_text"):
        return {"id": id, "type": "message", "role": role, "content": [{"type": kind, "text": text}]}

    with stage.talk() as talk:
        talk.send("conversation.item.create", item=message("b", "2", "assistant", "output_text"))
        talk.send("conversation.item.create", item=message("a", "1"), previous_item_id="root")
        talk.send("conversation.item.create", item=message("c", "3"), previous_item_id="b")
        talk.send("conversation.item.create", item=message("x", "no"), previous_item_id="b")
        talk.send("conversation.item.delete", item_id="x")
        events = talk.until("conversation.item.deleted")
        added = [(event.item.id, event.previous_item_id) for event in events if event.type.endswith("added")]
        assert added == [("b", None), ("a", None), ("c", "b"), ("x", "b")]
        talk.send("conversation.item.retrieve", item_id="a")
        item = talk.until("conversation.item.retrieved")[-1].item
        assert (item.content[0].text, item.role, item.status) == ("1", "user", "completed")
        talk.send("response.create")
        talk.until("response.done")
    assert [message["content"] for message in stage.one.requests[-1]["messages"]] == ["1", "2", "3"]


def test_a_picture_reaches_a_model_that_sees(stage):
    pixel = "data:image/png;base64," + PIXEL
    content = [{"type": "input_text", "text": "What is it?"}, {"type": "input_image", "image_url": pixel}]
    with stage.talk() as talk:
        talk.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        talk.send("response.create")
        talk.until("response.done")
    words, picture = stage.one.requests[-1]["messages"][0]["content"]
    assert words["text"] == "What is it?" and picture["image_url"]["url"] == pixel


def test_the_beta_has_its_own_names_and_shapes(stage):
    stage.one.will(say("Hello"))
    with stage.talk(beta=True) as talk:
        session = talk.created.session
        assert (session.model, session.modalities, session.voice) == ("one/one-m", ["text"], "alloy")
        assert (session.input_audio_format, session.turn_detection.type) == ("pcm16", "server_vad")
        assert talk.next().type == "conversation.created"
        talk.send("session.update", session={"modalities": ["text"], "turn_detection": None, "temperature": 0.7})
        assert talk.until("session.updated")[-1].session.turn_detection is None
        events = talk.ask()
    assert kinds(events) == [
        "conversation.item.created",
        "response.created",
        "response.output_item.added",
        "conversation.item.created",
        "response.content_part.added",
        "response.text.delta",
        "response.text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]
    done = events[-1].response
    assert (done.modalities, done.output[0].content[0].type, done.temperature) == (["text"], "text", 0.7)
    assert stage.one.requests[-1]["temperature"] == 0.7


def test_another_model_may_answer_from_the_next_turn_on(stage):
    stage.two.otherwise = lambda request: (say("two"),)
    with stage.talk() as talk:
        assert talk.ask()[-1].response.model == "one-m"
        assert talk.update(model="two/two-m").model == "two/two-m"
        assert talk.ask()[-1].response.model == "two-m"


def test_the_asynchronous_client_is_answered_too(stage):
    stage.one.will(say("Hello"))

    async def heard():
        url = f"http://127.0.0.1:{stage.port}/v1"
        async with AsyncOpenAI(api_key="sk", base_url=url) as client, client.realtime.connect(model="auto") as talk:
            item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
            await talk.conversation.item.create(item=item)
            await talk.response.create()
            return next(event.text for event in [await talk.recv() for _ in range(9)] if "text.done" in event.type)

    assert asyncio.run(heard()) == "Hello"


def test_a_session_sticks_to_one_model_and_its_turns_are_booked(stage):
    with stage.talk(model="auto") as talk:
        for text in ("One", "Two"):
            talk.ask(text)
    assert len(stage.one.requests) == 2
    circuits = stage.service.router.desk.health
    assert circuits.probability("one", "one-m") > 0.5
    stage.service.writer.flush()
    rows = stage.sdk.get("/usage?by=model", cast_to=object)
    assert any(row["model"] == "one-m" and row["requests"] >= 2 for row in rows["data"])
