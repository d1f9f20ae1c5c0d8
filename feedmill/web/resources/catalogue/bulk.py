"""Many variants at once: an array of them, and a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio

from engine.run import RunStatus
from feedmill.catalogue import load_catalogue
from feedmill.shapes import shape_run
from feedmill.web.bodies import read_upload
from feedmill.web.endpoint import Call, Endpoint, Parameter, answer
from feedmill.web.problems import FieldFault, Problem
from feedmill.web.resources.catalogue.models import UpsertedVariant, VariantChange
from feedmill.web.resources.catalogue.variants import TAG, changing_catalogue
from feedmill.web.rows import rows_schema, validate_rows
from sinks.sqlite.catalogue.single import upsert_variants

if TYPE_CHECKING:
    from aiohttp import web

    from engine.run import RunRecord

MOST: Final = 1000
_TAKES: Final = ("text/csv", "application/octet-stream")
_REPLACE: Final = Parameter("replace", "Whether variants that the file does not name are deleted.", {"type": "boolean", "default": False})
_LOAD: Final[dict[str, Any]] = {
    "title": "CatalogueLoad",
    "description": "The record of a load, as of a run: what was read, and what became of it.",
    "type": "object",
    "properties": {
        "status": {"const": RunStatus.COMPLETE.value},
        **{
            name: {"type": "integer"} for name in ("read", "created", "updated", "unchanged", "duplicate", "skipped", "rejected", "removed")
        },
        "bytes": {"type": "integer"},
        "seconds": {"type": "number"},
        "dialect": {"type": "object"},
        "problems": {"type": "array", "items": {"type": "object"}},
    },
    "additionalProperties": False,
}
_LOAD["required"] = list(_LOAD["properties"])


async def _upsert(call: Call) -> web.Response:
    rows = [row.cells() for row in validate_rows(VariantChange, call.sent, MOST)]
    async with changing_catalogue(call.service) as (writer, now):
        upserted = await upsert_variants(writer, rows, now)
    told = ({"index": index, "outcome": each.outcome, "id": each.number, "problem": each.problem} for index, each in enumerate(upserted))
    return answer(list(told))


async def _upload(call: Call) -> web.Response:
    replace = call.request.query.get("replace", "false").lower()
    if replace not in ("true", "false", "1", "0"):
        raise Problem(422, "invalid", "the file cannot be loaded so", faults=[FieldFault("replace", "is neither true nor false")])
    if call.request.content_type not in _TAKES:
        raise Problem(415, "media-type", f"the body is {call.request.content_type}, send text/csv")
    async with anyio.TemporaryDirectory(prefix="feedmill-") as directory:
        path = Path(directory) / "catalogue.csv"
        await _receive(call, path)
        # The file is the service's own: the rules for what feeds may reach say nothing of it.
        load = await load_catalogue(
            str(path), db=call.service.url, replace=replace in ("true", "1"), registry=call.service.registry, connect=False
        )
    if load.record.status is not RunStatus.COMPLETE:
        raise _refused(load.record)
    call.service.bells.catalogue.ring()
    call.service.bells.outbox.ring()
    return answer({name: value for name, value in shape_run(load.record).items() if name in _LOAD["properties"]})


async def _receive(call: Call, path: Path) -> None:
    """Write the body into a file. Raises as `read_upload` does."""
    async with await anyio.open_file(path, "wb") as file:
        async for piece in read_upload(call):
            await file.write(piece)


def _refused(record: RunRecord) -> Problem:
    faults = [FieldFault(each.column or each.code, each.message) for each in record.problems]
    return Problem(422, "refused", "the file was not loaded; the catalogue is as it was", faults=faults)


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint(
        "PUT",
        "/api/variants/upsert.json",
        _upsert,
        f"Create or change up to {MOST} variants, known by SKU, else barcode, and options; each is answered for.",
        TAG,
        "admin",
        body=rows_schema(VariantChange, MOST),
        answer=UpsertedVariant,
        many=True,
    ),
    Endpoint(
        "POST",
        "/api/variants/upload.json",
        _upload,
        "Load variants from a CSV file, as `feedmill catalogue load` does.",
        TAG,
        "admin",
        body={"type": "string"},
        answer=_LOAD,
        query=(_REPLACE,),
        takes="text/csv",
        upload=True,
    ),
)
