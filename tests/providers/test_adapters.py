"""Adapters over real sockets: what they send, what they read, and what they refuse to do."""

from dataclasses import replace

import pytest
from msgspec.structs import replace as replaced

from tests.fakes import FakeProvider, html, redirect, say, status
from wallas.catalog.build import build
from wallas.catalog.listing import Listing
from wallas.codecs import pulled
from wallas.errors import FailureKind, ProviderError, Scope
from wallas.providers.registry import BY_NAME, provider_terms, providers
from wallas.settings import ProviderSettings, Settings, load_settings, make_key
from wallas.transport import Transport
from wallas.types.chat import ChatRequest, Media, Message, Text
from wallas.types.events import fold
from wallas.types.media import EmbedRequest

ASK = ChatRequest(model="m", messages=(Message(role="user", parts=(Text(text="Hi"),)),), stream=True)
BASES = {
    "groq": "/openai/v1",
    "openai": "/v1",
    "anthropic": "/v1",
    "gemini": "/v1beta",
    "ollama": "",
    "ollama-cloud": "",
    "cohere": "",
    "mistral": "/v1",
    "deepseek": "",
    "openrouter": "/api/v1",
    "nvidia": "/v1",
}
MODELS = {"gemini": "gemini-3.8-flash", "anthropic": "claude-opus-5"}


@pytest.fixture
def fake():
    with FakeProvider() as provider:
        yield provider


@pytest.fixture
def blank(tmp_path):
    return load_settings({}, directory=tmp_path)


def at(fake: FakeProvider, name: str, settings: Settings, **table):
    """Return a provider of the table whose address is the fake's."""
    table = ProviderSettings(**{"base_url": fake.url + BASES.get(name, "/v1"), "keys": (make_key("sk-1@acc"),)} | table)
    return providers(replace(settings, providers={name: table}), Transport())[name]


def answered(provider, request):
    """Return the answer to a request as a whole."""
    body = provider.chat(request, key=provider.keys[0])
    pieces = []
    while not body.ended:
        assert body.wait(5)
        pieces.append(body.read())
    body.release()
    assert body.status == 200
    return fold(pulled(provider.decoder(request), [piece for piece in pieces if piece]))


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "plain"])
@pytest.mark.parametrize("name", BASES)
def test_an_answer_is_read_on_every_wire(fake, blank, name, stream):
    fake.will(say("A tale of two cities"))
    provider = at(fake, name, blank)
    asked = ChatRequest(model=MODELS.get(name, "m"), messages=ASK.messages, stream=stream)
    answer = answered(provider, asked)
    assert answer.message.parts[0].text == "A tale of two cities"
    assert fake.requests[0].stream is stream or name == "gemini"
    assert provider.wire == BY_NAME[name].wire


def test_openai_models_of_the_other_wire_are_read_in_it(fake, blank):
    fake.will(say("Thought through"))
    answer = answered(at(fake, "openai", blank), ChatRequest(model="gpt-5-pro", messages=ASK.messages, stream=True))
    assert fake.requests[0].path.endswith("/responses")
    assert answer.message.parts[0].text == "Thought through"


@pytest.mark.parametrize("wire", ["openai", "responses", "anthropic", "gemini", "ollama", "cohere"])
def test_the_users_own_provider_of_any_wire_answers(fake, blank, wire):
    fake.will(say("Hello"))
    base = fake.url + ("/v1" if wire in ("openai", "responses") else "")
    provider = at(fake, "acme", blank, wire=wire, base_url=base)
    assert answered(provider, ASK).message.parts[0].text == "Hello"


def test_a_keyless_provider_gets_no_authorization_header(fake, blank):
    fake.will(say("Hello"))
    answered(at(fake, "kilo", blank, keys=()), ASK)
    assert "authorization" not in fake.requests[0].headers


