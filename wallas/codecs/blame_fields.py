"""What else a refusal states: limits worth learning, the field that is refused, and keys that must go no further."""

import re

from wallas.errors import FailureKind as K

_N = r"([0-9][0-9_,]*)"


def _patterns(*sources: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(source, re.I) for source in sources)


LIMITS: dict[K, tuple[re.Pattern[str], ...]] = {
    K.CONTEXT_LENGTH: _patterns(
        rf"> ?{_N} maximum",
        rf"maximum (?:context|prompt) length (?:is|of) {_N}",
        rf"with {_N} maximum context",
        rf"maximum number of (?:input )?tokens allowed \(?{_N}",
        rf"context (?:size|window|length|limit)\W{{1,3}}(?:of |is )?{_N}(?: tokens)?",
        rf"limit for this model is {_N}",
        rf"(?:cannot|must not) exceed {_N}",
        rf"max_new_tokens[`'\"]? must be <= ?{_N}",
        rf"max size: {_N} tokens",
        rf"batch size: {_N}",
    ),
    K.TOO_LARGE: _patterns(rf"\blimit:? {_N}"),
    K.MAX_TOKENS: _patterns(
        rf"supports at most {_N}",
        rf"[0-9] > {_N}, which is the maximum",
        rf"(?:less than or equal to|at most|no (?:more|greater) than|smaller than or equal to|<=)\s*[`'\"]?{_N}",
        rf"range of max_tokens is \[[0-9]+, ?{_N}\]",
        rf"range is from [0-9]+ \(inclusive\) to {_N} \(exclusive\)",
        rf"between [0-9]+ and {_N}",
        rf"(?:maximum|limit) (?:of|is) {_N}",
    ),
    K.RATE_LIMIT: _patterns(rf"\blimit:? {_N}", rf"limited to {_N}", rf"rate limit of {_N}"),
    K.DAY_LIMIT: _patterns(rf"\blimit:? {_N}", rf"limited to {_N}", rf"rate limit of {_N}", rf"{_N} api calls? ?/"),
}
"""Where a refusal states a number worth learning, best first."""

WINDOW_LEFT = _patterns(
    rf"exceed context limit: {_N} \+ {_N} > {_N}",
    rf"maximum context length is (?P<window>{_N}) tokens and your request has (?P<input>{_N}) input tokens",
)
"""What is left for the output, as the window less the input."""

PARAMS = _patterns(
    r"(?:unsupported|unknown|unrecognized) (?:parameter|value|field|name|argument)s?:? ?[`'\"]([\w.\[\]-]+)[`'\"]",
    r"invalid [`'\"]([\w.\[\]-]+)[`'\"]",
    r"unrecognized request arguments? supplied: ([\w.]+)",
    r"(?:property|parameter|field|argument) [`'\"]([\w.\[\]-]+)[`'\"]",
    r"extraneous key \[([\w.]+)\]",
    r"unknown variant [`'\"]([\w.-]+)[`'\"]",
    r"^[`'\"]?([A-Za-z_][\w.\[\]-]*)[`'\"]?: extra inputs are not permitted",
    r"does not support (?:assistant |the )?([\w.-]+)",
    r"^[`'\"]([\w.\[\]-]+)[`'\"] (?:is|are|does|do)\b",
    r"no endpoints found that support ([\w]+)",
    r"^([\w.]+) (?:param\b|(?:is|are) not (?:supported|enabled))",
)
"""How a sentence names the field that is refused, where ``param`` does not."""

ALIASES = {
    "tool": "tools",
    "single": "parallel_tool_calls",
    "effort": "reasoning_effort",
    "image": "image",
    "images": "image",
    "developer": "system",
    "logprobs": "logprobs",
}
"""Names in sentences, as the field that they mean."""

SECRETS = re.compile(
    r"\b(?:sk|gsk|csk|xai|hf|nvapi|ghp|github_pat|pk|r8|AIza|ya29)[-_.]?[A-Za-z0-9*_.-]{6,}"
    r"|(?<=provided: )[^\s,;]+|(?<=api key: )[^\s,;]+|(?<=[?&]key=)[^\s&]+|(?<=bearer )[^\s,;]+",
    re.I,
)
"""Keys that a provider's message repeats, whole or masked."""
