"""A feed as a service's configuration declares it: a feed file's keys, and the provider it belongs to."""

from __future__ import annotations

from pydantic import Field, field_validator

from engine.contracts import PUSHED
from engine.errors import ConfigError
from engine.feed import Feed, build_feed
from engine.settings.resource import OptionalText
from feedmill.assembly import Request
from feedmill.feedfile.model import FeedFile


class DeclaredFeed(FeedFile):
    """`[[feeds]]` of `feedmill.toml`: every key of a feed file but `to`, which is the service's database; `source` may be missing."""

    source: str = Field(default="", repr=False, description="Where the feed comes from: a URL; none for a feed that is pushed to.")
    provider: OptionalText = Field(default=None, description="Name of the provider the feed belongs to, made where there is none of it.")

    @field_validator("to")
    @classmethod
    def _check_to(cls, text: str | None) -> str | None:
        if text is not None:
            raise ValueError("is for feed files: items of a declared feed go to the service's database")
        return text

    @property
    def settings(self) -> dict[str, object]:
        """Return the attributes that the file sets, by their API names."""
        return self.model_dump(by_alias=True, exclude_unset=True, exclude={"name", "source", "to", "provider", "fields"})

    def build(self) -> Feed:
        """Return the feed. Raises `ConfigError` with every fault; a feed that is fetched needs a source, one that is pushed to has none."""
        if self.source:
            return Request(self.source, self.name, {}, (), config=self).build_feed(None)
        if self.resource_type not in PUSHED or "resource_type" not in self.model_fields_set:
            kinds = ", ".join(sorted(PUSHED))
            raise ConfigError(f"source: is not given, and resourceType is none of those that are pushed to ({kinds})")
        return build_feed(self.name, self.settings, self.rows)
