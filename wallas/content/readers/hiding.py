"""Says which elements of an HTML page its styles hide, as far as simple selectors tell; nothing is laid out."""

import re
from collections.abc import Mapping

_STYLE = re.compile(r"<style[^>]*>(.*?)</style", re.IGNORECASE | re.DOTALL)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_CONDITION = re.compile(r"@[^{};]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")
"""``@media`` and its like: true of some screens only, and which is not known."""
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_SIMPLE = re.compile(r"(?:[a-z][a-z0-9]*)?(?:[.#][\w-]+)?", re.IGNORECASE)
_HIDES = re.compile(
    r"(?:^|;)(?:display:none|visibility:(?:hidden|collapse)|opacity:0*(?:\.0*)?(?:$|;|!)|font-size:0*(?:\.0*)?(?:px|pt|em|rem|%)?"
    r"(?:$|;|!)|text-indent:-\d{3,}|(?:left|top|right|margin-left):-\d{4,}|mso-hide:all|clip:rect\(0)"
)
SAMPLE = 500_000


def hides(declarations: str) -> bool:
    """Return whether a style such as ``display: none`` hides what has it."""
    return _HIDES.search("".join(declarations.lower().split())) is not None


def hidden_by(page: str) -> frozenset[str]:
    """Return the selectors, of a tag, a class or an id, whose elements a page's own styles hide."""
    found = set()
    for style in _STYLE.findall(page[:SAMPLE]):
        for selectors, declarations in _RULE.findall(_CONDITION.sub("", _COMMENT.sub("", style))):
            if hides(declarations):
                found |= {one.strip() for one in selectors.split(",") if _SIMPLE.fullmatch(one.strip())}
    return frozenset(found - {""})


def is_hidden(tag: str, attributes: Mapping[str, str | None], selectors: frozenset[str]) -> bool:
    """Return whether an element is not to be seen: by its own style, by an attribute, or by one of these selectors."""
    if "hidden" in attributes or hides(attributes.get("style") or ""):
        return True
    if not selectors:
        return False
    marks = [f".{name}" for name in (attributes.get("class") or "").split()]
    marks += [f"#{attributes['id']}"] if attributes.get("id") else []
    return tag in selectors or any(mark in selectors or f"{tag}{mark}" in selectors for mark in marks)
