"""The suppliers, running: where each hands out its stock, and what a feed must know to read it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import anyio
from aiohttp import web
from anyio import to_thread

from examples.shop.ftp import ACCOUNT, serve_folder
from examples.shop.stock import Stock, as_csv, as_json_page, as_xml

PAGE: Final = 100
SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Supplier:
    """A supplier's name, and the attributes of the feed that reads it."""

    name: str
    feed: Mapping[str, object]


@asynccontextmanager
async def open_suppliers() -> AsyncIterator[list[Supplier]]:
    """Run the three suppliers; their stock changes every `SECONDS`."""
    drop, web_shop, api = Stock("NW"), Stock("HB"), Stock("QZ")
    async with anyio.TemporaryDirectory(prefix="feedmill-example-") as folder:
        price_list = Path(folder) / "stock.csv"
        await to_thread.run_sync(_write, price_list, drop)
        ftp = _in_thread(serve_folder(Path(folder)))
        async with ftp as ftp_port, _serve(web_shop, api) as http_port, anyio.create_task_group() as group:
            group.start_soon(_sell, price_list, drop, (web_shop, api))
            yield _describe(ftp_port, http_port)
            group.cancel_scope.cancel()


@asynccontextmanager
async def _in_thread(block: AbstractContextManager[int]) -> AsyncIterator[int]:
    """Enter and leave in a worker thread a block whose beginning and end take a moment."""
    port = await to_thread.run_sync(block.__enter__)
    try:
        yield port
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(block.__exit__, None, None, None)


def _describe(ftp_port: int, http_port: int) -> list[Supplier]:
    http = f"http://127.0.0.1:{http_port}"
    user, password = ACCOUNT
    as_csv_over_ftp = {
        "resourceType": "ftpCsv",
        "resourceLocation": f"ftp://{user}:{quote(password, safe='')}@127.0.0.1:{ftp_port}/stock.csv",
        "mapping": "inventory_pricing",
    }
    as_xml_over_http = {"resourceType": "xml", "resourceLocation": f"{http}/google.xml"}
    as_json_in_pages = {
        "resourceType": "json",
        "resourceLocation": f"{http}/api/articles",
        "jsonMapping": "custom",
        "jsonRoot": "articles",
        "pagination": {"style": "page", "parameter": "page", "start": 1, "itemsPath": "articles"},
        "jsonFields": [
            {"path": "article", "purpose": "sku"},
            {"path": "label", "purpose": "name"},
            {"path": "qty", "purpose": "inventoryQuantity"},
            {"path": "gross", "purpose": "retailPrice"},
        ],
    }
    return [
        Supplier("Northwind Parts (CSV over FTP)", as_csv_over_ftp),
        Supplier("Harbour Goods (XML over HTTP)", as_xml_over_http),
        Supplier("Quartz Tools (JSON, a REST API in pages)", as_json_in_pages),
    ]


@asynccontextmanager
async def _serve(shop: Stock, api: Stock) -> AsyncIterator[int]:
    async def xml(request: web.Request) -> web.Response:
        return web.Response(body=as_xml(shop.rows), content_type="application/xml")

    async def page(request: web.Request) -> web.Response:
        number = int(request.query.get("page", "1"))
        return web.Response(body=as_json_page(api.rows, number, PAGE), content_type="application/json")

    app = web.Application()
    app.router.add_get("/google.xml", xml)
    app.router.add_get("/api/articles", page)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _sell(price_list: Path, drop: Stock, others: tuple[Stock, ...]) -> None:
    while True:
        await anyio.sleep(SECONDS)
        for stock in (drop, *others):
            stock.sell()
        await to_thread.run_sync(_write, price_list, drop)


def _write(path: Path, stock: Stock) -> None:
    """Replace the price list at once: whoever is downloading the old one gets all of it."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(as_csv(stock.rows))
    fresh.replace(path)
