"""Edge's voices by the edge-tts package, against a server of this test's own: the real one cannot be reached here."""

import asyncio
import importlib.util
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from wallas.errors import FailureKind, ProviderError
from wallas.types.sound import SpeechRequest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("edge_tts") is None, reason='pip install "wallas[audio]" brings edge-tts'
)
MP3 = b"\xff\xf3\x64\xc4" + bytes(500)


class Server:
    """Speaks as speech.platform.bing.com does: a turn of text frames around binary ones with the sound."""

    def __init__(self) -> None:
        """Say what will be said."""
        self.heard: list[str] = []
        self.mute = False
        self.port = 0

    async def talk(self, socket: Any) -> None:
        """Answer one conversation."""
        self.heard += [str(await socket.recv()), str(await socket.recv())]
        head = b"X-RequestId:1\r\nContent-Type:audio/mpeg\r\nX-StreamId:1\r\nPath:audio\r\n"
        await socket.send("X-RequestId:1\r\nContent-Type:application/json\r\nPath:turn.start\r\n\r\n{}")
        for _ in range(0 if self.mute else 3):
            await socket.send(len(head).to_bytes(2, "big") + head + MP3)
        data = {"Offset": 0, "Duration": 10_000_000, "text": {"Text": "Hola", "Length": 4, "BoundaryType": "Sentence"}}
        told = json.dumps({"Metadata": [{"Type": "SentenceBoundary", "Data": data}]})
        await socket.send(f"X-RequestId:1\r\nContent-Type:application/json\r\nPath:audio.metadata\r\n\r\n{told}")
        await socket.send("X-RequestId:1\r\nContent-Type:application/json\r\nPath:turn.end\r\n\r\n{}")
        await socket.wait_closed()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Yield a server to which the package is led."""
    import edge_tts.communicate
    from websockets.asyncio.server import serve

    made, ready, loop = Server(), threading.Event(), asyncio.new_event_loop()

    async def run() -> None:
        async with serve(made.talk, "127.0.0.1", 0) as listening:
            made.port = next(iter(listening.sockets)).getsockname()[1]
            ready.set()
            await asyncio.Future()

    task = loop.create_task(run())

    def drive() -> None:
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)

    thread = threading.Thread(target=drive, daemon=True)
    thread.start()
    assert ready.wait(5)
    monkeypatch.setattr(edge_tts.communicate, "WSS_URL", f"ws://127.0.0.1:{made.port}/edge?x=1")
    yield made
    loop.call_soon_threadsafe(task.cancel)
    thread.join(5)
    loop.close()


def speak(**more: Any) -> Any:
    """Return what the provider says."""
    from wallas.providers.base import Setup
    from wallas.providers.edge import Edge
    from wallas.providers.registry import BY_NAME, no_key
    from wallas.routing.line import Line

    row = BY_NAME["edge-tts"]
    key = no_key(row)
    provider = Edge(Setup(row=row, base_url=row.base_url, keys=(key,), transport=None))  # type: ignore[arg-type]
    import time

    line = Line(provider, until=time.monotonic() + 10, seconds=10)
    request = SpeechRequest(model="edge-tts", **{"text": "Hola, ¿qué tal está usted hoy?"} | more)
    return provider.operate(request, key=key, line=line)


def test_a_text_is_spoken_by_a_voice_of_its_language(server: Server) -> None:
    answer = speak(voice="onyx", speed=1.25)
    assert answer.audio == MP3 * 3 and answer.speed == 1.0 and answer.rate is None and not answer.strange_voice
    assert "es-ES, AlvaroNeural" in server.heard[1] and "rate='+25%'" in server.heard[1]


def test_a_voice_of_edges_own_is_obeyed_and_speed_beyond_it_is_left_to_others(server: Server) -> None:
    answer = speak(voice="de-DE-KatjaNeural", speed=4.0)
    assert "de-DE, KatjaNeural" in server.heard[1] and answer.speed == 2.0


def test_silence_and_a_closed_door_are_failures(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.mute = True
    with pytest.raises(ProviderError) as caught:
        speak()
    assert caught.value.kind is FailureKind.EMPTY
    monkeypatch.setattr("edge_tts.communicate.WSS_URL", "ws://127.0.0.1:1/x?x=1")
    with pytest.raises(ProviderError) as caught:
        speak()
    assert caught.value.kind is FailureKind.CONNECT
