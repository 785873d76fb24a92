"""What is decided of a request before anybody is asked."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from wallas.codecs import Codec, StreamEncoder
from wallas.codecs.plain import PlainEncoder
from wallas.content.contents import Contents
from wallas.routing.candidates import Candidate, Excluded, Selection
from wallas.routing.needs import Needs
from wallas.routing.sessions import session_key
from wallas.types.chat import ChatRequest

if TYPE_CHECKING:
    from wallas.routing.online import Online


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided before the first attempt. ``hold`` is part, turn, event or off (architecture 7)."""

    id: str
    request: ChatRequest
    needs: Needs
    candidates: Sequence[Candidate]
    excluded: Sequence[Excluded]
    codec: Codec
    out: StreamEncoder | PlainEncoder
    answer_id: str
    created: int
    asked: str
    at: float = msgspec.field(default_factory=time.time)
    """When it was asked, in seconds since 1970."""
    again: Callable[..., Selection] | None = None
    unfit: Callable[[], list[Excluded]] = list
    """Returns who was meant and may not answer in any case, with the reasons: for the error, if it comes to that."""
    profile: str | None = None
    auxiliary: str | None = None
    session: str = ""
    """See ``conversation``."""
    client: str = ""
    hold: str = "part"
    hedge: bool = False
    fallback: bool = True
    total: float = 600.0
    wait: float = 0.0
    keep_response: bool = False
    previous_id: str | None = None
    keep_seals: bool = False
    dropped: Sequence[str] = ()
    contents: Contents | None = None
    """The request's files, None for words alone."""
    look: "Callable[[], Plan] | None" = None
    """Returns the plan with candidates, once the web was searched and the files were looked at; None: no need."""
    online: "Online | None" = None
    """The search that goes before the answer."""

    @property
    def conversation(self) -> str:
        """Return what names the conversation; it is looked for only now where the request was thought too short."""
        return self.session or session_key(self.request, None)
