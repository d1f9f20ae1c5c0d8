"""What products and variants look like: as they are sent, and as they are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, Field, JsonValue

from engine.settings.resource import Resource
from feedmill.web.endpoint import LARGEST


def _writable(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds NUL")
    return text


Id = Annotated[int, Field(ge=1, le=LARGEST)]
Text = Annotated[str, AfterValidator(_writable)]
Name = Annotated[str, Field(min_length=1), AfterValidator(_writable)]


class NewProduct(Resource):
    """A product of the merchant's; `externalId` is what the merchant's own system calls it."""

    name: Name
    external_id: Name | None = None


class ProductChange(Resource):
    """What of a product is to be another; what is not sent stays."""

    name: Name | None = None
    external_id: Name | None = None


class Product(Resource):
    """A product of the merchant's."""

    id: int
    name: str | None
    external_id: str | None
    created_at: datetime
    updated_at: datetime


class Option(Resource):
    """A value that tells a variant from others of its product: size, colour."""

    name: Text
    value: Text
    position: int | None = Field(default=None, ge=0, le=LARGEST)


class VariantChange(Resource):
    """A variant, or what of it is to be another; it has a SKU or a barcode."""

    sku: Text | None = None
    barcode: Text | None = None
    name: Text | None = None
    product_id: Id | None = None
    options: tuple[Option, ...] = ()

    def cells(self) -> dict[str, str | int | None]:
        """Return what was sent, by the columns that hold it: texts without the blanks around them, empty ones as nothing."""
        sent: dict[str, Any] = self.model_dump(include=self.model_fields_set - {"options"})
        cells = {name: (value.strip() or None) if isinstance(value, str) else value for name, value in sent.items()}
        if "options" in self.model_fields_set:
            listed = [each.model_dump(by_alias=True, exclude_none=True) for each in self.options]
            cells["options"] = orjson.dumps(listed).decode()
        return cells


class Variant(Resource):
    """A variant of the merchant's catalogue."""

    id: int
    product_id: int | None
    product_external_id: str | None
    sku: str | None
    barcode: str | None
    name: str | None
    options: list[JsonValue]
    created_at: datetime
    updated_at: datetime


class UpsertedVariant(Resource):
    """What became of a row, by its place among those that were sent; `problem` says why it was not stored."""

    index: int
    outcome: Literal["created", "updated", "unchanged", "error"]
    id: int | None
    problem: str | None
