import msgspec
import pytest

from tests.routing.scenes import Clock, cut
from tests.routing.scripted import ScriptedBody
from wallas.codecs import ollama
from wallas.errors import FailureKind, ProviderError
from wallas.routing.relay import Relay
from wallas.routing.stream import Stream


def relayed(answer, *, total=600.0, clock=None):
    def send():
        if isinstance(answer, Exception):
            raise answer
        return answer

    relay = Relay(
        send,
        codec=ollama,
        out=ollama.Encoder(None),
        clock=clock or Clock(),
        total=total,
        request_id="r1",
        provider="ollama",
    )
    return Stream(relay)


def played(stream):
    data = b""
    while stream.want != "end":
        data += stream.step()
    stream.close()
    return data


def daemon(data=b'{"done":true}\n', *, status=200, **parts):
    body = ScriptedBody(data, status=status, **parts)
    body.headers = {"content-type": "application/x-ndjson", "content-length": str(len(data)), "server": "x"}
    return body


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("size", [1, 5, 65536])
def test_a_daemons_answer_passes_byte_for_byte(status, size):
    body = daemon(b'{"a":1}\n{"done":true}\n', status=status, size=size)
    stream = relayed(body)
    assert played(stream) == b'{"a":1}\n{"done":true}\n'
    line, headers = stream.head
    assert line.startswith(str(status)) and dict(headers) == {
        "Content-Type": "application/x-ndjson",
        "Content-Length": "22",
        "X-Request-Id": "r1",
        "X-Wallas-Provider": "ollama",
    }
    assert body.released and not body.aborted


def test_a_status_without_a_name_of_its_own_passes_too():
    body = daemon(status=418)
    body.headers = {}
    stream = relayed(body)
    played(stream)
    assert stream.head[0] == "418 Answer"


def test_a_daemon_that_is_down_is_503_in_the_wires_form():
    stream = relayed(ProviderError(FailureKind.CONNECT, "refused"))
    data = played(stream)
    assert stream.head[0].startswith("503") and "does not answer" in msgspec.json.decode(data)["error"]


def test_a_daemon_that_dies_in_mid_stream_is_an_error_line():
    body = daemon(b'{"a":1}\n', fault=cut())
    data = played(relayed(body))
    assert data.startswith(b'{"a":1}\n') and b"error" in data.removeprefix(b'{"a":1}\n')
    assert body.aborted


def test_a_client_that_leaves_cuts_the_daemon_off():
    body = daemon(fault=cut())
    body.pending = lambda: 0
    stream = relayed(body)
    stream.step()
    stream.step()
    stream.close()
    assert body.aborted


def test_a_silent_daemon_is_waited_for_until_the_requests_own_end_and_never_pinged():
    clock = Clock()
    body = daemon(b"", fault=cut())
    body.pending = lambda: 0
    body.status = None
    stream = relayed(body, total=300.0, clock=clock)
    stream.step()
    stream.step()
    assert stream.alarm() == clock.now + 300
    assert stream.tick(clock.now + 299) == b"" and stream.attempts.ping() == b""
    data = stream.tick(clock.now + 300)
    assert b"out of time" in data and stream.head[0].startswith("504")
