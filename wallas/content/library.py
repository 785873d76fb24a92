"""What a process needs to read files: threads and memory of their own, the fetcher, and who does the rest."""

from collections.abc import Sequence

from wallas.content.contents import Contents, files_of
from wallas.content.fetch import Fetcher
from wallas.content.hooks import Hooks, Terms
from wallas.content.works import Works
from wallas.types.chat import Message


class Library:
    """One process's way to read files; made at the start, costs nothing until a file comes."""

    def __init__(self, *, fetcher: Fetcher, hooks: Hooks | None = None, works: Works | None = None) -> None:
        """Read with these; ``hooks`` may be filled later."""
        self.fetcher = fetcher
        self.hooks = hooks or Hooks()
        self.works = works or Works()

    def contents(
        self,
        messages: Sequence[Message],
        *,
        owner: str = "",
        engine: str | None = None,
        wire: str = "",
        terms: Terms | None = None,
    ) -> Contents | None:
        """Return the files of a request, not yet looked at; None for a request of words alone."""
        if next(files_of(messages), None) is None:
            return None
        found = Contents(
            messages,
            works=self.works,
            fetcher=self.fetcher,
            hooks=self.hooks,
            owner=owner,
            engine=engine,
            wire=wire,
            terms=terms,
        )
        return found if found.items else None

    def close(self) -> None:
        """Take no more work, and let go of what is kept."""
        self.works.close()
        self.fetcher.close()
