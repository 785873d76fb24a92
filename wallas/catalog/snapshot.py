"""All known models at one moment: an immutable value with fast lookups, replaced whole when something changes."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cached_property

from wallas.catalog.entries import Model
from wallas.catalog.names import normal_name


class Catalog:
    """A snapshot of models. Nothing in it changes; whoever holds it sees one consistent state."""

    def __init__(self, models: Iterable[Model] = ()) -> None:
        """Index the models; of two with one key the later holds."""
        self.by_key: dict[str, Model] = {model.key: model for model in models}
        self.models: tuple[Model, ...] = tuple(self.by_key.values())
        self.by_id = grouped((word, model) for model in self.models for word in (model.id, *model.aliases))
        self.by_name = grouped((model.name, model) for model in self.models)
        self.by_provider = grouped((model.provider, model) for model in self.models)

    def of(self, provider: str) -> tuple[Model, ...]:
        """Return a provider's models, none for one that nothing is known of."""
        return self.by_provider.get(provider, ())

    def find(self, provider: str, id: str) -> Model | None:
        """Return a provider's model by its own id or an alias of it."""
        found = self.by_key.get(f"{provider}/{id}")
        if found is not None:
            return found
        return next((model for model in self.by_id.get(id, ()) if model.provider == provider), None)

    def named(self, id: str) -> tuple[Model, ...]:
        """Return all models of this exact id or alias first, then the same model under its other names."""
        exact = self.by_id.get(id, ())
        kinds = {model.kind for model in exact} or {"chat"}
        kin = (model for model in self.by_name.get(normal_name(id), ()) if model.kind in kinds)
        return tuple({model.key: model for model in (*exact, *kin)}.values())

    def same(self, model: Model) -> tuple[Model, ...]:
        """Return this model at the other providers that have it."""
        kin = self.by_name.get(model.name, ())
        return tuple(other for other in kin if other.key != model.key and other.kind == model.kind)

    def nearest(self, id: str, n: int = 3) -> list[str]:
        """Return the ids most like this one, best first; slow, for error messages only."""
        wanted = id[:200].lower()
        near = get_close_matches(wanted, self._lower, n=n, cutoff=0.5)
        if len(near) < n and len(wanted) >= 3:
            near += [word for word in self._lower if wanted in word and word not in near][: n - len(near)]
        return [self._lower[word] for word in near]

    @cached_property
    def _lower(self) -> dict[str, str]:
        words: dict[str, str] = {}
        for model in self.models:
            words.setdefault(model.id.lower(), model.id)
            words.setdefault(model.key.lower(), model.key)
        return words

    def replaced(self, provider: str, models: Iterable[Model]) -> "Catalog":
        """Return a new snapshot in which the provider has these models and no others."""
        others = (model for model in self.models if model.provider != provider)
        return Catalog((*others, *models))

    def changed(self, models: Mapping[str, Model]) -> "Catalog":
        """Return a new snapshot in which these models stand in place of those of the same key."""
        return Catalog(models.get(model.key, model) for model in self.models)

    def __len__(self) -> int:
        """Return how many models are known."""
        return len(self.models)


def grouped(pairs: Iterable[tuple[str, Model]]) -> dict[str, tuple[Model, ...]]:
    """Return the models under each word, in their order."""
    groups: dict[str, list[Model]] = {}
    for word, model in pairs:
        groups.setdefault(word, []).append(model)
    return {word: tuple(models) for word, models in groups.items()}
