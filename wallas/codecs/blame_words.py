"""What providers say when they refuse, as tables: machine words, sentences, limits and the fields they name.

Each row is a fact about somebody else's service; the tests hold an example of
each. Collected from recorded traffic and the providers' documents, 2026-11.
"""

import re
from typing import NamedTuple

from wallas.errors import FailureKind as K
from wallas.errors import Scope


class Rule(NamedTuple):
    """One way of saying something: by a machine word, or by a sentence."""

    kind: K
    words: frozenset[str] = frozenset()
    """Codes and types, lower case, ``_`` for all that is no letter or digit."""
    says: re.Pattern[str] | None = None
    statuses: frozenset[int] | None = None
    """Where the rule holds; None: at any status."""
    scope: Scope | None = None
    retry_after: float | None = None
    """What to wait where the provider names no time, other than the verdict's."""


def _rule(
    kind: K, words: str = "", says: str = "", at: str = "", scope: Scope | None = None, retry_after: float | None = None
) -> Rule:
    """Return a rule from words between blanks, one sentence's pattern a line, and statuses between blanks."""
    return Rule(
        kind,
        frozenset(words.split()),
        re.compile("|".join(line.strip() for line in says.strip().splitlines()), re.I) if says else None,
        frozenset(map(int, at.split())) or None,
        scope,
        retry_after,
    )


_REFUSED = "200 400 403 404 406 409 413 415 422 500 501"
"""Statuses under which providers say that a request is wrong (llama.cpp does so with a 500)."""

