"""What a request takes: abilities, and tokens estimated from bytes."""

from collections.abc import Iterable

import msgspec

from wallas.content.contents import Contents, Item
from wallas.routing.sight import Sight, sight_of
from wallas.types.chat import ChatRequest, Media, Opaque, Reasoning, Refusal, Text, Tool, ToolCall, ToolResult
from wallas.types.lasting import once

BYTES_PER_TOKEN = 3.6
TOKENS_PER_MEDIA = 800
TOKENS_PER_SECOND = {"image": 0.0, "audio": 32.0, "video": 100.0}
MARGIN = 1.1
"""How much longer than estimated a request may turn out."""
MEDIA_NEEDS = {"image": "vision", "audio": "audio", "video": "video", "document": "pdf"}
TALK, WITH_TOOLS = frozenset({"chat"}), frozenset({"chat", "tools"})
"""What nearly all requests need: made once, for a set is hashed whenever it is new."""


class Needs(msgspec.Struct, frozen=True):
    """What a request takes: capabilities, and estimated tokens in and wanted tokens out.

    ``native`` are capabilities that are better than the conversion of a file, which can do without.
    """

    capabilities: frozenset[str]
    tokens: int
    output: int
    native: frozenset[str] = frozenset()

    @property
    def all(self) -> frozenset[str]:
        """Return the capabilities of who takes everything as it is."""
        return self.capabilities | self.native


def needs_of(request: ChatRequest, contents: Contents | None = None, *, sight: Sight | None = None) -> Needs:
    """Return what the request takes; tokens are estimated from bytes (routing.md 2), never from a tokenizer.

    With ``contents``, files count as what they are; without, a file needs who takes it as it is. ``sight`` is what
    was seen of the request, if somebody looked already.
    """
    sight = sight or sight_of(request)
    size, media = sight.size, 0
    capabilities, native = WITH_TOOLS if request.tools else TALK, frozenset[str]()
    if sight.odd or contents is not None:
        wanted, rather = set(capabilities), set[str]()
        for part in sight.odd:
            if type(part) is ToolCall:
                size += len(part.arguments) + len(part.name)
            elif type(part) is not Text:
                size, media = _weigh(part, wanted, size, media)
        if contents is not None:
            wanted -= set(MEDIA_NEEDS.values())
            media = 0
            for item in contents.items.values():
                size += _file(item, contents.engine, wanted, rather)
        capabilities, native = frozenset(wanted), frozenset(rather)
    if request.tools:
        size += once(request.tools, _length)
    tokens = int(size / BYTES_PER_TOKEN) + media * TOKENS_PER_MEDIA + 8 * len(request.messages)
    return Needs(capabilities, tokens, request.max_tokens or 0, native)


def _length(tools: Iterable[Tool | Opaque]) -> int:
    return len(msgspec.json.encode(tools))


def _file(item: Item, engine: str | None, wanted: set[str], native: set[str]) -> int:
    """Note what a file needs, or would rather have; return its weight in bytes of text.

    A document of words loses nothing by being read here; one with pictures does, and all else.
    """
    look, need = item.look, MEDIA_NEEDS[item.kind]
    if item.kind != "document":
        native.add(need)
        length = look.seconds if look is not None and look.seconds is not None else 0.0
        return int(max(TOKENS_PER_MEDIA, TOKENS_PER_SECOND[item.kind] * length) * BYTES_PER_TOKEN)
    if look is None or look.sort.word == "pdf":
        if engine == "native":
            wanted.add(need)
        elif look is None or look.markdown is None or look.scanned or look.figures:
            native.add(need)
    if look is None:
        return int(TOKENS_PER_MEDIA * BYTES_PER_TOKEN)
    text = len(look.markdown or "")
    return text + int((len(look.scanned) or look.markdown is None) * TOKENS_PER_MEDIA * BYTES_PER_TOKEN)


def _weigh(part: object, wanted: set[str], size: int, media: int) -> tuple[int, int]:
    match part:
        case Text(text=text) | Refusal(text=text):
            size += len(text) if text.isascii() else len(text.encode())
        case Reasoning(text=text, summary=summary):
            size += len(text) + len(summary)
        case ToolCall(arguments=arguments, name=name):
            size += len(arguments) + len(name)
        case ToolResult(parts=parts):
            for inner in parts:
                size, media = _weigh(inner, wanted, size, media)
        case Media(kind="document", text=str(text)):
            size += len(text)
        case Media(kind=kind):
            wanted.add(MEDIA_NEEDS[kind])
            media += 1
        case _:
            pass
    return size, media
