"""Feeds declared in TOML: what would change is shown without secrets, and applying makes the database have them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from anyio import to_thread

from engine.errors import ConfigError
from feedmill.cli import run
from feedmill.service.context import Service
from feedmill.service.declared.apply import apply_feeds, plan_feeds
from feedmill.service.declared.diff import Step
from feedmill.service.declared.reading import load_declared
from feedmill.service.definition.stored_feeds import StoredFeed, read_stored_feed
from feedmill.service.opening import open_service
from feedmill.service.settings import Outgoing, ServiceSettings
from sinks.sqlite.service.resources.declared import feed_owners

ENVIRONMENT = {"ACME_PASSWORD": "geheim"}

DECLARED = """
[[feeds]]
name = "acme"
source = "https://joe:${ACME_PASSWORD}@127.0.0.1/stock.csv"
provider = "Acme"
delimiter = ";"
guard = { minItems = 5 }
authenticationToken = "${ACME_PASSWORD}"

[[feeds.fields]]
name = "Artikelnr"
purpose = "sku"

[[feeds.fields]]
name = "Lager"
purpose = "inventoryQuantity"

[[feeds]]
name = "partner"
resourceType = "webhook"
"""


def declare(directory: Path, text: str, name: str = "feeds.toml") -> str:
    """Write a file that declares feeds and return its path."""
    path = directory / name
    path.write_text(text, "utf-8")
    return str(path)


async def plan(service: Service, directory: Path, text: str, *, prune: bool = False, env: Mapping[str, str] = ENVIRONMENT) -> list[Step]:
    """Return what would be done for a text."""
    declared = await to_thread.run_sync(lambda: load_declared([declare(directory, text)], environment=env))
    return await plan_feeds(service, declared, prune=prune)


def shown(steps: list[Step]) -> list[tuple[str, str, dict[str, tuple[str | None, str | None]]]]:
    """Return steps as a person sees them."""
    return [(step.action, step.name, {each.attribute: (each.before, each.after) for each in step.differences}) for step in steps]


async def stored(service: Service, name: str) -> tuple[StoredFeed, str]:
    """Return a feed of the database and the name of its provider."""
    async with service.store.reading() as reader:
        number, provider = (await feed_owners(reader))[name]
        return await read_stored_feed(reader, service.keys, number), provider


async def test_applying_makes_the_feeds_and_leaves_nothing_to_do(tmp_path: Path) -> None:
    """Created, changed attribute by attribute, moved, removed: each is shown first and is so afterwards; secrets are never shown."""
    settings = ServiceSettings(database=f"sqlite:///{tmp_path}/shop.db", egress=Outgoing(allow_private=True))
    async with open_service(settings) as service:
        steps = await plan(service, tmp_path, DECLARED)
        assert shown(steps)[1] == ("create", "partner", {"provider": (None, "partner"), "resourceType": (None, '"webhook"')})
        created = shown(steps)[0][2]
        assert created["resourceLocation"] == (None, "https://joe:***@127.0.0.1/stock.csv")
        assert created["authenticationToken"] == (None, "***")
        assert created["guard"] == (None, '{"minItems":5}')
        assert "geheim" not in repr(steps)
        await apply_feeds(service, steps)
        assert await plan(service, tmp_path, DECLARED) == []
        feed, provider = await stored(service, "acme")
        assert provider == "Acme"
        assert feed.location == "https://joe:geheim@127.0.0.1/stock.csv"
        assert feed.build().guard.min_items == 5
        assert [row.name for row in feed.build().fields] == ["Artikelnr", "Lager"]

        changed = DECLARED
        for before, after in (
            ('delimiter = ";"', "transport = { minInterval = 60 }"),
            ("minItems = 5", "maxZeroFlipRatio = 0.5"),
            ('"Acme"', '"Acme Ltd"'),
            ('"Lager"', '"Stock"'),
        ):
            changed = changed.replace(before, after)
        steps = await plan(service, tmp_path, changed, env={"ACME_PASSWORD": "neu"})
        ((action, name, differences),) = shown(steps)
        assert (action, name) == ("change", "acme")
        fields = differences.pop("fields")
        assert fields[0] is not None
        assert fields[1] is not None
        assert fields[1] == fields[0].replace("Lager", "Stock")
        assert differences == {
            "provider": ("Acme", "Acme Ltd"),
            "resourceLocation": ("https://joe:***@127.0.0.1/stock.csv",) * 2,
            "authenticationToken": ("***", "***"),
            "delimiter": ('";"', None),
            "guard.minItems": ("5", "20"),
            "guard.maxZeroFlipRatio": ("0.25", "0.5"),
            "transport.minInterval": ("0.0", "60.0"),
        }
        await apply_feeds(service, steps)
        assert await plan(service, tmp_path, changed, env={"ACME_PASSWORD": "neu"}) == []
        feed, provider = await stored(service, "acme")
        assert (feed.location, provider) == ("https://joe:neu@127.0.0.1/stock.csv", "Acme Ltd")

        # The declaration has every secret, so that it may name another host, and a proxy that reads along.
        for before, after in (("https://joe", "http://joe"), ('provider = "Acme Ltd"', 'proxyUrl = "http://127.0.0.1:3128"')):
            changed = changed.replace(before, after)
            await apply_feeds(service, await plan(service, tmp_path, changed))
            assert await plan(service, tmp_path, changed) == []

        only = '[[feeds]]\nname = "partner"\nresourceType = "webhook"\n'
        assert await plan(service, tmp_path, only) == []
        steps = await plan(service, tmp_path, only, prune=True)
        assert shown(steps) == [("remove", "acme", {})]
        await apply_feeds(service, steps)
        async with service.store.reading() as reader:
            assert list(await feed_owners(reader)) == ["partner"]


def test_files_that_cannot_be_used_are_told_whole(tmp_path: Path) -> None:
    """Feed files and configurations may be mixed; a name may stand in one of them; faults name the file and the line."""
    feed = declare(tmp_path, 'name = "north"\nsource = "https://north.example/a.csv"\nto = "shop.db"\n', "north.toml")
    assert list(load_declared([feed, declare(tmp_path, DECLARED)], environment=ENVIRONMENT)) == ["north", "acme", "partner"]
    for paths, said in (
        ([feed, feed], "several feeds have one name: 'north'"),
        (
            [declare(tmp_path, DECLARED.replace("minItems", "minItem"))],
            "feeds.toml cannot be used\n  - line 7, feeds.0.guard.minItem: unknown",
        ),
        ([declare(tmp_path, '[[feeds]]\nname = "a"\n', "a.toml")], "a.toml: feed 'a' cannot be used\n  - source: is not given"),
        ([declare(tmp_path, "[feeds]\n", "b.toml")], "b.toml cannot be used\n  - line 1, feeds: is a list of tables"),
    ):
        with pytest.raises(ConfigError) as raised:
            load_declared(paths, environment=ENVIRONMENT)
        assert said in str(raised.value)
    with pytest.raises(ConfigError, match="the environment variable ACME_PASSWORD is not set"):
        load_declared([declare(tmp_path, DECLARED)], environment={})


def test_the_commands_ask_before_they_change_anything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`diff` exits with 3 where something would change, `apply` wants an answer or --yes; then `list` shows the feeds."""
    db, file = str(tmp_path / "shop.db"), declare(tmp_path, '[[feeds]]\nname = "partner"\nresourceType = "webhook"\n')
    assert run(["feeds", "diff", file, "--db", db]) == 78  # it makes no database
    assert run(["feeds", "apply", file, "--db", db]) == 2
    assert "there is nobody to ask" in capsys.readouterr().err
    assert run(["feeds", "diff", file, "--db", db]) == 3
    assert "+ feed 'partner' is created" in capsys.readouterr().out
    assert run(["feeds", "apply", file, "--db", db, "--yes"]) == 0
    assert run(["feeds", "diff", file, "--db", db]) == 0
    assert capsys.readouterr().out.endswith("1 applied\nnothing differs\n")
    assert run(["feeds", "list", "--db", db]) == 0
    assert "partner  (partner)" in capsys.readouterr().out