RULES: tuple[Rule, ...] = (
    # 429 and its kin: the narrow before the wide, since the wide one's words appear in the boilerplate of others.
    _rule(K.TOO_LARGE, says=r"request too large\b.*\brequested:?\s*[0-9]", at="200 400 413 429"),
    _rule(K.DAY_LIMIT, says=r"free-models-per-day", scope=Scope.ACCOUNT),
    _rule(K.RATE_LIMIT, says=r"free-models-per-min", scope=Scope.ACCOUNT),
    _rule(K.DAY_LIMIT, says=r"trial key.*\bapi calls? ?/ ?month", scope=Scope.KEY),
    _rule(
        K.RATE_LIMIT,
        "queue_exceeded",
        says=r"experiencing high traffic right now",
        at="200 429 503",
        scope=Scope.MODEL,
        retry_after=2.0,
    ),
    _rule(K.RATE_LIMIT, "engine_overloaded_error engine_overloaded", at="429", scope=Scope.MODEL),
    _rule(
        K.RATE_LIMIT,
        says=r"""
            rate[- ]limited upstream
            capacity exceeded for this model
        """,
        at="200 429",
        scope=Scope.MODEL,
    ),
    # Money, whatever the status.
    _rule(
        K.MONEY,
        says=r"""
            negative (?:credit |account )?balance
            balance is negative
        """,
        scope=Scope.KEY,
    ),
    _rule(
        K.MONEY,
        """
            insufficient_quota billing_error payment_required payment_method_required insufficient_balance
            insufficient_credits credits_exhausted billing_hard_limit_reached enforced_spend_limit_reached
            insufficient_user_quota arrearage exceeded_current_quota_error billing_not_active access_terminated
        """,
        says=r"""
            credit balance is too low
            insufficient (?:balance|credits?|funds|quota)
            out of credits
            more credits, or fewer
            exceeded your (?:monthly )?(?:included|free) credits
            (?:spend(?:ing)?|billing hard) limit
            no (?:remaining )?credits
            not enough (?:credits|balance|pollen)
            monthly spend
            payment method
            account (?:is )?(?:overdue|in arrears|not active)
            no longer have (?:any )?credits
        """,
    ),
    _rule(K.MONEY, at="402"),
    # Provider sick, said as if the request were wrong.
    _rule(
        K.SERVER,
        says=r"""
            degraded function cannot be invoked
            function .{0,80}\bdegraded\b
        """,
    ),
    # Who asks, and from where.
    _rule(
        K.REGION,
        "unsupported_country_region_territory unsupported_country location_not_supported",
        says=r"""
            location is not supported
            (?:country|region|territory)\b.{0,40}\bnot (?:supported|available|allowed)
            not (?:available|supported) in your (?:country|region|location|area)
            free tier is not available in
        """,
        at="200 400 403 451",
    ),
    _rule(
        K.CREDENTIAL,
        """
            invalid_api_key api_key_invalid incorrect_api_key invalid_authentication authentication_error
            unauthenticated api_key_expired api_key_service_blocked service_disabled account_deactivated
            key_disabled token_expired api_key_ip_address_blocked api_key_http_referrer_blocked invalid_token
            consumer_invalid consumer_suspended
        """,
        says=r"""
            api[ _-]?key not valid
            api[ _-]?key (?:has )?expired
            incorrect api[ _-]?key
            invalid (?:x-)?api[ _-]?(?:key|token)
            api[ _-]?key is invalid
            invalid credentials
            invalid username or password
            authentication fail
            security token .{0,40}\bexpired
            key was reported as leaked
            has not been used in project
            sufficient permissions to call inference providers
        """,
    ),
    # The policy of the provider, not its health.
    _rule(
        K.CONTENT_FILTER,
        """
            content_filter content_policy_violation content_policy moderation_blocked invalid_prompt prompt_blocked
            data_inspection_failed responsible_ai_policy_violation responsibleaipolicyviolation refusal
            moderation_error prohibited_content image_safety
        """,
        says=r"""
            content (?:management )?policy
            usage polic(?:y|ies)
            safety system
            flagged (?:as|for|by)
            was flagged
            requires moderation
            inappropriate content
            blocked by (?:our )?(?:content|safety)
            prompt was blocked
        """,
        at=_REFUSED + " 498",
    ),
    # An answer that the provider itself found unusable.
    _rule(
        K.UNUSABLE,
        "tool_use_failed json_validate_failed output_parse_failed malformed_function_call",
        says=r"""
            failed to (?:call a function|generate json|parse tool call)
            did not call a tool
            model output must contain either output text or tool calls
        """,
    ),
    # What of the conversation this model refuses.
    _rule(
        K.PREFILL,
        says=r"""
            assistant message prefill
            prefill(?:ing)?\b.{0,60}\bnot (?:supported|allowed)
            must end with a user (?:message|turn)
            last (?:message|turn|role).{0,60}\b(?:must|should|needs to) be\b.{0,20}\buser
            expected last role user
            last message must be (?:a )?user
            ensure that .{0,60}ends? with a user
            (?:set|use)\W{0,3}prefix\W{0,3}.{0,20}\btrue
        """,
        at=_REFUSED,
    ),
    _rule(
        K.SEAL,
        "invalid_encrypted_content missing_thought_signature invalid_signature",
        says=r"""
            thought[ _-]?signature
            invalid [`'\"]?signature
            signature [`'\"]?in [`'\"]?thinking
            encrypted[ _]content
            must (?:start|begin) with a thinking block
            thinking[`'\"]? (?:or [`'\"]?redacted_thinking[`'\"]? )?blocks?.{0,60}cannot be modified
            expected [`'\"]thinking[`'\"]
            reasoning_content.{0,60}must be passed back
            of type 'reasoning' was provided without
        """,
        at=_REFUSED,
    ),
    # Too long.
    _rule(
        K.MAX_TOKENS,
        says=r"""
            max_(?:completion_|output_|new_)?tokens\b.{0,40}(?:is|are) too (?:large|high|big)
            maximum allowed number of output tokens
            max_(?:completion_|output_)?tokens\b.{0,60}(?:must|should) be (?:less|at most|<|no|smaller|between|in)
            max_?(?:completion_?|output_?)?tokens\b.{0,80}(?:supported|valid) range
            valid range of max_tokens
            max_(?:completion_|output_)?tokens'?: (?:integer )?above maximum
            max tokens must be less than
            input length and [`'\"]?max_tokens[`'\"]? exceed
        """,
        at=_REFUSED,
    ),
    _rule(
        K.CONTEXT_LENGTH,
        """
            context_length_exceeded exceed_context_size_error too_many_prompt_tokens too_many_tokens
            context_window_exceeded tokens_limit_reached model_context_window_exceeded context_length_exceeded_error
        """,
        says=r"""
            maximum context length
            context (?:length|window|limit|size)\b.{0,80}\bexceed
            exceed\w*\b.{0,80}\bcontext (?:length|window|limit|size)
            prompt is too long
            input is too long
            input token count.{0,40}exceeds
            exceeds? the maximum number of (?:input )?tokens
            too many (?:input |prompt )?tokens
            maximum prompt length
            total length of all messages is too long
            tokens? \+ [`'\"]?max_new_tokens
            larger than the context
            reduce the length of the (?:messages|prompt|input)
            too large for model with
            is too large to process
        """,
        at=_REFUSED,
    ),
    _rule(
        K.TOO_LARGE,
        "request_too_large payload_too_large request_entity_too_large",
        says=r"""
            request entity too large
            payload too large
        """,
    ),
    # The model.
    _rule(
        K.FORBIDDEN_MODEL,
        """
            model_terms_required model_permission_blocked_org model_permission_blocked_project model_not_allowed
            access_denied_to_model
        """,
        says=r"""
            requires a subscription
            requires terms acceptance
            not allowed to (?:sample|generate|use)\b
            data policy
            do(?:es)? not have (?:permission|access) to (?:use )?(?:this |the )?model\b(?!.{0,40}not exist)
            \bgated (?:model|repo)
        """,
        at="200 400 403 404",
    ),
    _rule(
        K.CALLER_FAULT,
        "previous_response_not_found response_not_found file_not_found",
        says=r"""
            response with id
            cache(?:d)? ?content
            file .{0,60}not found
            item with id
            tool call .{0,60}not found
        """,
        at="400 404 422",
    ),
    _rule(
        K.UNSUPPORTED,
        says=r"""
            no endpoints found that (?:can handle|support)
            only supported in v1/responses
        """,
        at="400 404",
    ),
    _rule(
        K.MODEL_GONE,
        """
            model_not_found model_decommissioned model_not_supported invalid_model deploymentnotfound unknown_model
            unavailable_model model_not_available model_deprecated model_not_active
        """,
        says=r"""
            is not a valid model
            model[^.]{0,120}\b(?:does not|doesn't|did not) exist
            decommissioned
            invalid model(?: name)?\b
            not supported by any provider
            model\b.{0,120}\bnot found\b
            model\b.{0,120}\b(?:was|been|is) (?:removed|retired|shut ?down|discontinued|deprecated)
            no (?:such|longer available) model
            unknown model\b
            model\b.{0,80}\bno longer (?:available|supported)
        """,
        at="200 400 404 410 422",
    ),
    # A field or part that this model refuses.
    _rule(
        K.UNSUPPORTED,
        """
            unsupported_parameter unknown_parameter unsupported_value extra_forbidden invalid_json_schema
            invalid_function_parameters unsupported_model_feature
        """,
        says=r"""
            unsupported (?:parameter|value|field)
            unknown (?:parameter|field|name)\b
            unrecognized (?:request )?(?:argument|field|key|parameter)
            extra (?:inputs|fields)\b.{0,20}\bnot permitted
            extraneous key
            unknown variant
            (?:is|are) (?:not|un)(?: (?:yet|currently))?[ -]?supported
            not supported (?:with|by|for|on|when|together)
            (?:does|do) not support
            doesn't support
            not enabled for this model
            is not enabled\b
            only supports? single tool
            is deprecated for this model
            invalid schema
            requires --jinja
            expected to be either text
            cannot be (?:used|combined|specified) (?:with|together)
            cannot use both
            mime type: 'application/json' is unsupported
            \b(?:tools?|function[ _-]?call\w*)\b[^.]{0,60}\bnot (?:supported|available|allowed)
            \b(?:json_schema|response_format)\b[^.]{0,60}\bnot (?:supported|available|allowed)
            \b(?:images?|image_url|vision|audio|videos?)\b[^.]{0,60}\bnot (?:supported|available|allowed)
            unsupported (?:content|message|input|feature|modality|media|image|tool)
            only (?:supported|available) (?:by|for|in|on|with) (?:certain|some|other|specific)
            \btext[- ]only model
            cannot (?:process|accept|handle|read|take) (?:images?|tools?|audio|videos?|files?)\b
            \bno (?:tool|function|vision|image)[ -]?(?:calling|use|input)? support
            is unsupported\b
        """,
        at="200 400 415 422 500 501",
    ),
    # Sick, but not saying so by the status.
    _rule(
        K.OVERLOADED,
        """
            overloaded_error overloaded model_overloaded server_is_overloaded slow_down provider_overloaded
            engine_overloaded engine_overloaded_error provider_unavailable unavailable service_unavailable
            model_loading
        """,
        says=r"""
            \boverloaded\b
            high demand
            server busy
            maximum pending requests
            currently loading
            is loading\b
        """,
        at="200 429 498 500 502 503 520 522 524 529",
    ),
)