def test_headers_come_from_the_row_and_the_settings_alone(fake, blank):
    fake.will(say("Hello"))
    request = ChatRequest(
        model="m",
        messages=ASK.messages,
        stream=True,
        user="me\r\nx-evil: 1",
        extra={"openai_chat": {"extra_headers": {"x-evil": "1"}}},
    )
    answered(at(fake, "openrouter", blank, headers={"x-mine": "1"}), request)
    headers = fake.requests[0].headers
    assert (headers["authorization"], headers["x-mine"], headers["x-title"]) == ("Bearer sk-1", "1", "Wallas")
    assert "x-evil" not in headers
    assert headers["accept-encoding"] == "identity"


def test_anthropic_betas_travel_in_their_header_when_they_are_words(fake, blank):
    fake.will(say("Hello"))
    extra = {"anthropic": {"betas": ["context-management-2025-06-27", "a\r\nx-evil: 1", 7]}}
    request = ChatRequest(model="claude-opus-5", messages=ASK.messages, stream=True, max_tokens=10, extra=extra)
    answered(at(fake, "anthropic", blank), request)
    sent = fake.requests[0]
    assert sent.headers["anthropic-beta"] == "context-management-2025-06-27"
    assert sent.headers["anthropic-version"] == "2023-06-01"
    assert "betas" not in sent.json


def test_a_large_file_leaves_beside_betas_too(fake, blank):
    fake.will(say("Hello"))
    picture = "QUJD" * 30_000
    said = Message(role="user", parts=(Media(kind="image", mime="image/png", data=picture), Text(text="Look")))
    extra = {"anthropic": {"betas": ["context-management-2025-06-27"]}}
    answered(at(fake, "anthropic", blank), ChatRequest(model="m", messages=(said,), max_tokens=10, extra=extra))
    assert fake.requests[0]["messages"][0]["content"][0]["source"]["data"] == picture


def test_gemini_models_and_ways_of_answering_are_in_the_path(fake, blank):
    fake.will(say("Hello"))
    answered(at(fake, "gemini", blank), ChatRequest(model="gemini-3.8-flash", messages=ASK.messages, stream=True))
    sent = fake.requests[0]
    assert sent.path == "/v1beta/models/gemini-3.8-flash:streamGenerateContent"
    assert (sent.query, sent.headers["x-goog-api-key"]) == ("alt=sse", "sk-1")
    assert "key=" not in sent.query


def test_a_deepseek_continuation_goes_to_the_beta_address(fake, blank):
    fake.will(say("a time"))
    request = ChatRequest(
        model="m", messages=(*ASK.messages, Message(role="assistant", parts=(Text(text="Once upon"),))), stream=True
    )
    answered(at(fake, "deepseek", blank), request)
    assert fake.requests[0].path == "/beta/chat/completions"


def test_U45_a_list_that_redirects_to_another_host_is_refused_and_no_key_follows(fake, blank):
    with FakeProvider() as other:
        fake.on("/models", redirect(f"{other.url}/v1/models"))
        with pytest.raises(ProviderError) as caught:
            provider = at(fake, "mistral", blank)
            provider.list_models(provider.keys[0])
        assert caught.value.kind is FailureKind.MALFORMED
        assert other.requests == []


@pytest.mark.parametrize("name", ["openai", "gemini", "anthropic", "cohere", "ollama-cloud"])
def test_a_providers_own_list_is_fetched(fake, blank, name):
    lists = {
        "openai": {"data": [{"id": "gpt-9"}]},
        "gemini": {"models": [{"name": "models/gpt-9", "supportedGenerationMethods": ["generateContent"]}]},
        "anthropic": {"data": [{"id": "gpt-9", "type": "model"}], "has_more": False},
        "cohere": {"models": [{"name": "gpt-9", "endpoints": ["chat"]}]},
        "ollama-cloud": {"models": [{"name": "gpt-9"}]},
    }
    path = {"ollama-cloud": "/api/tags"}.get(name, "/models")
    fake.on(path, status(200, lists[name]))
    provider = at(fake, name, blank)
    assert [model.id for model in provider.list_models(provider.keys[0])] == ["gpt-9"]


