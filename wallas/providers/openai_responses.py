"""Providers of OpenAI's Responses wire, used without state: nothing is stored there."""

from wallas.providers.http import HttpProvider


class Responses(HttpProvider):
    """A provider of the Responses wire; all that is special is in its codec and its row's ``path``."""