DAY = re.compile(
    r"per[- ]day\b|\((?:rpd|tpd)\)|\bdaily\b|[0-9] ?/ ?day\b|per 86400s|per[- ]month\b|/ ?month\b|\bmonthly\b|byday\b",
    re.I,
)
"""A refusal for a day's or a month's window, where no structure says so."""
MONTH = re.compile(r"month", re.I)
NO_QUOTA = re.compile(r"\blimit: 0\b(?![.,][0-9])", re.I)

STATUS: dict[int, K] = {
    400: K.CALLER_FAULT,
    401: K.CREDENTIAL,
    402: K.MONEY,
    403: K.FORBIDDEN_MODEL,
    404: K.MODEL_GONE,
    405: K.MALFORMED,
    407: K.CONNECT,
    408: K.TRANSIENT,
    409: K.TRANSIENT,
    410: K.MODEL_GONE,
    413: K.TOO_LARGE,
    421: K.MALFORMED,
    424: K.SERVER,
    425: K.TRANSIENT,
    426: K.MALFORMED,
    429: K.RATE_LIMIT,
    451: K.REGION,
    498: K.OVERLOADED,
    499: K.TRANSIENT,
    503: K.OVERLOADED,
    529: K.OVERLOADED,
}
"""What a status means when the body adds nothing; others go by their hundreds."""

