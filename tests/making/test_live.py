"""Files, speech and transcription through a live gateway, as users start it, by OpenAI's own client over sockets."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from openai import APIConnectionError, OpenAI

from tests.clients.fleet import Fleet, gateway
from tests.fakes import FakeProvider, pause, raw, status
from wallas.media import pcm

TABLE = """
[providers.acme]
wire = "openai"
base_url = "{url}/v1"
api_key = "sk-acme"
free = true
discover = false
never_rest = true
[[providers.acme.models]]
id = "voice"
kind = "speech"
[[providers.acme.models]]
id = "ear"
kind = "transcription"
[[providers.acme.models]]
id = "brush"
kind = "image"
"""
TONE = bytes(range(256)) * 200
WAV = pcm.wave_header(len(TONE)) + TONE
LONG = "This is a sentence that somebody will speak aloud. " * 20


class Alone(Fleet):
    """One provider that makes things."""

    def toml(self) -> str:
        """Return the gateway's configuration."""
        return TABLE.format(url=self.one.url)


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """Yield the provider."""
    fleet = Alone()
    yield fleet
    fleet.close()


@pytest.fixture(scope="module")
def client(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    """Yield OpenAI's client of a live gateway."""
    folder: Path = tmp_path_factory.mktemp("live")
    with gateway(folder, fleet, WALLAS_KEYLESS="0") as server:
        yield OpenAI(api_key="sk-any", base_url=f"http://127.0.0.1:{server.port}/v1", max_retries=0)


@pytest.fixture
def provider(fleet: Fleet) -> FakeProvider:
    """Return the provider with nothing left of earlier tests."""
    fleet.reset()
    return fleet.one


def test_a_large_file_goes_up_and_comes_down(client: OpenAI) -> None:
    data = bytes(range(256)) * 20_000
    file = client.files.create(file=("large.bin", data), purpose="user_data")
    assert file.bytes == len(data) and client.files.retrieve(file.id).filename == "large.bin"
    assert client.files.content(file.id).read() == data
    assert file.id in [one.id for one in client.files.list(purpose="user_data")]
    soon = client.files.create(
        file=("soon.txt", b"hello"), purpose="user_data", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert soon.expires_at == soon.created_at + 3600
    assert client.files.delete(file.id).deleted


def test_the_first_part_of_a_long_text_is_heard_before_the_last_is_spoken(
    client: OpenAI, provider: FakeProvider
) -> None:
    provider.will(status(200, WAV, {"Content-Type": "audio/wav"}))
    slow = (pause(0.5), status(200, WAV, {"Content-Type": "audio/wav"}))
    provider.otherwise = lambda request: slow
    provider.on("/audio/speech", *slow)
    with client.audio.speech.with_streaming_response.create(
        model="acme/voice", input=LONG, voice="nova", response_format="pcm"
    ) as answer:
        sizes: list[tuple[int, int]] = [
            (sum(one.done for one in provider.requests), len(piece)) for piece in answer.iter_bytes(chunk_size=4096)
        ]
    spoken = len(provider.requests)
    assert spoken >= 2 and sizes[0][0] < spoken
    assert sum(size for _, size in sizes) > spoken * len(TONE)


def test_a_recording_is_written_down_and_a_picture_drawn(client: OpenAI, provider: FakeProvider) -> None:
    provider.on("/audio/transcriptions", status(200, {"text": "Hi"}))
    assert client.audio.transcriptions.create(model="acme/ear", file=("a.wav", WAV)).text == "Hi"
    provider.on("/images/generations", status(200, {"data": [{"url": f"{provider.url}/red.png"}]}))
    png = b"\x89PNG\r\n\x1a\n" + bytes(100)
    provider.on("/red.png", status(200, png, {"Content-Type": "image/png"}))
    made = client.images.generate(model="acme/brush", prompt="red", response_format="url").data
    assert made and made[0].url and made[0].url.startswith(str(client.base_url).removesuffix("/v1/"))
    assert client._client.get(made[0].url).content == png


def test_sound_that_breaks_off_is_seen_to(client: OpenAI, provider: FakeProvider) -> None:
    answers = [(status(200, WAV, {"Content-Type": "audio/wav"}),), (raw(b"no"), status(500))]
    provider.on("/audio/speech", lambda exchange: [step(exchange) for step in answers.pop(0)])
    with pytest.raises((APIConnectionError, httpx.RemoteProtocolError)):
        client.audio.speech.create(model="acme/voice", input=LONG, voice="nova", response_format="pcm").read()


def test_a_provider_is_let_go_once_whoever_asked_has_left(fleet: Fleet, client: OpenAI, provider: FakeProvider) -> None:
    provider.on("/images/generations", pause(30), status(200, {"data": []}))
    provider.on("/audio/transcriptions", pause(30), status(200, {"text": "late"}))
    hasty = client.with_options(timeout=httpx.Timeout(1.5), max_retries=0)
    with pytest.raises(APIConnectionError):
        hasty.images.generate(model="acme/brush", prompt="red")
    with pytest.raises(APIConnectionError):
        hasty.audio.transcriptions.create(model="acme/ear", file=("a.wav", WAV))
    until = time.monotonic() + 10
    while time.monotonic() < until and not all(request.cancelled for request in provider.requests):
        time.sleep(0.05)
    assert [bool(request.cancelled) for request in provider.requests] == [True, True]
