"""The shape of a Gemini request body, for telling a client which field is wrong."""

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

from wallas.codecs.limits import Name

Json: TypeAlias = dict[str, Any]
Id: TypeAlias = Annotated[str, Meta(pattern=r"^[^\x00]*\Z")]
Fraction: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
Whole: TypeAlias = Annotated[int, Meta(ge=-(2**53), le=2**53)]
Penalty: TypeAlias = Annotated[float, Meta(ge=-2, le=2)]


class Blob(Struct):
    """Bytes in the body."""

    data: str
    mimeType: str | None = None
    displayName: str | None = None


class File(Struct):
    """Bytes elsewhere."""

    fileUri: str
    mimeType: str | None = None
    displayName: str | None = None


class Call(Struct):
    """A call of the model's."""

    name: Name
    args: Json | None = None
    id: Id | None = None


class ResultPart(Struct):
    """A file that a tool returned."""

    inlineData: Blob | None = None
    fileData: File | None = None


class Result(Struct):
    """What a call returned."""

    name: Id | None = None
    response: Json | None = None
    id: Id | None = None
    parts: list[ResultPart] | None = None


class PartBody(Struct):
    """One part; kinds that only Gemini knows are not looked into."""

    text: str | None = None
    thought: bool | None = None
    thoughtSignature: str | None = None
    inlineData: Blob | None = None
    fileData: File | None = None
    functionCall: Call | None = None
    functionResponse: Result | None = None


class Content(Struct):
    """One turn."""

    role: Literal["user", "model", "function"] | None = None
    parts: list[PartBody] | None = None


class System(Struct):
    """The system instruction, whose role means nothing."""

    role: str | None = None
    parts: list[PartBody] | None = None


class Declaration(Struct):
    """A function that the model may call."""

    name: Name
    description: str | None = None
    parameters: Json | None = None
    parametersJsonSchema: Json | None = None


class ToolBody(Struct):
    """Functions, or one of Gemini's own tools."""

    functionDeclarations: list[Declaration] | None = None


class Calling(Struct):
    """Whether to call."""

    mode: str | None = None
    allowedFunctionNames: list[str] | None = None


class ToolConfig(Struct):
    """How tools are used."""

    functionCallingConfig: Calling | None = None


class ThinkingConfig(Struct):
    """How hard to think."""

    includeThoughts: bool | None = None
    thinkingBudget: Whole | None = None
    thinkingLevel: str | None = None


class PrebuiltVoice(Struct):
    """A voice by name."""

    voiceName: str | None = None


class VoiceConfig(Struct):
    """Which voice."""

    prebuiltVoiceConfig: PrebuiltVoice | None = None


class Speech(Struct):
    """How to speak."""

    voiceConfig: VoiceConfig | None = None


class Config(Struct):
    """How to generate."""

    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    topP: Fraction | None = None
    topK: Annotated[float, Meta(ge=0, le=2**53)] | None = None
    candidateCount: Annotated[int, Meta(ge=1, le=8)] | None = None
    maxOutputTokens: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    stopSequences: list[str] | None = None
    seed: Whole | None = None
    presencePenalty: Penalty | None = None
    frequencyPenalty: Penalty | None = None
    responseLogprobs: bool | None = None
    logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    responseMimeType: str | None = None
    responseSchema: Json | None = None
    responseJsonSchema: Json | None = None
    thinkingConfig: ThinkingConfig | None = None
    responseModalities: list[str] | None = None
    speechConfig: Speech | None = None


class Body(Struct):
    """A whole request; ``model`` and ``stream`` come from the URL."""

    contents: list[Content]
    model: Id = ""
    stream: bool = False
    systemInstruction: System | None = None
    tools: list[ToolBody] | None = None
    toolConfig: ToolConfig | None = None
    generationConfig: Config | None = None
    safetySettings: list[Json] | None = None
    cachedContent: str | None = None
    serviceTier: str | None = None
    labels: dict[str, str] | None = None