HUNDREDS: dict[int, K] = {3: K.MALFORMED, 4: K.CALLER_FAULT, 5: K.SERVER}
"""A redirect is never followed: keys would go to another host."""

INNER: dict[str, int] = {
    "invalid_request_error": 400,
    "invalid_request": 400,
    "invalid_argument": 400,
    "failed_precondition": 400,
    "bad_request": 400,
    "authentication_error": 401,
    "authentication": 401,
    "unauthenticated": 401,
    "unauthorized": 401,
    "invalid_api_key": 401,
    "payment_required": 402,
    "billing_error": 402,
    "insufficient_quota": 402,
    "insufficient_credits": 402,
    "permission_error": 403,
    "permission_denied": 403,
    "forbidden": 403,
    "not_found_error": 404,
    "not_found": 404,
    "model_not_found": 404,
    "timeout": 408,
    "request_timeout": 408,
    "request_too_large": 413,
    "payload_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "rate_limited": 429,
    "ratelimitreached": 429,
    "too_many_requests": 429,
    "too_many_requests_error": 429,
    "resource_exhausted": 429,
    "request_quota_exceeded": 429,
    "token_quota_exceeded": 429,
    "queue_exceeded": 429,
    "server_error": 500,
    "server": 500,
    "api_error": 500,
    "internal": 500,
    "internal_error": 500,
    "internal_server_error": 500,
    "processing_error": 500,
    "upstream_error": 502,
    "bad_gateway": 502,
    "provider_unavailable": 503,
    "unavailable": 503,
    "service_unavailable": 503,
    "server_is_overloaded": 503,
    "slow_down": 503,
    "timeout_error": 504,
    "deadline_exceeded": 504,
    "gateway_timeout": 504,
    "overloaded_error": 529,
    "overloaded": 529,
    "provider_overloaded": 529,
}
"""The status that a code or type stands for, where an error comes inside a 200."""
