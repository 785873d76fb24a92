"""Files through a gateway of its own process: answers are parked while files are read, and the next ones too."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from tests.content import samples
from tests.content.bodies import PROTOCOLS
from tests.content.live import gateway
from tests.fakes import FakeProvider, say

LOCKED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le")


@pytest.fixture(scope="module")
def live(tmp_path_factory) -> Iterator[tuple[str, FakeProvider]]:
    with FakeProvider() as provider, gateway(tmp_path_factory.mktemp("live"), provider) as (url, _):
        yield url, provider


def ask(url: str, protocol: str, name: str, data: bytes) -> tuple[int, str]:
    """Return status and text of an answer about a file."""
    path, body, headers = PROTOCOLS[protocol]("acme/blind", name, "application/octet-stream", data)
    sent = {"Content-Type": "application/json", **headers}
    asked = urllib.request.Request(url + path, json.dumps(body).encode(), sent)
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_files_that_cannot_be_read_are_refused_again_and_again(live):
    url, provider = live
    for number in range(6):
        status, text = ask(url, list(PROTOCOLS)[number % 5], "x.doc", LOCKED)
        assert status == 400 and "protected by a password" in text
    assert provider.requests == []


def test_files_are_read_one_after_the_other(live):
    url, provider = live
    for name in ("towns.pdf", "towns.docx", "towns.xlsx", "towns.pdf"):
        provider.will(say("read"))
        status, text = ask(url, "openai", name, samples.DOCUMENTS[name]())
        assert status == 200, text
        assert samples.ANSWER in json.dumps(provider.requests[-1].json)
