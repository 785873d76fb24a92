r"""Matches a JSON Schema's ``pattern`` in time linear in the text: no pattern that a client sends can hold a worker up.

ECMA-262's expressions without look-around and back references (which no
automaton can follow): the pattern becomes a small program, and all ways
through it are walked at once, a character at a time.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple, TypeAlias

PROGRAM_MOST = 3000
NESTED_MOST = 40
LAST = "\U0010ffff"

Range: TypeAlias = tuple[str, str]
DIGITS: tuple[Range, ...] = (("0", "9"),)
WORDS: tuple[Range, ...] = (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z"))
SPACES: tuple[Range, ...] = (
    ("\t", "\r"),
    *((one, one) for one in " \xa0\u1680"),
    ("\u2000", "\u200a"),
    ("\u2028", "\u2029"),
    *((one, one) for one in "\u202f\u205f\u3000\ufeff"),
)
BREAKS: tuple[Range, ...] = (("\n", "\n"), ("\r", "\r"), ("\u2028", "\u2029"))
CLASSES = {"d": DIGITS, "w": WORDS, "s": SPACES}
CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "0": "\0"}
QUANTIFIER = re.compile(r"([*+?]|\{(\d{1,6})(,(\d{0,6}))?\})\??")
HEX = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}")
NAMED = re.compile(r"\?(?::|<[A-Za-z_$][\w$]*>)")
PROPERTY = re.compile(r"[pP]\{(?:General_Category=|gc=)?([A-Z][a-z]?)\}")


class CannotTell(Exception):
    """The pattern is none that an automaton follows, or too large."""


class One(NamedTuple):
    """One character: in one of the ranges or of the Unicode categories; or in none of them, if ``negated``."""

    ranges: tuple[Range, ...] = ()
    categories: tuple[str, ...] = ()
    negated: bool = False

    def takes(self, character: str) -> bool:
        """Return whether this is such a character."""
        found = any(low <= character <= high for low, high in self.ranges)
        if not found and self.categories:
            found = unicodedata.category(character).startswith(self.categories)
        return found is not self.negated


class At(NamedTuple):
    """A place between characters: ``^``, ``$``, ``b`` or ``B``."""

    kind: str


class Repeat(NamedTuple):
    """Something at least ``least`` and at most ``most`` times (None: any number)."""

    what: "Node"
    least: int
    most: int | None


class Several(NamedTuple):
    """Nodes one after the other, or one of them if ``either``."""

    nodes: tuple["Node", ...]
    either: bool = False


Node: TypeAlias = One | At | Repeat | Several


class Split(NamedTuple):
    """Two ways to go on."""

    first: int
    second: int


def size(pattern: str) -> int | None:
    """Return the steps that a pattern takes at most for one character of a text; None for one that is not followed."""
    try:
        return len(_program(pattern))
    except (CannotTell, RecursionError):
        return None


def matches(pattern: str, text: str) -> bool:
    """Return whether a pattern that has a ``size`` occurs in the text."""
    return _walk(_program(pattern), text)


@lru_cache(maxsize=128)
def _program(pattern: str) -> tuple[One | At | Split | None, ...]:
    program: list[One | At | Split | None] = []
    _emit(_Reader(pattern).whole(), program)
    return (*program, None)


def _emit(node: Node, program: list[One | At | Split | None]) -> None:
    """Append a node's program; its end is the next instruction."""
    if len(program) > PROGRAM_MOST:
        raise CannotTell("too large")
    match node:
        case One() | At():
            program.append(node)
        case Several(nodes, either=False):
            for each in nodes:
                _emit(each, program)
        case Several(nodes):
            _emit_either(nodes, program)
        case Repeat(what, least, most):
            for _ in range(least):
                _emit(what, program)
            for _ in range(1 if most is None else most - least):
                start = len(program)
                program.append(None)
                _emit(what, program)
                if most is None:
                    program.append(Split(start, start))
                program[start] = Split(start + 1, len(program))


def _emit_either(nodes: tuple[Node, ...], program: list[One | At | Split | None]) -> None:
    ends = []
    for each in nodes[:-1]:
        start = len(program)
        program.append(None)
        _emit(each, program)
        ends.append(len(program))
        program.append(None)
        program[start] = Split(start + 1, len(program))
    _emit(nodes[-1], program)
    for end in ends:
        program[end] = Split(len(program), len(program))


def _walk(program: tuple[One | At | Split | None, ...], text: str) -> bool:
    last = len(program) - 1
    waiting: set[int] = set()
    for place in range(len(text) + 1):
        reached = _closed(program, {0, *waiting}, text, place)
        if last in reached:
            return True
        if place < len(text):
            character = text[place]
            waiting = {at + 1 for at in reached if isinstance(one := program[at], One) and one.takes(character)}
    return False


class Beginning:
    """A text under way, against a pattern that shall be all of it."""

    def __init__(self, pattern: str) -> None:
        """Start before the first character; the pattern is one that has a ``size``."""
        self.program = _program(pattern)
        self.reached = _closed(self.program, {0}, "", 0)

    def feed(self, text: str) -> bool | None:
        """Return whether the pattern has been met as a whole by now; None once it cannot be met any more."""
        program = self.program
        for character in text:
            takers = {at + 1 for at in self.reached if isinstance(one := program[at], One) and one.takes(character)}
            self.reached = _closed(program, takers, "", 0)
            if not self.reached:
                return None
        return len(program) - 1 in self.reached if self.reached else None


