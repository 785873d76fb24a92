"""Reads single settings: `.env` files, and variables as numbers, switches, lists, addresses and keys."""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from dotenv.parser import parse_stream

from wallas.settings_values import Key, Secret, SettingsError, each_once, make_key

KEY_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*_(KEY|TOKEN)S?\Z")
OUR_KEY_NAME = re.compile(r"([A-Z0-9_]+_API_(KEY|TOKEN)|GITHUB_TOKEN|HF_TOKEN|SERPAPI_KEY|GOOGLE_CSE_KEY)S?\Z")
"""Names so surely meant for us that a text which cannot be a key is an error; others belong to other programs."""

PLACEHOLDER = re.compile(
    r"""
    | <.*> | \{.*\} | \$\{?\w+\}?
    | .*(\.\.\.|…).*
    | ([a-z]+[-_])*your([-_ ].*)?
    | change[-_ ]?me | replace[-_ ]?me | insert[-_ ].* | enter[-_ ].* | paste[-_ ].*
    | ([a-z]+[-_])*x{3,} | \*+ | -+
    | none | null | todo | tbd | placeholder | api[-_]?key | (my|an?|the)[-_ ](api[-_ ]?)?key([-_ ]here)?
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""What example files put where a key belongs; none of it can be one."""

TRUE = ("1", "true", "yes", "on")
FALSE = ("0", "false", "no", "off")


def is_placeholder(text: str) -> bool:
    """Return whether ``text`` stands for "put your key here"."""
    return PLACEHOLDER.fullmatch(text.strip()) is not None


def read_env(path: Path, warnings: list[str]) -> dict[str, str]:
    """Return the variables of the `.env` file at ``path``, none if there is no such file.

    Keys live in this file: a mode wider than 0600 is narrowed, and ``warnings`` says so.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            narrow(path, file.fileno(), warnings)
            bindings = list(parse_stream(file))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
    for binding in bindings:
        if binding.error:
            warnings.append(f"{path}: line {binding.original.line} is not NAME=value and was left out")
    return {binding.key: binding.value for binding in bindings if binding.key and binding.value is not None}


def narrow(path: Path, descriptor: int, warnings: list[str]) -> None:
    """Take the rights of others off the open file ``descriptor``."""
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    if not mode & 0o077 or os.name != "posix":
        return
    try:
        os.fchmod(descriptor, 0o600)
        warnings.append(f"{path}: could be read by others (mode {mode:04o}); set to 0600")
    except OSError as error:
        warnings.append(
            f"{path}: can be read by others (mode {mode:04o}), and that cannot be changed: {error.strerror}"
        )


class Variables:
    """The variables of one run: the environment first, then the files, and where each one came from."""

    def __init__(self, environ: Mapping[str, str], files: list[tuple[Path, dict[str, str]]]) -> None:
        """Lay the environment over the files, the first file over the next."""
        self.values: dict[str, str] = {}
        self.origins: dict[str, str] = {}
        for path, values in reversed(files):
            self.values.update(values)
            self.origins.update(dict.fromkeys(values, f"{path}: "))
        self.values.update(environ)
        self.origins.update(dict.fromkeys(environ, ""))

    def where(self, name: str) -> str:
        """Return ``name`` with the file it was read from, for messages."""
        return f"{self.origins.get(name, '')}{name}"

    def text(self, name: str) -> str | None:
        """Return a variable's text; None if it is absent or blank."""
        value = self.values.get(name, "").strip()
        if "\0" in value or "\n" in value or "\r" in value:
            raise SettingsError(f"{self.where(name)}: holds a line break or a NUL")
        return value or None

    def number(self, name: str, default: int, *, low: int, high: int) -> int:
        """Return a variable as an integer within bounds."""
        text = self.text(name)
        if text is None:
            return default
        if not re.fullmatch(r"-?[0-9]{1,12}", text) or not low <= int(text) <= high:
            raise SettingsError(f"{self.where(name)}: {text[:40]!r} is not a whole number from {low} to {high}")
        return int(text)

    def seconds(self, name: str, default: float, *, low: float, high: float) -> float:
        """Return a variable as seconds within bounds."""
        text = self.text(name)
        if text is None:
            return default
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text) or not low <= float(text) <= high:
            raise SettingsError(
                f"{self.where(name)}: {text[:40]!r} is not a number of seconds from {low:g} to {high:g}"
            )
        return float(text)

    def switch(self, name: str, default: bool) -> bool:
        """Return a variable as on or off."""
        text = self.text(name)
        if text is None:
            return default
        if text.lower() not in TRUE + FALSE:
            raise SettingsError(f"{self.where(name)}: {text[:40]!r} is not one of {', '.join(TRUE + FALSE)}")
        return text.lower() in TRUE

    def list(self, name: str) -> tuple[str, ...]:
        """Return a variable's comma-separated words."""
        return tuple(word for word in (part.strip() for part in (self.text(name) or "").split(",")) if word)

    def secret(self, name: str) -> Secret | None:
        """Return a variable as one secret; None if it is absent or a placeholder."""
        text = clean(self.values.get(name, ""), self.where(name))
        return None if is_placeholder(text) else Secret(text)

    def keys(self) -> Iterator[tuple[str, tuple[Key, ...]]]:
        """Yield every variable that is named like a key, in the singular, with the keys it and its plural hold."""
        for name in sorted({name.removesuffix("S") for name in self.values if KEY_NAME.match(name)}):
            try:
                keys = self.keys_of(name)
            except SettingsError:
                if OUR_KEY_NAME.match(name):
                    raise
                continue
            if keys:
                yield name, keys

    def keys_of(self, name: str) -> tuple[Key, ...]:
        """Return the keys that variable ``name`` and its plural hold, each once."""
        names = (name, f"{name}S")
        return each_once(key for each in names for key in key_list(self.values.get(each, ""), self.where(each)))


def key_list(text: str, where: str) -> tuple[Key, ...]:
    """Return the keys of a comma-separated list, placeholders left out; ``where`` names its place, for messages."""
    words = (word.strip() for word in clean(text, where).split(","))
    return tuple(make_key(word) for word in words if not is_placeholder(word.partition("@")[0]))


def clean(text: str, where: str) -> str:
    """Return ``text`` without blanks around it; raise SettingsError if no HTTP header could carry it."""
    if any(ord(letter) < 32 or ord(letter) == 127 or ord(letter) > 255 for letter in text):
        raise SettingsError(
            f"{where}: holds a line break, a control character or a letter that no HTTP header can carry"
        )
    return text.strip()
