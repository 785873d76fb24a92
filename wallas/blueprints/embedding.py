"""Embeddings in every protocol that has them."""

from typing import Any

from flask import Response, request

from wallas import codecs
from wallas.blueprints.leaving import watched
from wallas.blueprints.respond import json_response, request_id, router
from wallas.codecs.embeddings import EMBEDDINGS, decode_prompt, encode_prompt_response
from wallas.routing.embedding import embed
from wallas.routing.router import Options
from wallas.types.media import EmbedRequest, EmbedResponse


def openai_embeddings(body: dict[str, Any]) -> Response:
    """Answer ``POST /v1/embeddings``."""
    return _answered(body, codecs.OPENAI_CHAT)


def ollama_embed(body: dict[str, Any]) -> Response:
    """Answer ``POST /api/embed``."""
    return _answered(body, codecs.OLLAMA)


def ollama_embeddings(body: dict[str, Any]) -> Response:
    """Answer ``POST /api/embeddings``: one prompt, one vector."""
    said = watched(request.environ, body)
    asked = decode_prompt(body)
    answer, headers = _embedded(asked, said, codecs.OLLAMA)
    return json_response(encode_prompt_response(answer), headers=headers)


def gemini_embed(model: str, body: dict[str, Any]) -> Response:
    """Answer ``:embedContent``."""
    return _answered(body, codecs.GEMINI, model=model)


def gemini_embed_batch(model: str, body: dict[str, Any]) -> Response:
    """Answer ``:batchEmbedContents``."""
    return _answered(body, codecs.GEMINI, model=model)


def _answered(body: dict[str, Any], wire: str, **path: str) -> Response:
    said = watched(request.environ, body)
    codec = EMBEDDINGS[wire]
    asked: EmbedRequest = codec.decode_request(body, **path)
    answer, headers = _embedded(asked, said, wire)
    return json_response(codec.encode_response(answer, asked), headers=headers)


def _embedded(asked: EmbedRequest, said: Options, wire: str) -> tuple[EmbedResponse, dict[str, str]]:
    headers: dict[str, str] = {}
    answer = embed(
        router(),
        asked,
        said,
        request_id=request_id(request),
        wire=wire,
        told=lambda run: headers.update(run.headers()),
    )
    return answer, headers
