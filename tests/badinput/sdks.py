"""What the vendors' own SDKs make of an error: a recorded answer is played to them, and they raise."""

from typing import Any

import anthropic
import httpx
import httpx2
import ollama
import openai
from google import genai
from google.genai import errors, types


class Sdks:
    """One client of each SDK, which all hear the same answer, whatever they ask."""

    def __init__(self) -> None:
        """Make the clients once: they are slow to make. Anthropic's has an httpx of its own."""
        self.answer: tuple[int, dict[str, str], bytes] = (200, {}, b"")
        here = {"base_url": "http://gateway", "api_key": "k", "max_retries": 0}
        self.openai = openai.OpenAI(**here, http_client=httpx.Client(transport=self._player(httpx)))
        self.anthropic = anthropic.Anthropic(**here, http_client=httpx2.Client(transport=self._player(httpx2)))
        self.ollama = ollama.Client("http://gateway", transport=self._player(httpx))
        options = types.HttpOptions(base_url="http://gateway", httpx_client=httpx.Client(transport=self._player(httpx)))
        self.genai = genai.Client(api_key="k", http_options=options)

    def _player(self, library: Any) -> Any:
        def play(request: Any) -> Any:
            status, headers, content = self.answer
            return library.Response(status, headers=headers, content=content)

        return library.MockTransport(play)

    def check(self, protocol: str, status: int, headers: dict[str, str], content: bytes, message: str) -> None:
        """See that the protocol's SDK raises its own exception with the status and the words of an answer."""
        self.answer = (status, headers, content)
        getattr(self, f"_{protocol}")(status, message)

    def _openai(self, status: int, message: str) -> None:
        try:
            self.openai.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
        except openai.APIStatusError as error:
            body: Any = error.body
            expected = {400: openai.BadRequestError, 401: openai.AuthenticationError, 404: openai.NotFoundError}
            assert isinstance(error, expected.get(status, openai.APIStatusError))
            assert (error.status_code, body["message"]) == (status, message)
            assert error.param == body["param"]
            return
        raise AssertionError("the SDK took an error for an answer")

    def _anthropic(self, status: int, message: str) -> None:
        try:
            self.anthropic.messages.create(model="m", max_tokens=8, messages=[{"role": "user", "content": "hi"}])
        except anthropic.APIStatusError as error:
            body: Any = error.body
            expected = {400: anthropic.BadRequestError, 401: anthropic.AuthenticationError}
            assert isinstance(error, expected.get(status, anthropic.APIStatusError))
            assert (error.status_code, body["error"]["message"]) == (status, message)
            assert error.request_id == body["request_id"]
            return
        raise AssertionError("the SDK took an error for an answer")

    def _gemini(self, status: int, message: str) -> None:
        try:
            self.genai.models.generate_content(model="m", contents="hi")
        except errors.ClientError as error:
            assert (error.code, error.message) == (status, message)
            assert error.status
            return
        raise AssertionError("the SDK took an error for an answer")

    def _ollama(self, status: int, message: str) -> None:
        try:
            self.ollama.generate(model="m", prompt="hi")
        except ollama.ResponseError as error:
            assert (error.status_code, error.error) == (status, message)
            return
        raise AssertionError("the SDK took an error for an answer")
