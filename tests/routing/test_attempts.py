import pytest

from tests.routing.scripted import ScriptedBody, ScriptedProvider, anchor_in, ask, candidate, cut, driven, stream_of
from wallas.codecs import anthropic, pulled
from wallas.types.chat import ChatResponse, Choice, Message, StopReason, Text, Usage
from wallas.types.events import fold, unfold

TALE = "".join(f"Sentence {number} of the tale says that the {number}th bird sang. " for number in range(12))


def wired(text: str, reason=StopReason.STOP) -> bytes:
    whole = ChatResponse(
        id="x",
        model="m",
        choices=(Choice(message=Message(role="assistant", parts=(Text(text=text),)), stop_reason=reason),),
        usage=Usage(input=10, output=20),
    )
    encoder = anthropic.Encoder(None)
    events = list(unfold(whole))
    pieces = []
    for event in events:
        if type(event).__name__ == "PartDelta":
            words = [event.text[i : i + 7] for i in range(0, len(event.text), 7)]
            pieces += [type(event)(index=event.index, text=word) for word in words]
        else:
            pieces.append(event)
    return b"".join(encoder.encode(event) for event in pieces)


def heard(data: bytes) -> str:
    return fold(pulled(anthropic.Decoder(), [data])).message.parts[0].text


def continues(request):
    anchor = anchor_in(request)
    rest = TALE[TALE.index(anchor) + len(anchor) :]
    return ScriptedBody(wired(anchor + rest))


FRAMES = wired(TALE).split(b"\n\n")


@pytest.mark.parametrize("frames", range(len(FRAMES)))
@pytest.mark.parametrize("size", [1, 65536])
def test_a_text_cut_anywhere_is_exact_or_ends_honestly(frames, size):
    data = b"".join(frame + b"\n\n" for frame in FRAMES[:frames])
    first = ScriptedProvider("one", "anthropic", ScriptedBody(data, fault=cut(), size=size))
    second = ScriptedProvider(
        "two", "anthropic", lambda r: continues(r) if len(r.messages) > 1 else ScriptedBody(wired(TALE))
    )
    out = driven(stream_of(ask(), [candidate(first), candidate(second)], wire="anthropic"))
    if b"event: error" in out:
        shown = "".join(part for part in out.decode().split('"text":"')[1:])
        assert len(shown.split('"')[0]) < 24
    else:
        assert heard(out) == TALE
        assert out.count(b"message_start") == 2 and out.count(b'"message_stop"') == 1


def test_a_request_all_of_whose_candidates_fail_lists_them():
    first = ScriptedProvider(
        "one", "anthropic", ScriptedBody(b'{"error":{"type":"rate_limit_error","message":"slow down"}}', status=429)
    )
    second = ScriptedProvider(
        "two", "anthropic", ScriptedBody(b'{"error":{"type":"rate_limit_error","message":"slow down"}}', status=429)
    )
    stream = stream_of(ask(), [candidate(first), candidate(second)], wire="anthropic")
    out = driven(stream)
    assert stream.head is not None
    assert stream.head[0].startswith("429")
    assert ("Retry-After", "2") in stream.head[1]
    assert b'"one"' in out and b'"two"' in out


def test_a_plain_request_is_answered_whole_by_the_next_candidate():
    first = ScriptedProvider("one", "anthropic", ScriptedBody(b"", fault=cut()))
    whole = anthropic.encode_response(fold(pulled(anthropic.Decoder(), [wired(TALE)])))
    import msgspec

    second = ScriptedProvider("two", "anthropic", ScriptedBody(msgspec.json.encode(whole)))
    stream = stream_of(ask(stream=False), [candidate(first), candidate(second)], wire="anthropic")
    out = driven(stream)
    assert msgspec.json.decode(out)["content"][0]["text"] == TALE
    assert dict(stream.head[1])["X-Wallas-Attempts"] == "2"
