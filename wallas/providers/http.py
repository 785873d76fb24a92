"""What all providers over HTTP share: addresses, headers made from settings alone, lists, embeddings, errors."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from wallas.catalog.entries import Model
from wallas.codecs import Codec, StreamDecoder, codec, plain_readers
from wallas.codecs.framing import decode_body, encode
from wallas.codecs.pieces import written
from wallas.codecs.plain import PlainDecoder
from wallas.errors import FailureKind, ProviderError
from wallas.providers.base import Line, Setup
from wallas.providers.errors import refined
from wallas.providers.row import Row
from wallas.settings import Key, Timeouts
from wallas.transport_body import Body
from wallas.transport_http import Address
from wallas.types.chat import ChatRequest
from wallas.types.lasting import LastingList, once
from wallas.types.media import EmbedRequest, EmbedResponse
from wallas.version import VERSION

AGENT = f"wallas/{VERSION}"
LIST_SECONDS = 20.0
LIST_PAGES = 20
LIST_BYTES = 16 * 1024 * 1024
MOST_KEPT = 4096
"""Models of which a provider keeps what follows from their names, before it begins anew."""


class HttpProvider:
    """A provider reached over HTTP. Subclasses say how a body is made and where it is sent."""

    def __init__(self, setup: Setup) -> None:
        """Make the provider that ``setup`` describes."""
        self.row: Row = setup.row
        self.name: str = setup.row.name
        self.wire: str = setup.row.wire
        self.keys: tuple[Key, ...] = setup.keys
        self.base_url: str = setup.base_url.rstrip("/")
        self.timeouts: Timeouts = setup.timeouts
        self.never_rest: bool = setup.never_rest
        self.discover: bool = setup.discover
        self.transport = setup.transport
        self._own = dict(setup.headers)
        prefill = setup.row.prefill
        self.goes_on_elsewhere = prefill is not None and prefill.how == "beta"
        """Whether a continuation has an address of its own."""
        self._headers: dict[tuple[str, bool], dict[str, str]] = {}
        self._addresses: dict[tuple[str, str, bool, bool], Address] = {}

    def chat(self, request: ChatRequest, *, key: Key, dropped: list[str] | None = None) -> Body:
        """Send a request; see ``Provider.chat``."""
        return self.deliver(request, self.body(request, [] if dropped is None else dropped), key)

    def deliver(self, request: ChatRequest, body: dict[str, Any], key: Key) -> Body:
        """Send a chat request's body; where it goes, and its head's lines, are kept by all that they depend on."""
        sort = (key.id, request.model, request.stream, self.goes_on_elsewhere and continues(request))
        try:
            address = self._addresses[sort]
        except KeyError:
            if len(self._addresses) >= MOST_KEPT:
                self._addresses = {}
            made = Address.of("POST", self.url(request, key), self.headers(key, request.stream))
            address = self._addresses[sort] = made
        timeouts = self.timeouts
        if "tools" in body:
            body = with_tools(body)
        return self.transport.deliver(address, written(body), connect=timeouts.connect, tls=timeouts.tls)

    def send(self, url: str, body: Any, *, headers: Mapping[str, str]) -> Body:
        """POST a JSON body and return the answer."""
        limits = {"connect": self.timeouts.connect, "tls": self.timeouts.tls}
        return self.transport.send("POST", url, headers=headers, body=written(body), **limits)

    def post(self, url: str, data: bytes, *, kind: str, key: Key) -> Body:
        """POST bytes of a media type and return the answer."""
        headers = {**self.headers(key), "Content-Type": kind, "Accept": "*/*"}
        limits = {"connect": self.timeouts.connect, "tls": self.timeouts.tls}
        return self.transport.send("POST", url, headers=headers, body=data, **limits)

    def get(self, url: str, *, key: Key) -> Body:
        """GET and return the answer."""
        connect, tls = self.timeouts.connect, self.timeouts.tls
        return self.transport.send("GET", url, headers=self.headers(key), connect=connect, tls=tls)

    def body(self, request: ChatRequest, dropped: list[str]) -> dict[str, Any]:
        """Return the JSON body for a request; name in ``dropped`` what is left out."""
        return self.codec.encode_request(accepted(request, self.row, dropped), dropped)

    def url(self, request: ChatRequest, key: Key) -> str:
        """Return where a chat request goes."""
        return self.base(key) + self.row.path

    def base(self, key: Key) -> str:
        """Return the base address; the account of the key fills its ``{account}``."""
        if "{account}" in self.base_url:
            return self.base_url.replace("{account}", quote(key.account, safe=""))
        return self.base_url

    @property
    def codec(self) -> Codec:
        """Return the codec of this provider's wire, imported when first needed."""
        return codec(self.wire)

    def headers(self, key: Key, stream: bool = False) -> dict[str, str]:
        """Return the headers for a key: from the row, the settings and nothing else. Do not change it."""
        known = self._headers.get((key.id, stream))
        if known is None:
            known = {
                "Content-Type": "application/json",
                "Accept": "text/event-stream" if stream else "application/json",
                "User-Agent": AGENT,
                **self.row.headers,
                **self.auth(key),
                **self._own,
            }
            self._headers[key.id, stream] = known
        return known

    def auth(self, key: Key) -> dict[str, str]:
        """Return the header that carries the key: none at all where there is no key."""
        secret = key.secret.reveal()
        if not secret:
            return {}
        if self.row.auth == "bearer":
            return {"Authorization": f"Bearer {secret}"}
        return {self.row.auth: secret}

    def decoder(self, request: ChatRequest) -> StreamDecoder:
        """Return a fresh decoder; see ``Provider.decoder``."""
        if not request.stream:
            return PlainDecoder(*plain_readers(self.wire))
        return self.codec.Decoder()

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """Return what a refusal means: the wire's reading, sharpened by what is known of this provider.

        What repeats one of its keys loses it, whatever the key looks like.
        """
        error = refined(self.name, self.codec.decode_error(status, headers, body), body)
        for key in self.keys:
            error.hide(key.secret.reveal())
        return error

    def list_models(self, key: Key) -> list[Model]:
        """Ask for the provider's own list, page by page; see ``Provider.list_models``."""
        from wallas.providers.lists import next_page, parse_list

        path = self.row.models_path
        if path is None or not self.discover:
            return []
        models: dict[str, Model] = {}
        address: str | None = self.list_address(path, key)
        for _ in range(LIST_PAGES):
            if address is None:
                break
            page = self.fetch(address, key)
            models.update((model.id, model) for model in parse_list(self.row, page))
            address = next_page(self.row.list_format, address, page)
        return list(models.values())

    def list_address(self, path: str, key: Key) -> str:
        """Return where the model list is; an absolute one only while the provider is where the table says."""
        if not path.startswith("https://"):
            return self.base(key) + path
        return path if self.base_url == self.row.base_url else f"{self.base_url}/models"

    def fetch(self, url: str, key: Key) -> Any:
        """GET a JSON value with the provider's headers; raise ProviderError for anything but a 200."""
        status, headers, data = self.transport.fetch("GET", url, headers=self.headers(key), timeout=LIST_SECONDS)
        if status != 200:
            if 200 < status < 400:
                raise ProviderError(FailureKind.MALFORMED, f"the model list answered {status}", status=status)
            raise self.decode_error(status, headers, data)
        if len(data) > LIST_BYTES:
            raise ProviderError(FailureKind.MALFORMED, "a model list of more than 16 MB")
        return decode_body(data)

    def embed(self, request: EmbedRequest, *, key: Key) -> Body:
        """Send texts to be embedded; see ``Provider.embed``."""
        from wallas.providers.embedding import address, encoded

        if not self.row.embed:
            raise ProviderError(FailureKind.UNSUPPORTED, f"{self.row.label} has no embeddings", param="model")
        url = self.base(key) + address(self.row, request)
        return self.send(url, encoded(self.row, request), headers=self.headers(key))

    def decode_embeddings(self, request: EmbedRequest, data: bytes) -> EmbedResponse:
        """Return the vectors; see ``Provider.decode_embeddings``."""
        from wallas.providers.embedding import decoded

        return decoded(self.row, request, decode_body(data))

    def operate(self, request: Any, *, key: Key, line: Line) -> Any:
        """Do what is no chat; see ``Provider.operate``."""
        from wallas.providers.operations import operate

        return operate(self, request, key=key, line=line)

    def __repr__(self) -> str:
        """Return its name, address and number of keys; never a key."""
        return f"<{type(self).__name__} {self.name} {self.base_url} {len(self.keys)} keys>"


