"""Who may open a session, and what a session says to events that it cannot take."""

import base64
import json
import socket

import pytest
from openai import AuthenticationError
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.realtime.talk import Talk
from tests.server.kit import wait_until

KEY = base64.b64encode(bytes(16)).decode()


def refused(stage, path="/v1/realtime?model=one/one-m", **more):
    """Return the status and the error of a session that is refused before the upgrade."""
    try:
        connect(f"ws://127.0.0.1:{stage.port}{path}", legacy=True, **more)
    except InvalidStatus as error:
        return error.response.status_code, json.loads(error.response.body)["error"]
    raise AssertionError("it was let in")


def upgrade(stage, **headers):
    """Return the status of a bare GET with these headers."""
    lines = [f"GET /v1/realtime HTTP/1.1\r\nHost: localhost:{stage.port}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    with socket.create_connection(("127.0.0.1", stage.port)) as sock:
        sock.sendall("\r\n".join([*lines, "Connection: Upgrade", "", ""]).encode())
        return int(sock.recv(100).split()[1])


def test_only_a_websocket_is_opened(stage):
    good = {"Upgrade": "websocket", "Sec_WebSocket_Version": "13", "Sec_WebSocket_Key": KEY}
    assert upgrade(stage) == 426
    assert upgrade(stage, **good) == 101
    assert upgrade(stage, **(good | {"Sec_WebSocket_Version": "8"})) == 426
    assert upgrade(stage, **(good | {"Sec_WebSocket_Key": "short"})) == 400


def test_the_gateways_key_is_wanted_in_a_header_or_a_subprotocol_and_never_in_the_query(mute):
    assert refused(mute)[0] == 401
    assert refused(mute, path="/v1/realtime?api_key=sk-door")[0] == 401
    assert refused(mute, additional_headers={"Authorization": "Bearer sk-wrong"})[0] == 401
    assert refused(mute, subprotocols=["realtime", "openai-insecure-api-key.sk-wrong"])[0] == 401
    words = ["realtime", "openai-insecure-api-key.sk-door", "openai-beta.realtime-v1"]
    with connect(f"ws://127.0.0.1:{mute.port}/v1/realtime", subprotocols=words) as browser:
        assert browser.subprotocol == "realtime"
        assert json.loads(browser.recv(timeout=5))["session"]["modalities"] == ["text"]
    with mute.talk() as talk:
        assert talk.created.session.id.startswith("sess_")
    with pytest.raises((InvalidStatus, AuthenticationError)):
        mute.client("sk-wrong").realtime.connect(model="auto").enter()


def test_a_page_of_another_site_is_refused(stage):
    assert refused(stage, origin="https://evil.example")[0] == 403


def test_a_model_that_nobody_has_is_refused_and_openais_own_names_mean_somebody(stage):
    code, error = refused(stage, path="/v1/realtime?model=nobody/nothing")
    assert (code, error["code"]) == (404, "model_not_found")
    assert refused(stage, path="/v1/realtime?call_id=rtc_1")[1]["param"] == "call_id"
    assert refused(stage, additional_headers={"X-Wallas-Hold": "never"})[1]["param"] == "X-Wallas-Hold"
    for name in ("gpt-realtime", "gpt-4o-realtime-preview", "gpt-realtime-mini"):
        with stage.talk(model=name) as talk:
            assert talk.ask()[-1].response.status == "completed"


def test_more_sessions_than_threads_allow_are_refused_clearly(mute):
    held = [mute.talk() for _ in range(2)]
    code, error = refused(mute, additional_headers={"Authorization": "Bearer sk-door"})
    assert (code, error["code"]) == (503, "too_many_sessions") and "WALLAS_THREADS" in error["message"]
    for talk in held:
        talk.connection.close()
    rooms = mute.app.extensions["realtime"]
    wait_until(lambda: rooms.taken == 0)
    mute.talk().connection.close()


BAD = {
    "no JSON": ("{nope", "invalid_json", None),
    "no object": ("[1]", "invalid_json", None),
    "no type": ("{}", "invalid_event", "type"),
    "an unknown type": ('{"type": "session.explode"}', "invalid_value", "type"),
    "an unknown field": ('{"type": "response.create", "respons": {}}', "unknown_parameter", "respons"),
    "an unknown field inside": (
        '{"type": "session.update", "session": {"type": "realtime", "colour": 1}}',
        "unknown_parameter",
        "session.colour",
    ),
    "a wrong type": (
        '{"type": "session.update", "session": {"type": "realtime", "instructions": 7}}',
        "invalid_value",
        "session.instructions",
    ),
    "another model": (
        '{"type": "session.update", "session": {"type": "realtime", "model": "nobody/nothing"}}',
        "model_not_found",
        "session.model",
    ),
    "a tool server": (
        '{"type": "session.update", "session": {"type": "realtime", "tools": [{"type": "mcp"}]}}',
        "invalid_value",
        "session.tools[0].type",
    ),
    "a tool without a name": (
        '{"type": "session.update", "session": {"type": "realtime", "tools": [{"type": "function"}]}}',
        "missing_required_parameter",
        "session.tools[0].name",
    ),
    "a choice of a tool server's": (
        '{"type": "session.update", "session": {"type": "realtime", "tool_choice": {"type": "mcp"}}}',
        "invalid_value",
        "session.tool_choice.type",
    ),
    "no item": ('{"type": "conversation.item.create"}', "missing_required_parameter", "item"),
    "an item without content": (
        '{"type": "conversation.item.create", "item": {"type": "message", "role": "user"}}',
        "missing_required_parameter",
        "item.content",
    ),
    "a part that is not the user's": (
        '{"type": "conversation.item.create", "item": {"type": "message", "role": "user",'
        ' "content": [{"type": "output_text", "text": "x"}]}}',
        "invalid_value",
        "item.content[0].type",
    ),
    "a result without a call": (
        '{"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "c", "output": "x"}}',
        "call_not_found",
        "item.call_id",
    ),
    "an item that is not there": ('{"type": "conversation.item.delete", "item_id": "x"}', "item_not_found", "item_id"),
    "an answer to another conversation": (
        '{"type": "response.create", "response": {"conversation": "conv_1"}}',
        "invalid_value",
        "response.conversation",
    ),
    "an item to nothing": (
        '{"type": "conversation.item.create", "previous_item_id": "x", "item": {"type": "message", "role": "user",'
        ' "content": [{"type": "input_text", "text": "x"}]}}',
        "item_not_found",
        "previous_item_id",
    ),
}


@pytest.fixture(scope="module")
def open_talk(stage_all):
    """Yield one session for all bad events: it must stay."""
    with stage_all.talk() as talk:
        yield talk


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_taken_is_told_with_the_events_id_and_the_session_stays(open_talk: Talk, name):
    data, code, param = BAD[name]
    open_talk.raw_send(data.replace('{"type"', '{"event_id": "mine", "type"', 1))
    event = open_talk.next()
    assert event.type == "error"
    assert (event.error.type, event.error.code, event.error.param) == ("invalid_request_error", code, param)
    assert event.error.event_id == ("mine" if data.startswith('{"type"') else None)
    assert event.error.message


def test_an_empty_conversation_has_nothing_to_answer(stage):
    with stage.talk() as talk:
        talk.send("response.create")
        done = talk.until("response.done")[-1].response
        assert (done.status, done.status_details.error.code) == ("failed", "empty_conversation")
        talk.send("response.create", response={"instructions": "Greet me."})
        assert talk.until("response.done")[-1].response.status == "completed"


def test_what_has_no_effect_is_told_as_not_there(stage):
    with stage.talk() as talk:
        session = talk.update(
            audio={"input": {"noise_reduction": {"type": "near_field"}, "turn_detection": {"type": "semantic_vad"}}},
            tracing="auto",
            truncation="auto",
            include=["item.input_audio_transcription.logprobs"],
        )
        assert session.audio.input.noise_reduction is None and session.tracing is None and session.include is None
        assert session.truncation == "disabled"
        assert (session.audio.input.turn_detection.type, session.audio.input.turn_detection.silence_duration_ms) == (
            "server_vad",
            800,
        )
        assert talk.update(audio={"input": {"turn_detection": None}}).audio.input.turn_detection is None
        assert talk.update(instructions="x").audio.input.turn_detection is None