def test_all_pages_of_a_list_are_read(fake, blank):
    def page(id, **more):
        entry = {"name": f"models/{id}", "supportedGenerationMethods": ["generateContent"]}
        return status(200, {"models": [entry]} | more)

    def paged(exchange):
        second = "pageToken=t2" in exchange.request.query
        (page("two") if second else page("one", nextPageToken="t2"))(exchange)

    fake.on("/models", paged)
    provider = at(fake, "gemini", blank)
    assert [model.id for model in provider.list_models(provider.keys[0])] == ["one", "two"]
    assert [request.query for request in fake.requests] == ["pageSize=1000", "pageSize=1000&pageToken=t2"]


@pytest.mark.parametrize(
    "step, kind",
    [(status(401, {"error": {"message": "bad key"}}), FailureKind.CREDENTIAL), (html(), FailureKind.MALFORMED)],
    ids=["refused", "page"],
)
def test_a_list_that_cannot_be_had_is_an_error(fake, blank, step, kind):
    fake.on("/models", step)
    provider = at(fake, "mistral", blank)
    with pytest.raises(ProviderError) as caught:
        provider.list_models(provider.keys[0])
    assert caught.value.kind is kind


def test_no_list_is_asked_for_where_the_user_says_so(fake, blank):
    provider = at(fake, "mistral", blank, discover=False)
    assert provider.list_models(provider.keys[0]) == []
    assert fake.requests == []


def test_U61_a_daemon_that_is_down_has_no_models_at_once_and_without_error(blank):
    provider = providers(replace(blank, ollama_upstream="http://127.0.0.1:9"), Transport())["ollama"]
    assert provider.list_models(provider.keys[0]) == []


def test_a_list_and_the_catalog_fit_together(fake, blank):
    fake.on(
        "/models", status(200, {"data": [{"id": "openai/gpt-oss-120b", "context_window": 1000}, {"id": "qwen/new-1b"}]})
    )
    provider = at(fake, "groq", blank)
    listing = Listing(provider="groq", date="2026-11-21", models=tuple(provider.list_models(provider.keys[0])))
    catalog = build(listings=[listing], terms=provider_terms(blank, {"groq": provider}), today="2026-11-21")
    known, new = catalog.find("groq", "openai/gpt-oss-120b"), catalog.find("groq", "qwen/new-1b")
    assert (known.context, known.free, known.limits.rpd) == (1000, True, 1000)
    assert (new.free, new.limits.rpm, "capabilities" in new.guessed) == (True, 30, True)
    assert {"chat", "tools", "json_object"} <= new.capabilities


@pytest.mark.parametrize("name", ["openai", "mistral", "gemini", "cohere", "ollama"])
def test_texts_are_embedded_on_every_wire_that_can(fake, blank, name):
    answers = {
        "openai": {"data": [{"index": 0, "embedding": [1.0, 2.0]}], "model": "e", "usage": {"prompt_tokens": 3}},
        "gemini": {"embeddings": [{"values": [1.0, 2.0]}]},
        "cohere": {"id": "x", "embeddings": {"float": [[1.0, 2.0]]}, "texts": ["a"]},
        "ollama": {"model": "e", "embeddings": [[1.0, 2.0]], "prompt_eval_count": 3},
    }
    answers["mistral"] = answers["openai"]
    paths = {"gemini": "batchEmbedContents", "cohere": "/v2/embed", "ollama": "/api/embed"}
    fake.on(paths.get(name, "/embeddings"), status(200, answers[name]))
    provider = at(fake, name, blank)
    request = EmbedRequest(model="e", inputs=("a",), extra={provider.wire: {"api_base": "http://evil"}})
    body = provider.embed(request, key=provider.keys[0])
    data = b""
    while not body.ended:
        assert body.wait(5)
        data += body.read()
    body.release()
    assert provider.decode_embeddings(request, data).vectors == ((1.0, 2.0),)
    assert b"evil" not in fake.requests[0].body


def test_who_cannot_embed_says_so_before_anything_is_sent(fake, blank):
    provider = at(fake, "groq", blank)
    with pytest.raises(ProviderError) as caught:
        provider.embed(EmbedRequest(model="e", inputs=("a",)), key=provider.keys[0])
    assert caught.value.kind is FailureKind.UNSUPPORTED and fake.requests == []
    provider = at(fake, "cohere", blank)
    with pytest.raises(ProviderError):
        provider.embed(EmbedRequest(model="e", inputs=("a",) * 97), key=provider.keys[0])
    assert fake.requests == []


