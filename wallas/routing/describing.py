"""Has a picture described by any model that sees, for a model that does not."""

import base64
from functools import partial

from wallas.catalog.entries import Model
from wallas.codecs import OPENAI_CHAT, codec
from wallas.codecs.framing import decode_body
from wallas.content.hooks import Description
from wallas.errors import FailureKind, GatewayError, ProviderError
from wallas.ids import fresh
from wallas.routing.candidates import Candidate
from wallas.routing.fitting import NATIVE
from wallas.routing.line import Line
from wallas.routing.operation import Task, begin
from wallas.routing.router import Options, Router
from wallas.types.chat import ChatRequest, Media, Message, Text

PROMPT = (
    "Describe this picture for somebody who cannot see it: what it shows, where things stand, figures and colours that "
    "matter. For a chart or a table, give its values. Say only what is to be seen. Answer in a few sentences."
)
TOKENS = 1000
SECONDS = 45.0
OUTPUT = 700


def _sees(model: Model) -> bool:
    return model.kind == "chat" and "vision" in model.capabilities


DESCRIBING = Task(name="describe", noun="vision", able=_sees, seconds=SECONDS)


def describe(router: Router, data: bytes, *, mime: str, options: Options) -> Description | None:
    """Return what a model sees in a picture; None when no model here sees, or none answers. Blocks."""
    try:
        with begin(router, DESCRIBING, None, options, request_id=fresh(), wire=OPENAI_CHAT) as run:
            text = run.answer(partial(_ask, picture=base64.b64encode(data).decode(), mime=mime), tokens=TOKENS)
            seen_by = run.last.model.key if run.last is not None else ""
            return Description(text, seen_by)
    except GatewayError:
        return None


def _ask(candidate: Candidate, line: Line, *, picture: str, mime: str) -> str:
    provider = candidate.provider
    if mime.partition("/")[2] not in NATIVE.get(provider.wire, ()):
        raise ProviderError(FailureKind.UNSUPPORTED, f"{provider.name} takes no {mime}")
    parts = (Text(text=PROMPT), Media(kind="image", mime=mime, data=picture))
    request = ChatRequest(
        model=candidate.model.id, messages=(Message(role="user", parts=parts),), max_tokens=OUTPUT, stream=False
    )
    reply = line.reply(partial(provider.chat, request, key=candidate.key))
    answer = codec(provider.wire).decode_response(decode_body(reply.data))
    text = "".join(part.text for part in answer.message.parts if isinstance(part, Text)).strip()
    if not text:
        raise ProviderError(FailureKind.EMPTY, "no description")
    return text
