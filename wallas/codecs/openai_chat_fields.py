"""The shape of a chat completions request, as far as it is checked; what is not named here is kept unread."""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from wallas.codecs.limits import MESSAGES, Name

WIRE = "openai_chat"

Count = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
Seed = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Penalty = Annotated[float, msgspec.Meta(ge=-2, le=2)]


class TextPart(msgspec.Struct, tag="text", tag_field="type"):
    """Words."""

    text: str


class Url(msgspec.Struct):
    """Where media is: an http(s) URL, or a data URL that holds it."""

    url: str
    detail: str | None = None


class ImagePart(msgspec.Struct, tag="image_url", tag_field="type"):
    """An image; Mistral takes the bare URL too."""

    image_url: Url | str


class VideoPart(msgspec.Struct, tag="video_url", tag_field="type"):
    """A video, at OpenRouter and its like."""

    video_url: Url | str


class DocumentPart(msgspec.Struct, tag="document_url", tag_field="type"):
    """A document by URL, at Mistral."""

    document_url: Url | str


class FileUrlPart(msgspec.Struct, tag="file_url", tag_field="type"):
    """A file by URL, at Z.ai and its like."""

    file_url: Url | str


class Sound(msgspec.Struct):
    """Base64 audio and its container."""

    data: str
    format: str | None = None


class AudioPart(msgspec.Struct, tag="input_audio", tag_field="type"):
    """Sound; Mistral takes bare base64 or a URL too."""

    input_audio: Sound | str


class File(msgspec.Struct):
    """A document: a data URL (OpenRouter: a URL too), or the id of an uploaded one."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class FilePart(msgspec.Struct, tag="file", tag_field="type"):
    """A document."""

    file: File


class RefusalPart(msgspec.Struct, tag="refusal", tag_field="type"):
    """The assistant's own words of refusal, given back."""

    refusal: str


class ThinkingPart(msgspec.Struct, tag="thinking", tag_field="type"):
    """The assistant's own thoughts, given back to Mistral."""

    thinking: list[TextPart] | str


ContentPart: TypeAlias = (
    TextPart | ImagePart | VideoPart | DocumentPart | FileUrlPart | AudioPart | FilePart | RefusalPart | ThinkingPart
)
Content: TypeAlias = str | list[ContentPart]
OwnContent: TypeAlias = str | list[TextPart | RefusalPart | ThinkingPart]
"""What an assistant message may hold; answers with media come back under other keys."""


class Function(msgspec.Struct):
    """What was called; some clients give the arguments as an object."""

    name: Name
    arguments: str | dict[str, Any] | None = None


class CustomInput(msgspec.Struct):
    """A freeform tool that was called."""

    name: Name
    input: str = ""


class Call(msgspec.Struct):
    """A tool call in an assistant message; Mistral's lack the type."""

    id: Name
    type: Literal["function", "custom"] | None = None
    function: Function | None = None
    custom: CustomInput | None = None


class AudioId(msgspec.Struct):
    """A spoken answer, named again."""

    id: Name


class SystemMessage(msgspec.Struct, kw_only=True, tag="system", tag_field="role"):
    """Instructions."""

    content: Content
    name: Name | None = None


class DeveloperMessage(SystemMessage, kw_only=True, tag="developer"):
    """Instructions, as newer OpenAI models call them."""


class UserMessage(SystemMessage, kw_only=True, tag="user"):
    """The user's turn."""


class AssistantMessage(msgspec.Struct, kw_only=True, tag="assistant", tag_field="role"):
    """The model's turn, in the dialects of all providers."""

    content: OwnContent | None = None
    name: Name | None = None
    refusal: str | None = None
    reasoning: Any = None
    reasoning_content: Any = None
    audio: AudioId | None = None
    tool_calls: list[Call] | None = None
    function_call: Function | None = None


class ToolMessage(msgspec.Struct, kw_only=True, tag="tool", tag_field="role"):
    """What a tool call returned."""

    tool_call_id: Name
    content: Content | None = None


class FunctionMessage(msgspec.Struct, kw_only=True, tag="function", tag_field="role"):
    """What a function returned, before there were tools."""

    name: Name
    content: Content | None = None


AnyMessage: TypeAlias = (
    SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage
)


class FunctionTool(msgspec.Struct):
    """A function that may be called."""

    name: Name
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class CustomTool(msgspec.Struct):
    """A tool that takes freeform text."""

    name: Name
    description: str | None = None


class AnyTool(msgspec.Struct):
    """A tool; other types than function and custom are the provider's own and stay unread."""

    type: str | None = None
    function: FunctionTool | None = None
    custom: CustomTool | None = None


class Named(msgspec.Struct):
    """A tool's name."""

    name: Name


class Picked(msgspec.Struct):
    """A tool named in a choice, also in the flat form of Responses."""

    type: str | None = None
    name: Name | None = None
    function: Named | None = None
    custom: Named | None = None


class Allowed(msgspec.Struct):
    """The tools that may be called now."""

    tools: list[Picked]
    mode: Literal["auto", "required"] = "auto"


class Choice(Picked):
    """A choice of tools as an object."""

    allowed_tools: Allowed | None = None


class JsonSchema(msgspec.Struct):
    """The schema of a JSON answer."""

    name: str | None = None
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class ResponseFormat(msgspec.Struct):
    """The form of the answer; other types than these three stay unread."""

    type: str
    json_schema: JsonSchema | None = None


class ReasoningField(msgspec.Struct):
    """OpenRouter's control of reasoning."""

    effort: str | None = None
    max_tokens: Seed | None = None
    exclude: bool | None = None
    enabled: bool | None = None


class AudioField(msgspec.Struct):
    """The voice and container of a spoken answer; the voice may be an object with an id."""

    voice: str | dict[str, Any] | None = None
    format: str | None = None


class StreamOptions(msgspec.Struct):
    """What a stream shall tell besides."""

    include_usage: bool | None = None


class Request(msgspec.Struct, kw_only=True):
    """A chat completions request. Null is the same as absent; deployments in the URL leave the model out."""

    messages: Annotated[list[AnyMessage], msgspec.Meta(min_length=1)]
    model: Name | None = None
    tools: Any = None
    """A list of ``AnyTool``, which is read apart: once, where it comes again."""
    tool_choice: str | Choice | None = None
    functions: list[FunctionTool] | None = None
    function_call: str | Named | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    stop: str | list[str] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    seed: Seed | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    logit_bias: dict[str, float] | None = None
    reasoning_effort: str | None = None
    reasoning: ReasoningField | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    modalities: list[str] | None = None
    audio: AudioField | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None
    service_tier: str | None = None
    stream: bool | None = None


class Words(msgspec.Struct, forbid_unknown_fields=True):
    """A turn of a conversation of nothing but words."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str


class Talk(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A request as most programs send it: words, and numbers beside them; all else is a ``Request``."""

    messages: Annotated[list[Words], msgspec.Meta(min_length=1, max_length=MESSAGES)]
    model: Name | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    seed: Seed | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    user: str | None = None
    stream: bool | None = None