def continues(request: ChatRequest) -> bool:
    """Return whether the last turn is an answer to be gone on with."""
    return bool(request.messages) and request.messages[-1].role == "assistant"


def with_tools(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body whose tools are JSON already, where they come with every turn."""
    tools = body["tools"]
    return body | {"tools": once(tools, _raw)} if type(tools) is LastingList else body


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(encode(value))


NOTES = frozenset({"document", "function", "generate", "id", "index", "status", "tool_plan", "type"})
"""Keys of extras in which codecs note how a wire wrote something (besides those that begin with an underscore)."""


def accepted(request: ChatRequest, row: Row, dropped: list[str]) -> ChatRequest:
    """Return the request with no more of its wire's extra than the provider takes; the rest is named in ``dropped``."""
    own = request.extra.get(row.wire)
    if not own:
        return request
    refused = dict.fromkeys(key for key in own if not (key in row.accepts or key in NOTES or key.startswith("_")))
    if not refused:
        return request
    name_once(dropped, refused)
    kept = {key: value for key, value in own.items() if key not in refused}
    return msgspec.structs.replace(request, extra=request.extra | {row.wire: kept})


def name_once(dropped: list[str], names: Iterable[str]) -> None:
    """Append the names that are not there yet."""
    known = set(dropped)
    dropped.extend(name for name in dict.fromkeys(names) if name not in known)
