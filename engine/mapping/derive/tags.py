"""Tags: which items they keep out, which of them stay, how they are spelled, what the feed adds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from engine.errors import RefuseRun
from engine.mapping.derive.spelling import SPELLINGS
from engine.mapping.derive.table import Plan, Table
from engine.mapping.lists import split_list
from engine.mapping.readers import Memo

if TYPE_CHECKING:
    from engine.feed import Feed


def skip_by_tags(plan: Plan) -> None:
    """Leave out items that have one of `excludeTags` (`tagRestriction=deny`), or those that have none of them (`allow`).

    Raises `RefuseRun` where no column is mapped to tags: nobody could tell which items are meant.
    """
    feed = plan.feed
    if not feed.exclude_tags:
        return
    if "tags" not in plan.mapped:
        raise RefuseRun("excludeTags is set, but no column is mapped to tags; name it with --field tags=COLUMN")
    wanted, allow = {tag.casefold() for tag in feed.exclude_tags}, feed.tag_restriction == "allow"

    def why(text: str) -> str | None:
        found = [tag for tag in orjson.loads(text) if tag.casefold() in wanted]
        if allow:
            return None if found else "has none of the tags that excludeTags allows"
        return f"has the tag {found[0]!r}, which excludeTags denies" if found else None

    reasons = Memo(why)

    def step(table: Table) -> None:
        for place, tags in enumerate(table.texts("tags")):
            if (reason := reasons["[]" if tags is None else tags]) is not None:
                table.skips[place] = str(reason)

    plan.add(step)


def shape_tags(plan: Plan) -> None:
    """Add the feed's own `tags`, take out `strippedTags`, spell what is left as `transformTags` says, each tag once."""
    feed = plan.feed
    own = split_list(feed.tags or "", ",")
    if "tags" not in plan.mapped and not own:
        return
    if not (own or feed.strip_tags or feed.overwrite_tags or feed.transform_tags != "unchanged"):
        return
    shaped = Memo(lambda text: shape(feed, own, text))

    def step(table: Table) -> None:
        # A blank cell says nothing of the source's tags. With tags of the feed's own there is something to say all the same.
        table.columns["tags"] = [(shaped["[]"] if own else None) if tags is None else shaped[tags] for tags in table.texts("tags")]

    plan.add(step, "tags")


def shape(feed: Feed, own: list[str], text: str) -> str:
    """Return an item's tags, a JSON list of texts, as the feed wants them; doing it again changes nothing."""
    stripped = {tag.casefold() for tag in feed.stripped_tags} if feed.strip_tags else set()
    spell = SPELLINGS[feed.transform_tags]

    def spelled(tags: list[str]) -> list[str]:
        pairs = [(tag, spell(tag)) for tag in tags]
        # Taken out by the spelling of the source or by the one that people see.
        return [new for tag, new in pairs if new and not {tag.casefold(), new.casefold()} & stripped]

    found, added = spelled(orjson.loads(text)), spelled(own)
    kept = [*found, *added]
    if feed.overwrite_tags:
        kept = found or added if feed.import_tags else added
    return orjson.dumps(list(dict.fromkeys(kept))).decode()
