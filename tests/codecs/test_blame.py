"""One row for every way in which a provider refuses; texts are our own in the providers' shapes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallas.codecs.blame import classify, status_of
from wallas.codecs.blame_words import INNER, RULES
from wallas.codecs.retry_after import LONGEST
from wallas.errors import FailureKind as K
from wallas.errors import ProviderError, Scope


def quota(identity, value, delay="13s"):
    """Return the details of one of Google's quota failures."""
    violation = {"quotaMetric": "generate_content_free_tier_requests", "quotaId": identity, "quotaValue": value}
    return [{"@type": "google.rpc.QuotaFailure", "violations": [violation]}, {"retryDelay": delay}]


BOILERPLATE = "You exceeded your current quota, please check your plan and billing details."
FREE_DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
FREE_MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
MISTRAL_422 = {"message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs"}]}}

# status, what is said, the kind, what else follows
ROWS = [
    # by the status alone
    (400, {}, K.CALLER_FAULT, {}),
    (401, {"message": "no"}, K.CREDENTIAL, {}),
    (402, {}, K.MONEY, {}),
    (403, {}, K.FORBIDDEN_MODEL, {}),
    (403, {"message": "<!DOCTYPE html><title>Attention Required! | Cloudflare</title>"}, K.SERVER, {}),
    (404, {"message": "404 page not found"}, K.MODEL_GONE, {}),
    (405, {}, K.MALFORMED, {}),
    (408, {}, K.TRANSIENT, {}),
    (409, {}, K.TRANSIENT, {}),
    (410, {"message": "retired"}, K.MODEL_GONE, {}),
    (413, {"message": "<html><h1>413 Request Entity Too Large</h1><hr>cloudflare</html>"}, K.TOO_LARGE, {}),
    (418, {}, K.CALLER_FAULT, {}),
    (422, {}, K.CALLER_FAULT, {}),
    (424, {}, K.SERVER, {}),
    (425, {}, K.TRANSIENT, {}),
    (429, {"message": "Too Many Requests"}, K.RATE_LIMIT, {"retry_after": None}),
    (451, {}, K.REGION, {}),
    (498, {"message": "flex capacity exceeded"}, K.OVERLOADED, {}),
    (499, {}, K.TRANSIENT, {}),
    *[
        (status, {"message": "oops"}, K.SERVER, {})
        for status in (500, 502, 504, 520, 521, 522, 523, 524, 525, 526, 527)
    ],
    (503, {"message": "maintenance"}, K.OVERLOADED, {}),
    (529, {}, K.OVERLOADED, {}),
    (302, {}, K.MALFORMED, {}),
    # errors inside a 200
    (200, {"message": "strange"}, K.SERVER, {"status": 200}),
    (200, {"code": 429, "message": "Rate limit exceeded"}, K.RATE_LIMIT, {"status": 429}),
    (200, {"code": "502"}, K.SERVER, {"status": 502}),
    (200, {"type": "overloaded_error", "message": "Overloaded"}, K.OVERLOADED, {"status": 529}),
    (200, {"type": "api_error", "message": "Internal"}, K.SERVER, {"status": 500}),
    (200, {"type": "server_error"}, K.SERVER, {}),
    (200, {"type": "invalid_request_error", "message": "bad"}, K.CALLER_FAULT, {"status": 400}),
    (200, {"code": "rate_limit_exceeded", "message": "wait 3s"}, K.RATE_LIMIT, {"retry_after": 3}),
    (200, {"code": "insufficient_quota"}, K.MONEY, {}),
    (200, {"code": "timeout_error"}, K.SERVER, {}),
    (200, {"details": {"error": {"metadata": {"error_type": "provider_overloaded"}}}}, K.OVERLOADED, {}),
    (200, {"code": "tool_use_failed", "type": "invalid_request_error"}, K.UNUSABLE, {}),
    # Google
    (400, {"message": "API key not valid. Please pass a valid API key."}, K.CREDENTIAL, {}),
    (400, {"message": "bad", "details": [{"reason": "API_KEY_INVALID"}]}, K.CREDENTIAL, {}),
    (400, {"message": "API key expired. Please renew the API key."}, K.CREDENTIAL, {}),
    (400, {"message": "User location is not supported for the API use.", "type": "FAILED_PRECONDITION"}, K.REGION, {}),
    (403, {"message": "Your API key was reported as leaked."}, K.CREDENTIAL, {}),
    (403, {"message": "no", "details": [{"reason": "SERVICE_DISABLED"}]}, K.CREDENTIAL, {}),
    (404, {"message": "models/x is not found for API version v1beta"}, K.MODEL_GONE, {}),
    (429, {"message": BOILERPLATE, "details": quota(FREE_DAY, "20")}, K.DAY_LIMIT, {"limit": 20, "retry_after": None}),
    (429, {"message": BOILERPLATE, "details": quota(FREE_MINUTE, "5")}, K.RATE_LIMIT, {"limit": 5, "retry_after": 13}),
    (429, {"details": quota(FREE_MINUTE, "5", "0.2s")}, K.RATE_LIMIT, {"retry_after": 1}),
    (429, {"details": quota(FREE_DAY, "0")}, K.NO_QUOTA, {"limit": 0, "retry_after": None}),
    (429, {"message": f"{BOILERPLATE}\n* Quota exceeded for metric: x, limit: 0, model: y"}, K.NO_QUOTA, {}),
    (429, {"details": [{"metadata": {"quota_limit_value": "0", "quota_limit": "PerMinute"}}]}, K.NO_QUOTA, {}),
    (429, {"message": "Resource has been exhausted (e.g. check quota)."}, K.RATE_LIMIT, {"retry_after": None}),
    (503, {"message": "The model is overloaded.", "type": "UNAVAILABLE"}, K.OVERLOADED, {}),
    (500, {"type": "INTERNAL"}, K.SERVER, {}),
    (
        400,
        {"message": "Invalid JSON payload received. Unknown name \"minP\" at 'generation_config': Cannot find field."},
        K.UNSUPPORTED,
        {"param": "minP"},
    ),
    (400, {"message": "Developer instruction is not enabled for models/gemma"}, K.UNSUPPORTED, {}),
    (400, {"message": "tools not supported"}, K.UNSUPPORTED, {}),
    (400, {"message": "Image input not available on m"}, K.UNSUPPORTED, {}),
    (400, {"message": "image_url is only supported by certain models."}, K.UNSUPPORTED, {}),
    (400, {"message": "Unsupported content type: image"}, K.UNSUPPORTED, {}),
    (422, {"message": "m is a text-only model"}, K.UNSUPPORTED, {}),
    (400, {"message": "This model cannot process images"}, K.UNSUPPORTED, {}),
    (400, {"message": "m has no tool calling support"}, K.UNSUPPORTED, {}),
    (
        400,
        {"message": "Function calling with a response mime type: 'application/json' is unsupported"},
        K.UNSUPPORTED,
        {},
    ),
    (400, {"message": "Function call is missing a thought_signature in functionCall parts."}, K.SEAL, {}),
    (
        400,
        {"message": "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."},
        K.CONTEXT_LENGTH,
        {"limit": 1048576},
    ),
    (
        400,
        {"message": "max_output_tokens: the supported range is from 1 (inclusive) to 65537 (exclusive)"},
        K.MAX_TOKENS,
        {"limit": 65537},
    ),
    (
        400,
        {"message": "Please ensure that multiturn requests end with a user role or a function response."},
        K.PREFILL,
        {},
    ),
    # OpenAI
    (401, {"code": "invalid_api_key", "message": "Incorrect API key provided: sk-abcdef123456."}, K.CREDENTIAL, {}),
    (403, {"code": "unsupported_country_region_territory", "message": "Country not supported"}, K.REGION, {}),
    (403, {"message": "You are not allowed to sample from this model"}, K.FORBIDDEN_MODEL, {}),
    (
        404,
        {"code": "model_not_found", "message": "The model `x` does not exist or you do not have access to it."},
        K.MODEL_GONE,
        {},
    ),
    (400, {"code": "model_not_found", "message": "The requested model 'x' does not exist."}, K.MODEL_GONE, {}),
    (
        404,
        {"code": "previous_response_not_found", "message": "Previous response with id 'r' not found."},
        K.CALLER_FAULT,
        {},
    ),
    (429, {"code": "insufficient_quota", "type": "insufficient_quota", "message": BOILERPLATE}, K.MONEY, {}),
    (400, {"code": "insufficient_quota", "message": BOILERPLATE}, K.MONEY, {}),
    (400, {"code": "billing_hard_limit_reached", "message": "Billing hard limit has been reached"}, K.MONEY, {}),
    (
        429,
        {
            "code": "rate_limit_exceeded",
            "message": "on requests per min (RPM): Limit 3, Used 3. Please try again in 20s.",
        },
        K.RATE_LIMIT,
        {"limit": 3, "retry_after": 20},
    ),
    (
        429,
        {"message": "Request too large for gpt on tokens per min (TPM): Limit 30000, Requested 42000."},
        K.TOO_LARGE,
        {"limit": 30000},
    ),
    (503, {"code": "slow_down"}, K.OVERLOADED, {}),
    (
        400,
        {"message": "Unsupported parameter: 'temperature' is not supported with this model."},
        K.UNSUPPORTED,
        {"param": "temperature"},
    ),
    (
        400,
        {"code": "unknown_parameter", "message": "Unknown parameter: 'quality'."},
        K.UNSUPPORTED,
        {"param": "quality"},
    ),
    (400, {"message": "Unrecognized request argument supplied: top_k"}, K.UNSUPPORTED, {"param": "top_k"}),
    (400, {"code": "unsupported_value", "param": "messages[0].role"}, K.UNSUPPORTED, {"param": "messages[0].role"}),
    (
        400,
        {"message": "Web search options not supported with this model.", "param": "w"},
        K.UNSUPPORTED,
        {"param": "w"},
    ),
    (
        400,
        {"message": "Content blocks are expected to be either text or image_url type.", "code": "invalid_value"},
        K.UNSUPPORTED,
        {},
    ),
    (400, {"message": "Invalid schema for function 'f': None is not of type 'object'."}, K.UNSUPPORTED, {}),
    (
        400,
        {"message": "This model's maximum context length is 8192 tokens. However, you requested 9,000 tokens."},
        K.CONTEXT_LENGTH,
        {"limit": 8192},
    ),
    (400, {"message": "Your input exceeds the context window of this model."}, K.CONTEXT_LENGTH, {"limit": None}),
    (400, {"code": "context_length_exceeded"}, K.CONTEXT_LENGTH, {}),
    (
        400,
        {"message": "max_tokens is too large: 100000. This model supports at most 16384 completion tokens."},
        K.MAX_TOKENS,
        {"limit": 16384},
    ),
    (
        400,
        {"message": "Invalid 'max_output_tokens': integer above maximum value. Expected a value <= 128000, but got 1."},
        K.MAX_TOKENS,
        {"limit": 128000},
    ),
    (400, {"code": "invalid_encrypted_content", "message": "could not be verified"}, K.SEAL, {}),
    (400, {"message": "The encrypted content gAAA could not be verified."}, K.SEAL, {}),
    (
        400,
        {"message": "Item 'rs_1' of type 'reasoning' was provided without its required following item."},
        K.SEAL,
        {},
    ),
    (400, {"code": "content_policy_violation"}, K.CONTENT_FILTER, {}),
    (
        400,
        {"message": "Invalid prompt: it was flagged as potentially violating our usage policy."},
        K.CONTENT_FILTER,
        {},
    ),
    (400, {"code": "content_filter", "message": "triggered Azure's content management policy"}, K.CONTENT_FILTER, {}),
    # Anthropic
    (400, {"message": "Your credit balance is too low to access the API."}, K.MONEY, {}),
    (429, {"code": "enforced_spend_limit_reached"}, K.MONEY, {}),
    (402, {"type": "billing_error"}, K.MONEY, {}),
    (403, {"type": "permission_error"}, K.FORBIDDEN_MODEL, {}),
    (404, {"type": "not_found_error", "message": "model: claude-none"}, K.MODEL_GONE, {}),
    (413, {"type": "request_too_large"}, K.TOO_LARGE, {}),
    (
        400,
        {"message": "prompt is too long: 210000 tokens > 200000 maximum"},
        K.CONTEXT_LENGTH,
        {"limit": 200000},
    ),
    (
        400,
        {"message": "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease"},
        K.MAX_TOKENS,
        {"limit": 11760},
    ),
    (
        400,
        {"message": "max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens for x"},
        K.MAX_TOKENS,
        {"limit": 8192},
    ),
    (
        400,
        {"message": "This model does not support assistant message prefill. It must end with a user message."},
        K.PREFILL,
        {},
    ),
    (400, {"message": "messages.1.content.0: Invalid `signature` in `thinking` block"}, K.SEAL, {}),
    (
        400,
        {"message": "Expected `thinking` or `redacted_thinking`, but found `tool_use`."},
        K.SEAL,
        {},
    ),
    (
        400,
        {"message": "This model does not support effort level 'xhigh'."},
        K.UNSUPPORTED,
        {"param": "reasoning_effort"},
    ),
    (
        400,
        {"message": "context_management: Extra inputs are not permitted"},
        K.UNSUPPORTED,
        {"param": "context_management"},
    ),
    (529, {"type": "overloaded_error"}, K.OVERLOADED, {}),
    # OpenRouter
    (
        429,
        {
            "message": "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 requests per day",
            "details": {"metadata": {"headers": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9999999999000"}}},
        },
        K.DAY_LIMIT,
        {"scope": Scope.ACCOUNT, "retry_after": LONGEST},
    ),
    (429, {"message": "Rate limit exceeded: free-models-per-min."}, K.RATE_LIMIT, {"scope": Scope.ACCOUNT}),
    (
        429,
        {
            "message": "Provider returned error",
            "details": {"metadata": {"raw": "x:free is temporarily rate-limited upstream"}},
        },
        K.RATE_LIMIT,
        {"scope": Scope.MODEL, "message": "Provider returned error"},
    ),
    (402, {"message": "This request requires more credits, or fewer max_tokens."}, K.MONEY, {"scope": None}),
    (402, {"message": "Your account has a negative balance."}, K.MONEY, {"scope": Scope.KEY}),
    (403, {"message": "Input was flagged", "details": {"metadata": {"reasons": ["violence"]}}}, K.CONTENT_FILTER, {}),
    (404, {"message": "No endpoints found for x/y."}, K.MODEL_GONE, {}),
    (404, {"message": "No endpoints found that support image input"}, K.UNSUPPORTED, {"param": "image"}),
    (404, {"message": "No endpoints found that support tool use."}, K.UNSUPPORTED, {"param": "tools"}),
    (404, {"message": "No endpoints found matching your data policy"}, K.FORBIDDEN_MODEL, {}),
    (400, {"message": "x/y is not a valid model ID"}, K.MODEL_GONE, {}),
    # Groq
    (
        413,
        {
            "code": "rate_limit_exceeded",
            "message": "Request too large for model `m` on tokens per minute (TPM): Limit 8000, Requested 33476",
        },
        K.TOO_LARGE,
        {"limit": 8000},
    ),
    (
        429,
        {"message": "Rate limit reached on tokens per day (TPD): Limit 100000, Used 9. Please try again in 7m12.5s."},
        K.DAY_LIMIT,
        {"limit": 100000, "retry_after": 432.5},
    ),
    (400, {"code": "model_decommissioned", "message": "The model `x` has been decommissioned"}, K.MODEL_GONE, {}),
    (400, {"code": "json_validate_failed", "message": "Failed to generate JSON."}, K.UNUSABLE, {}),
    (400, {"code": "tool_use_failed", "message": "Failed to call a function."}, K.UNUSABLE, {}),
    (400, {"code": "model_terms_required", "message": "The model requires terms acceptance"}, K.FORBIDDEN_MODEL, {}),
    (400, {"message": "'messages.0' : property 'name' is unsupported"}, K.UNSUPPORTED, {"param": "name"}),
    (
        400,
        {"message": "`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens`"},
        K.MAX_TOKENS,
        {"limit": 8192},
    ),
    # Mistral
    (
        429,
        {"headers": {"x-ratelimit-limit-req-minute": "0"}, "message": "Rate limit exceeded", "code": "1300"},
        K.NO_QUOTA,
        {},
    ),
    (
        429,
        {"message": "Service tier capacity exceeded for this model.", "code": "3505"},
        K.RATE_LIMIT,
        {"scope": Scope.MODEL},
    ),
    (429, {"message": "Rate limit exceeded", "type": "rate_limited", "code": "1300"}, K.RATE_LIMIT, {"scope": None}),
    (422, {"message": "", "details": MISTRAL_422}, K.UNSUPPORTED, {"param": "seed"}),
    (422, {"details": {"detail": [{"type": "missing", "loc": ["body"]}]}}, K.CALLER_FAULT, {"param": None}),
    (400, {"message": "Invalid model: x", "type": "invalid_model", "code": "1500"}, K.MODEL_GONE, {}),
    (400, {"message": "Logprobs are not enabled for this model"}, K.UNSUPPORTED, {"param": "logprobs"}),
    (
        400,
        {"message": "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"},
        K.PREFILL,
        {},
    ),
    (
        400,
        {"message": "Prompt contains 33000 tokens, too large for model with 32768 maximum context length"},
        K.CONTEXT_LENGTH,
        {"limit": 32768},
    ),
    # Cerebras
    (
        429,
        {"code": "queue_exceeded", "message": "We're experiencing high traffic right now!"},
        K.RATE_LIMIT,
        {"retry_after": 2},
    ),
    (429, {"code": "request_quota_exceeded", "headers": {"x-ratelimit-remaining-requests-day": "0"}}, K.DAY_LIMIT, {}),
    (402, {"type": "payment_required"}, K.MONEY, {}),
    # Cohere
    (
        429,
        {"message": "You are using a Trial key, which is limited to 20 API calls / minute."},
        K.RATE_LIMIT,
        {"limit": 20},
    ),
    (
        429,
        {"message": "You are using a Trial key, which is limited to 1000 API calls / month."},
        K.DAY_LIMIT,
        {"limit": 1000, "scope": Scope.KEY},
    ),
    (
        400,
        {"message": "too many tokens: size limit exceeded. The limit for this model is 288000 tokens."},
        K.CONTEXT_LENGTH,
        {"limit": 288000},
    ),
    (404, {"message": "model 'c' was removed on September 15, 2025."}, K.MODEL_GONE, {}),
    (401, {"message": "invalid api token"}, K.CREDENTIAL, {}),
    # NVIDIA
    (400, {"message": "Function id 'a-b': DEGRADED function cannot be invoked"}, K.SERVER, {}),
    (400, {"message": "This model only supports single tool-calls at once!"}, K.UNSUPPORTED, {}),
    (404, {"message": "Function 'x': Not found for account 'y'"}, K.MODEL_GONE, {}),
    # Ollama
    (400, {"message": '"m" does not support tools'}, K.UNSUPPORTED, {"param": "tools"}),
    (404, {"message": "model 'x' not found"}, K.MODEL_GONE, {}),
    (503, {"message": "server busy, please try again.  maximum pending requests exceeded"}, K.OVERLOADED, {}),
    (403, {"message": "this model requires a subscription, upgrade for access"}, K.FORBIDDEN_MODEL, {}),
    # Hugging Face, DeepSeek, SambaNova, Pollinations, GitHub, others
    (402, {"message": "You have exceeded your monthly included credits for Inference Providers."}, K.MONEY, {}),
    (
        400,
        {"code": "model_not_supported", "message": "not supported by any provider you have enabled"},
        K.MODEL_GONE,
        {},
    ),
    (
        403,
        {"message": "This authentication method does not have sufficient permissions to call Inference Providers"},
        K.CREDENTIAL,
        {},
    ),
    (
        503,
        {"message": "Model m is currently loading", "details": {"estimated_time": 20}},
        K.OVERLOADED,
        {"retry_after": 20},
    ),
    (400, {"message": "`inputs` tokens + `max_new_tokens` must be <= 4096."}, K.CONTEXT_LENGTH, {"limit": 4096}),
    (402, {"message": "Insufficient Balance"}, K.MONEY, {}),
    (200, {"message": "Insufficient Balance"}, K.MONEY, {}),
    (401, {"type": "authentication_error", "code": "invalid_request_error"}, K.CREDENTIAL, {}),
    (400, {"message": "unknown variant `image_url`, expected `text`"}, K.UNSUPPORTED, {"param": "image_url"}),
    (400, {"message": "The reasoning_content in the thinking mode must be passed back to the API."}, K.SEAL, {}),
    (
        400,
        {"message": "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]"},
        K.MAX_TOKENS,
        {"limit": 8192},
    ),
    (402, {"code": "PAYMENT_METHOD_REQUIRED"}, K.MONEY, {}),
    (
        429,
        {
            "code": "RateLimitReached",
            "message": "Rate limit of 50 per 86400s exceeded for UserByModelByDay. Please wait 43150 seconds",
        },
        K.DAY_LIMIT,
        {"limit": 50, "retry_after": 43150},
    ),
    (
        413,
        {"code": "tokens_limit_reached", "message": "Request body too large. Max size: 8000 tokens."},
        K.CONTEXT_LENGTH,
        {"limit": 8000},
    ),
    (
        400,
        {"message": "request (2009 tokens) exceeds the available context size (512 tokens)", "details": {"n_ctx": 512}},
        K.CONTEXT_LENGTH,
        {"limit": 512},
    ),
    (500, {"message": "tools param requires --jinja flag"}, K.UNSUPPORTED, {"param": "tools"}),
    (400, {"message": "Incorrect API key provided. You can obtain one from the console."}, K.CREDENTIAL, {}),
    (
        400,
        {
            "message": "'max_tokens' is too large: 32000. This model's maximum context length is 32768 tokens and your "
            "request has 5000 input tokens"
        },
        K.MAX_TOKENS,
        {"limit": 27768},
    ),
    (429, {"headers": {"retry-after": "7.66s"}, "message": "slow"}, K.RATE_LIMIT, {"retry_after": 7.66}),
    (503, {"headers": {"retry-after": "3"}}, K.OVERLOADED, {"retry_after": 3}),
    (
        429,
        {"code": "engine_overloaded_error", "message": "The engine is overloaded"},
        K.RATE_LIMIT,
        {"scope": Scope.MODEL},
    ),
]


@pytest.mark.parametrize(
    ("status", "said", "kind", "more"), ROWS, ids=[f"{i}-{r[0]}-{r[2].name}" for i, r in enumerate(ROWS)]
)
def test_a_refusal_has_its_meaning(status, said, kind, more):
    said = dict(said)
    error = classify(status, said.pop("headers", {}), **said)
    assert error.kind is kind, error.message
    assert {name: getattr(error, name) for name in more} == more


@pytest.mark.parametrize(
    "message",
    [
        "Incorrect API key provided: sk-abc***xyz. Find yours at",
        "Your api key: ****-tail is invalid",
        "Bad token AIzaSyD0123456789 in use",
        "GET https://host/models?key=secret123 failed",
        "wrong: Bearer abcdef.ghijkl",
    ],
)
def test_a_key_that_a_provider_repeats_goes_no_further(message):
    kept = classify(401, {}, message=message).message
    assert "***" in kept
    assert not any(part in kept for part in ("abc", "xyz", "-tail", "AIzaSyD", "secret123"))


def test_a_message_is_kept_within_bounds():
    assert len(classify(500, {}, message="x" * 100_000).message) == 2000


def test_the_code_is_kept_or_else_the_type():
    assert classify(400, {}, code=1300).code == "1300"
    assert classify(400, {}, type="bad").code == "bad"


@pytest.mark.parametrize("word", [None, "", "nonsense", "200", 200, 99, 600, "٤٢٩"])
def test_a_word_without_a_status_stands_for_200(word):
    assert status_of(word) == 200


@pytest.mark.parametrize(("word", "status"), [("429", 429), (503, 503), ("Rate-Limit Exceeded", 429), *INNER.items()])
def test_a_word_stands_for_its_status(word, status):
    assert status_of(word) == status


def test_every_rule_can_hold():
    assert all(rule.words or rule.says or rule.statuses for rule in RULES)


TEXT = st.text(max_size=60) | st.sampled_from(
    ["limit: 0", "max_tokens: 9 > 8, which is the maximum", "per day", "> ٣ maximum"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["code", "type", "loc", "quotaId", "quotaValue", "param", "raw", "retryDelay", "n_ctx", "msg"]
            ),
            inner,
        )
    ),
    max_leaves=10,
)


@given(
    st.integers(100, 999),
    st.dictionaries(st.sampled_from(["retry-after", "x-ratelimit-limit-a", "x-ratelimit-remaining-day"]), TEXT),
    TEXT,
    st.none() | TEXT | st.integers(),
    st.none() | TEXT,
    JSON,
)
def test_whatever_a_provider_says_it_has_a_meaning(status, headers, message, code, kind, details):
    error = classify(status, headers, message=message, code=code, type=kind, details=details)
    assert isinstance(error, ProviderError)
    assert error.limit is None or error.limit >= 0
    assert error.param is None or isinstance(error.param, str)