def _closed(program: tuple[One | At | Split | None, ...], places: set[int], text: str, place: int) -> set[int]:
    """Return every instruction that these lead to without a further character."""
    reached: set[int] = set()
    left = list(places)
    while left:
        at = left.pop()
        if at in reached:
            continue
        reached.add(at)
        match program[at]:
            case Split(first, second):
                left += (first, second)
            case At(kind) if _is_at(kind, text, place):
                left.append(at + 1)
            case _:
                pass
    return reached


def _is_at(kind: str, text: str, place: int) -> bool:
    if kind in "^$":
        return place == (0 if kind == "^" else len(text))
    word = One(WORDS)
    before = place > 0 and word.takes(text[place - 1])
    after = place < len(text) and word.takes(text[place])
    return (before != after) is (kind == "b")


def _times(sign: str, least: str | None, comma: str | None, most: str | None) -> tuple[int, int | None]:
    """Return how often a quantifier repeats at least and at most (None: any number)."""
    if least is None:
        return {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]
    if comma is None:
        return int(least), int(least)
    return int(least), int(most) if most else None


class _Reader:
    """Reads one pattern."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.depth = 0

    def whole(self) -> Node:
        node = self.either()
        if self.at < len(self.pattern):
            raise CannotTell("unbalanced")
        return node

    def either(self) -> Node:
        self.depth += 1
        if self.depth > NESTED_MOST:
            raise CannotTell("nested too deeply")
        ways = [self.sequence()]
        while self.next() == "|":
            self.at += 1
            ways.append(self.sequence())
        self.depth -= 1
        return ways[0] if len(ways) == 1 else Several(tuple(ways), either=True)

    def sequence(self) -> Node:
        return Several(tuple(self.nodes()))

    def nodes(self) -> Iterator[Node]:
        while self.next() not in ("", "|", ")"):
            node = self.atom()
            found = QUANTIFIER.match(self.pattern, self.at)
            if found is None:
                yield node
                continue
            self.at = found.end()
            low, high = _times(*found.groups())
            if max(low, high or 0) > PROGRAM_MOST or (high is not None and high < low):
                raise CannotTell("repeated too often")
            yield Repeat(node, low, high)

    def next(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def take(self) -> str:
        character = self.next()
        if not character:
            raise CannotTell("ends too early")
        self.at += 1
        return character

    def atom(self) -> Node:
        match self.take():
            case ".":
                return One(BREAKS, negated=True)
            case "^" | "$" as kind:
                return At(kind)
            case "(":
                return self.group()
            case "[":
                return self.choice()
            case "\\":
                if self.next() and self.next() in "bB":
                    return At(self.take())
                return self.escape()
            case "*" | "+" | "?":
                raise CannotTell("nothing to repeat")
            case character:
                return One(((character, character),))

    def group(self) -> Node:
        named = NAMED.match(self.pattern, self.at)
        if named is not None:
            self.at = named.end()
        elif self.next() == "?":
            raise CannotTell("looks around")
        node = self.either()
        if self.take() != ")":
            raise CannotTell("unbalanced")
        return node

    def escape(self) -> One:
        if found := HEX.match(self.pattern, self.at):
            self.at = found.end()
            code = int(next(group for group in found.groups() if group), 16)
            if code > ord(LAST):
                raise CannotTell("no such character")
            return One(((chr(code), chr(code)),))
        if found := PROPERTY.match(self.pattern, self.at):
            self.at = found.end()
            return One((), (found[1],), negated=found[0][0] == "P")
        character = self.take()
        if character.lower() in CLASSES:
            return One(CLASSES[character.lower()], negated=character.isupper())
        character = CONTROLS.get(character, character)
        if character.isalnum():
            raise CannotTell("a reference, or an escape that is not known")
        return One(((character, character),))

    def choice(self) -> One:
        """Return what a bracket holds; the opening one is read already."""
        negated = self.next() == "^"
        self.at += negated
        ranges: list[Range] = []
        categories: list[str] = []
        while (one := self.member()) is not None:
            if one.negated:
                if one.categories:
                    raise CannotTell("the opposite of a category in a class")
                ranges += opposite(one.ranges)
                continue
            categories += one.categories
            ranges += self.span(one.ranges)
        return One(tuple(ranges), tuple(categories), negated)

    def span(self, ranges: tuple[Range, ...]) -> tuple[Range, ...]:
        """Return the range that begins with a single character where a dash follows, else what was read."""
        single = len(ranges) == 1 and ranges[0][0] == ranges[0][1]
        if not single or self.next() != "-" or self.pattern[self.at + 1 : self.at + 2] in ("", "]"):
            return ranges
        self.at += 1
        high = self.member()
        if high is None or len(high.ranges) != 1 or high.negated or high.ranges[0][0] < ranges[0][0]:
            raise CannotTell("no range")
        return ((ranges[0][0], high.ranges[0][1]),)

    def member(self) -> One | None:
        character = self.take()
        if character == "]":
            return None
        if character != "\\":
            return One(((character, character),))
        if self.next() == "b":
            self.at += 1
            return One((("\b", "\b"),))
        return self.escape()


def opposite(ranges: tuple[Range, ...]) -> list[Range]:
    """Return all characters that are in none of these ranges, which are in order and apart."""
    found, start = [], "\0"
    for low, high in ranges:
        if start < low:
            found.append((start, chr(ord(low) - 1)))
        start = chr(ord(high) + 1)
    return [*found, (start, LAST)]