@pytest.mark.parametrize(
    "name, code, body, kind, scope",
    [
        (
            "openrouter",
            429,
            '{"error":{"code":429,"message":"Rate limit exceeded: free-models-per-day"}}',
            "DAY_LIMIT",
            Scope.ACCOUNT,
        ),
        ("openrouter", 402, '{"error":{"code":402,"message":"Insufficient credits"}}', "MONEY", Scope.KEY),
        ("openrouter", 404, '{"error":{"code":404,"message":"No endpoints found for x"}}', "MODEL_GONE", None),
        (
            "nvidia",
            400,
            '{"title":"Bad Request","detail":"Function id: DEGRADED function cannot be invoked"}',
            "SERVER",
            None,
        ),
        ("huggingface", 402, '{"error":"You have exceeded your monthly included credits"}', "MONEY", Scope.KEY),
        (
            "huggingface",
            400,
            '{"error":{"message":"The requested model is not supported by any provider you have enabled."}}',
            "MODEL_GONE",
            None,
        ),
        (
            "cerebras",
            429,
            '{"message":"high traffic","code":"queue_exceeded","type":"too_many_requests_error"}',
            "OVERLOADED",
            None,
        ),
        ("sambanova", 402, '{"error":{"code":"PAYMENT_METHOD_REQUIRED"}}', "MONEY", Scope.KEY),
        ("groq", 400, '{"error":{"code":"tool_use_failed","message":"x","failed_generation":"y"}}', "UNUSABLE", None),
        (
            "ollama-cloud",
            403,
            '{"error":"this model requires a subscription, upgrade for access"}',
            "FORBIDDEN_MODEL",
            None,
        ),
        (
            "mistral",
            429,
            '{"object":"error","message":"Service tier capacity exceeded for this model.","code":"3505"}',
            "OVERLOADED",
            None,
        ),
        ("modelscope", 429, '{"error":{"message":"insufficient balance (1008)"}}', "MODEL_GONE", None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_U37_U39_a_refusal_is_read_as_its_provider_means_it(fake, blank, name, code, body, kind, scope):
    error = at(fake, name, blank).decode_error(code, {}, body.encode())
    assert (error.kind.name, error.status) == (kind, code)
    if scope is not None:
        assert error.scope is scope


def test_nobody_elses_words_change_a_refusal(fake, blank):
    error = at(fake, "openai", blank).decode_error(400, {}, b'{"error":{"message":"DEGRADED function","code":"x"}}')
    assert error.kind is not FailureKind.SERVER


def test_where_a_request_goes_is_told_anew_by_model_way_of_answering_key_and_turn(fake, blank):
    gemini = at(fake, "gemini", blank, keys=(make_key("sk-1@acc"), make_key("sk-2@acc")))
    one, other = gemini.keys
    plain, streamed = (ChatRequest(model="gemini-3.8-flash", messages=ASK.messages, stream=on) for on in (False, True))
    for request, key in ((plain, one), (streamed, one), (replaced(plain, model="gemini-4"), one), (plain, other)):
        fake.will(say("Hello"))
        body = gemini.chat(request, key=key)
        assert body.wait(5)
        body.abort()
    deepseek = at(fake, "deepseek", blank)
    asked = ChatRequest(model="m", messages=ASK.messages)
    begun = replaced(asked, messages=(*ASK.messages, Message(role="assistant", parts=(Text(text="Once"),))))
    for request in (asked, begun, asked):
        fake.will(say("Hello"))
        answered(deepseek, request)
    paths = [sent.path.rpartition("/")[2] for sent in fake.requests[:4]]
    assert paths == [
        "gemini-3.8-flash:generateContent",
        "gemini-3.8-flash:streamGenerateContent",
        "gemini-4:generateContent",
        "gemini-3.8-flash:generateContent",
    ]
    assert [sent.headers["x-goog-api-key"] for sent in fake.requests[:4]] == ["sk-1", "sk-1", "sk-1", "sk-2"]
    assert [sent.path.startswith("/beta/") for sent in fake.requests[4:]] == [False, True, False]
