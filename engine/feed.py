"""The feed: every attribute a person may set, validated all at once, unknown ones refused by name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Final, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from engine.batch import JsonValue
from engine.contracts import HISTORY_DAYS, FeedDefinition
from engine.errors import ConfigError
from engine.mapping.pattern import compile_pattern
from engine.settings.resource import Amount, LookedUp, OptionalText, Quantity, Ratio, Resource, Texts, blank_is_none, parse_object
from engine.settings.transport import TRANSPORT_SECRETS, Pagination, Parameter, Transport
from engine.settings.widths import read_widths
from engine.source import MASK, mask_location

Purpose = Literal[
    "barcode",
    "compareAtPrice",
    "costPrice",
    "description",
    "externalGroupId",
    "externalId",
    "grams",
    "handle",
    "images",
    "inventoryQuantity",
    "inventoryQuantityBoolean",
    "metaFields",
    "mpn",
    "name",
    "option",
    "options",
    "productType",
    "removed",
    "requiresShipping",
    "retailPrice",
    "sku",
    "tags",
    "vendorName",
    "weight",
]
"""What a column is for (API, section 4); `options` is a cell that holds the whole list as JSON, `removed` one of yes and no that says
whether the source has given the item up."""


_PRICES: Final = frozenset({"compareAtPrice", "costPrice", "retailPrice"})
_NUMBERS: Final = _PRICES | {"grams", "inventoryQuantity", "inventoryQuantityBoolean", "requiresShipping", "weight"}


class FieldRow(Resource):
    """One row of `inventory-feed-fields`: a column of the source, what it is for, and the rules for its text."""

    name: str = Field(
        min_length=1, description="Column header, matched case-insensitively and trimmed; a number is a column counted from 1."
    )
    purpose: Purpose
    enabled: bool = True
    option_name: OptionalText = None
    strip: Texts = ()
    prefix: OptionalText = None
    seperator: str | None = None
    slugify: bool = False
    parse_number: bool = False
    normalize_image_url: bool = False
    price_operator: Literal["addition", "subtract", "multiply", "divide"] | None = None
    price_operator_value: Amount | None = None
    price_operator_field: OptionalText = None
    subfield_regex: OptionalText = None
    subfield_purpose: Purpose | None = None
    inventory_quantity_boolean: bool = False
    inventory_quantity_default: Quantity | None = None
    meta_fields_scope: OptionalText = None
    default: OptionalText = None
    lookup: Annotated[Mapping[str, LookedUp], BeforeValidator(parse_object)] = Field(default_factory=dict)
    blank: Literal["skip", "clear"] = "skip"
    locations: Literal["sum", "first", "single"] = "sum"
    quantity_operator: Literal["addition", "subtract"] = "addition"
    rules: Texts = Field(default=(), description="Names of field rules that plugins registered, applied in order.")

    @model_validator(mode="after")
    def _check_sense(self) -> Self:
        operands = [part for part in (self.price_operator_value, self.price_operator_field) if part is not None]
        if len(operands) != (self.price_operator is not None):
            raise ValueError("priceOperator needs exactly one of priceOperatorValue and priceOperatorField, and they need it")
        if self.price_operator is not None and self.purpose not in _PRICES:
            raise ValueError(f"priceOperator is for prices, {self.purpose} is none")
        if (self.prefix is not None or self.slugify) and self.purpose in _NUMBERS:
            raise ValueError(f"prefix and slugify would change the number of {self.purpose}")
        if self.quantity_operator != "addition" and self.purpose != "inventoryQuantity":
            raise ValueError(f"quantityOperator is for inventoryQuantity, {self.purpose} is none")
        return self

    @model_validator(mode="after")
    def _check_subfield(self) -> Self:
        if (self.subfield_regex is None) != (self.subfield_purpose is None):
            raise ValueError("subfieldRegex and subfieldPurpose need each other")
        if self.subfield_purpose == self.purpose:
            raise ValueError("subfieldPurpose is the purpose of the row itself: name another, or take out texts with strip")
        if self.subfield_regex is not None:
            compile_pattern(self.subfield_regex)
        return self


class JsonField(Resource):
    """One row of `inventory-feed-json-fields`: a path in a JSON document and what it is for."""

    object: Literal["product", "variant"] = "variant"
    path: str = Field(
        min_length=1, description="Keys with dots between them, steps as in `stock[0].qty` and `stock[*].qty`, or JSONPath from `$` on."
    )
    purpose: Purpose
    parse_number: bool = False
    inventory_quantity_boolean: bool = False
    inventory_quantity_default: Quantity | None = None

    def as_row(self) -> FieldRow:
        """Return the mapping row it stands for: of a product the path is told apart by `product.` before it."""
        name = f"product.{self.path}" if self.object == "product" else self.path
        return FieldRow.model_validate({**self.model_dump(by_alias=True, exclude={"object", "path"}), "name": name})


class Rewrite(Resource):
    """One row of `inventory-feed-mappings`: rewrite option and meta field names and values.

    A text matches when any text of `transform_from` is in it, begins it, ends it or is the whole of it, case and surrounding
    blanks aside; `excludes` matches when none is in it. A text that matches becomes `transform_to`, where that is given, and
    is then spelled as `transform_type` says. Rows work in order, each on what those before it made.
    """

    field: Literal["optionName", "optionValue", "metaFieldName", "metaFieldValue"]
    match_type: Literal["includes", "excludes", "matches", "startsWith", "endsWith"]
    transform_from: Texts = ()
    transform_to: str = ""
    transform_type: Literal["none", "capitalize", "humanize"] = "none"

    @model_validator(mode="after")
    def _check_effect(self) -> Self:
        if not self.transform_from and self.match_type != "excludes":
            raise ValueError(f"{self.match_type} needs a text in transformFrom to look for")
        if not self.transform_to and self.transform_type == "none":
            raise ValueError("changes nothing: give transformTo, transformType or both")
        return self


class GuardLimits(Resource):
    """The limits beyond which a run is refused or held (API, section 5)."""

    enabled: bool = True
    max_reject_ratio: Ratio = 0.10
    max_missing_ratio: Ratio = 0.25
    max_zero_flip_ratio: Ratio = 0.25
    max_stock_drop_ratio: Ratio = 0.50
    max_price_factor: Annotated[float, Field(gt=1)] = 3
    max_price_move_ratio: Ratio = 0.05
    max_zero_price_ratio: Ratio = 0.05
    min_items: Annotated[int, Field(ge=0)] = 20


class Feed(Resource):
    """An inventory feed (API, section 3). What only the service computes (health, times, `hash`) is not set here."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
    resource_type: str = Field(default="ftpCsv", min_length=1)
    dropship_provider_id: Annotated[int, Field(gt=0)] | None = None

    resource_location: OptionalText = Field(default=None, repr=False)
    resource_path: OptionalText = None
    authentication_token: OptionalText = Field(default=None, repr=False)
    authentication_secret: OptionalText = Field(default=None, repr=False)
    enabled: bool = True
    automated_fetching: Literal["enabled", "disabled"] = "enabled"
    use_proxy: bool | None = None
    proxy_url: OptionalText = Field(default=None, repr=False)
    transport: Annotated[Transport, BeforeValidator(parse_object)] = Field(default_factory=Transport)

    fetch_frequency: Literal["never", "hourly", "daily", "custom", "webhook"] = "hourly"
    fetch_schedule: OptionalText = None

    delimiter: str | None = None
    csv_has_header: Annotated[bool | None, BeforeValidator(blank_is_none)] = None
    decimal_notation: Literal["decimal", "comma"] = "decimal"
    encoding: OptionalText = None
    weight_unit: Literal["g", "kg", "oz", "lb"] = "g"
    currency: Annotated[Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None, BeforeValidator(blank_is_none)] = None
    compression: Annotated[Literal["none", "gzip", "zip", "bzip2", "xz", "zstd"] | None, BeforeValidator(blank_is_none)] = None
    quote: str | None = Field(default=None, description="Quote character; empty for none, null to detect.")
    header_row: Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(blank_is_none)] = Field(
        default=None, description="Row of the header, counted from 1; null to detect."
    )
    line_ending: Annotated[Literal["lf", "crlf", "cr", "mixed"] | None, BeforeValidator(blank_is_none)] = None
    column_widths: Annotated[str | None, BeforeValidator(read_widths)] = Field(
        default=None, description="Columns of fixed width: their widths or their positions; null to detect."
    )

    mapping: Literal["inventory", "inventory_pricing", "shopify", "custom", "publishing"] = "inventory"
    xml_mapping: Literal["google", "heureka", "zbozi", "ceneo", "yml", "custom"] = "google"
    xml_path: OptionalText = None
    xml_namespaces: Annotated[Mapping[str, str] | None, BeforeValidator(parse_object)] = None
    json_mapping: Literal["default", "custom"] = "default"
    json_root: OptionalText = None
    json_structure: Literal["nested", "flat"] = "nested"
    pagination: Annotated[Pagination | None, BeforeValidator(parse_object)] = None

    external_id_strategy: Literal["none", "options"] | None = None
    sku_prefix: OptionalText = None
    prefix_sku: bool = False
    prefix_seperator: str | None = None
    sku_exempt: bool | None = None
    case_insensitive_skus: bool = False
    require_barcode: bool = False
    duplicate_keys: Literal["last", "first", "error", "sum"] = "last"

    automatically_connect: bool = True
    automatically_connect_by_barcode: bool = False
    automatically_connect_prefix: Literal["both", "prefixOnly"] = "both"
    automatically_connect_option_values: bool | None = None

    allocation_buffer: Quantity | None = None
    minimum_inventory_quantity: Quantity | None = None
    maximum_inventory_quantity: Quantity | None = None
    inventory_policy: Literal["default", "ignore", "continue", "track"] = "default"
    restrict_inventory_import: bool = False
    inventory_restriction_level: int = 0

    retail_price_change: Amount = Decimal(0)
    retail_price_change_type: Literal["percentage", "fixed"] = "percentage"
    price_change_base: Literal["retail_price", "cost_price"] = "retail_price"
    zero_null_prices: bool = False

    vendor_name: OptionalText = None
    override_vendor_name: bool = False
    prefix_name: bool = False
    prefix_handle: bool = False
    handle_prefix: OptionalText = None
    handle_strategy: Literal["externalGroupId", "externalGroupIdStart", "name"] = "externalGroupId"
    tags: OptionalText = None
    exclude_tags: Texts = ()
    tag_restriction: Literal["deny", "allow"] = "deny"
    strip_tags: bool = False
    stripped_tags: Texts = ()
    transform_tags: Literal["unchanged", "uppercase", "lowercase", "humanize", "dasherize"] = "unchanged"
    overwrite_tags: bool = False
    import_tags: bool = False

    sync_pricing: bool = False
    sync_cost_prices: bool = False
    sync_name: bool = False
    sync_description: bool = False
    sync_images: bool = False
    sync_options: bool = False
    sync_tags: bool = False
    sync_weight: bool = False
    sync_product_type: bool = False
    sync_sale_prices: bool = True
    sync_weight_zero: bool = False

    fetch_cleanup: Literal["enabled", "disabled"] = "enabled"
    missing_policy: Literal["zero", "remove", "keep"] = "zero"
    missing_grace_runs: Annotated[int, Field(ge=0)] = 0
    feed_kind: Literal["full", "delta"] = "full"

    guard: Annotated[GuardLimits, BeforeValidator(parse_object)] = Field(default_factory=GuardLimits)
    review_changes: bool = False
    history_days: Annotated[int, Field(ge=0, le=36_500)] = HISTORY_DAYS

    mute_error: bool = False
    send_notification: bool = False
    send_webhook: bool = False
    webhook_endpoint: OptionalText = Field(default=None, repr=False)
    parse_webhook_endpoint: OptionalText = Field(default=None, repr=False)

    fields: tuple[FieldRow, ...] = ()
    json_fields: Annotated[tuple[JsonField, ...], BeforeValidator(parse_object)] = ()
    mappings: Annotated[tuple[Rewrite, ...], BeforeValidator(parse_object)] = ()
    parameters: Annotated[tuple[Parameter, ...], BeforeValidator(parse_object)] = ()

    @field_validator("fields")
    @classmethod
    def _check_stock(cls, rows: tuple[FieldRow, ...]) -> tuple[FieldRow, ...]:
        return _refuse_mixed_stock(rows)

    @field_validator("json_fields")
    @classmethod
    def _check_json(cls, rows: tuple[JsonField, ...], info: ValidationInfo) -> tuple[JsonField, ...]:
        if rows and info.data.get("json_mapping") == "default":
            raise ValueError("these rows are read with jsonMapping=custom only: set it, or leave them out")
        _refuse_mixed_stock((*info.data.get("fields", ()), *(row.as_row() for row in rows)))
        return rows

    @field_validator("column_widths")
    @classmethod
    def _check_layout(cls, widths: str | None, settings: ValidationInfo) -> str | None:
        if widths is not None and (settings.data.get("delimiter") or settings.data.get("quote")):
            raise ValueError("text in columns of fixed width has neither delimiter nor quote: unset them, or columnWidths")
        return widths

    @model_validator(mode="after")
    def _check_partners(self) -> Self:
        needs = (
            (self.prefix_sku and self.sku_prefix is None, "prefixSku needs skuPrefix"),
            (self.override_vendor_name and self.vendor_name is None, "overrideVendorName needs vendorName"),
            (self.strip_tags and not self.stripped_tags, "stripTags needs strippedTags"),
            (self.overwrite_tags and self.tags is None and not self.import_tags, "overwriteTags needs tags to put in their place"),
            (
                self.retail_price_change_type == "percentage" and self.retail_price_change < -100,
                "retailPriceChange takes off more than 100 percent",
            ),
        )
        if missing := [text for fails, text in needs if fails]:
            raise ValueError("; ".join(missing))
        return self

    @property
    def preset(self) -> str:
        """Return the preset whose rows the feed starts from, `custom` for none: XML has presets of its own."""
        return self.xml_mapping if self.resource_type == "xml" else self.mapping

    def definition(self) -> FeedDefinition:
        """Return the feed as a sink stores it: only what differs from the defaults, no secret, the URL masked."""
        settings: dict[str, JsonValue] = self.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=_NOT_STORED)
        # Also where it is the default: left out, the next run would guess it from the ending of the source.
        settings["resourceType"] = self.resource_type
        if self.resource_location is not None:
            settings["resourceLocation"] = mask_location(self.resource_location, auth=self.transport.auth)
        if self.parameters:
            # The names are kept, so that a run which forgets the values is told, rather than answered with other goods.
            settings["parameters"] = [{**row.model_dump(by_alias=True), "value": MASK} for row in self.parameters]
        rows = tuple(row.model_dump(mode="json", by_alias=True, exclude_defaults=True) for row in self.fields)
        return FeedDefinition(self.name, settings, rows)


def _refuse_mixed_stock(rows: tuple[FieldRow, ...]) -> tuple[FieldRow, ...]:
    said = {said for row in rows if row.enabled for said in _stock_said(row)}
    if len(said) > 1:
        raise ValueError("stock is mapped from a column of figures and from one of yes and no, which cannot be added; disable one")
    stock = [row for row in rows if row.enabled and row.purpose == "inventoryQuantity"]
    if stock and all(row.quantity_operator == "subtract" for row in stock):
        raise ValueError("quantityOperator=subtract takes off what another row of inventoryQuantity says: map that column too")
    return rows


def _stock_said(row: FieldRow) -> set[bool]:
    """Return how a row tells stock, by yes and no (True) or as a figure (False); nothing where it tells none."""
    said = {purpose == "inventoryQuantityBoolean" for purpose in (row.purpose, row.subfield_purpose) if purpose in _STOCK}
    return {said_so or (row.purpose == "inventoryQuantity" and row.inventory_quantity_boolean) for said_so in said}


_STOCK: Final = frozenset({"inventoryQuantity", "inventoryQuantityBoolean"})


_SECRET: Final = frozenset(
    {
        *("authenticationToken", "authenticationSecret", "proxyUrl", "resourceLocation", "webhookEndpoint"),
        *("parseWebhookEndpoint", "parameters", "transport", "pagination"),
    }
)
"""Attributes that may hold a secret: a fault in one of them is reported without the value."""

_NOT_STORED: Final[dict[str, bool | set[str]]] = {
    **dict.fromkeys(("name", "fields", "authentication_token", "authentication_secret", "proxy_url", "resource_location"), True),
    **dict.fromkeys(("webhook_endpoint", "parse_webhook_endpoint", "parameters"), True),
    "transport": TRANSPORT_SECRETS,
}

COMPUTED = frozenset(
    {
        "id",
        "createdAt",
        "updatedAt",
        "hash",
        "lastFetchedAt",
        "nextFetchAt",
        "fetched",
        "skipped",
        "connected",
        "importSeconds",
        "fetchProblem",
        "isValid",
        "validationMessage",
        "failures",
        "pausedAt",
        "pauseReason",
    }
)
"""Attributes of a feed that only the service sets."""


def build_feed(
    name: str,
    changes: Mapping[str, object],
    fields: Sequence[Mapping[str, object]] = (),
    *,
    stored: FeedDefinition | None = None,
) -> Feed:
    """Make a feed from what is stored and what is asked for; both by API names.

    `changes` may hold dotted names (`guard.minItems`). Mapping rows in `fields` replace the stored rows of their purposes, and those
    that fill the same attribute otherwise (a weight in grams, stock as yes and no). Naming rows without a `mapping` (for XML without
    an `xmlMapping`) means `custom`, as naming `jsonFields` without a `jsonMapping` does. Raises `ConfigError` listing every fault at
    once.
    """
    settings: dict[str, object] = dict(stored.attributes) if stored else {}
    _refuse_misplaced(name, changes)
    for key, value in changes.items():
        _assign(settings, key, value)
    # A stored feed without a mapping has the preset that is the default: one more row must not take its other columns away.
    preset = "xmlMapping" if settings.get("resourceType") == "xml" else "mapping"
    if fields and preset not in settings and stored is None:
        settings[preset] = "custom"
    if "jsonFields" in changes and "jsonMapping" not in settings:
        settings["jsonMapping"] = "custom"
    replaced = {_filled(row) for row in fields}
    if stored and "jsonFields" not in changes and isinstance(rows := settings.get("jsonFields"), list):
        settings["jsonFields"] = [row for row in rows if _filled(row) not in replaced]
    kept = [row for row in (stored.fields if stored else ()) if _filled(row) not in replaced]
    settings["fields"] = [*kept, *fields]
    settings["name"] = name
    try:
        feed = Feed.model_validate(settings)
    except ValidationError as error:
        raise ConfigError(f"feed {name!r} has invalid settings", problems=tuple(map(explain_fault, error.errors()))) from None
    if any(row.value == MASK for row in feed.parameters):
        raise ConfigError(f"feed {name!r} has parameters whose values are not stored: give parameters with every run")
    return feed


def _filled(row: Mapping[str, object]) -> object:
    """Return what a mapping row fills: of two purposes for one thing a person means the later."""
    purpose = row.get("purpose")
    return {"weight": "grams", "inventoryQuantityBoolean": "inventoryQuantity"}.get(str(purpose), purpose)


def _refuse_misplaced(name: str, changes: Mapping[str, object]) -> None:
    """Refuse what has a place of its own: it would be overwritten without a word."""
    problems = []
    if changes.get("name", name) != name:
        problems.append("name: the feed is named beside its settings; leave it unset")
    if "fields" in changes:
        problems.append("fields: mapping rows are given beside the settings, as with --field PURPOSE=COLUMN")
    if problems:
        raise ConfigError(f"feed {name!r} has misplaced settings", problems=tuple(problems))


def _assign(settings: dict[str, object], dotted: str, value: object) -> None:
    head, _, rest = dotted.partition(".")
    if not rest:
        settings[head] = value
        return
    inner = settings.get(head)
    copy: dict[str, object] = dict(inner) if isinstance(inner, Mapping) else {}
    _assign(copy, rest, value)
    settings[head] = copy


def explain_fault(fault: ErrorDetails, model: type[Feed] = Feed) -> str:
    """Return a fault of validation as `path: what is wrong`, with the attribute that may be meant, and never with a secret."""
    path = ".".join(str(part) for part in fault["loc"])
    if fault["type"] != "extra_forbidden":
        shown = fault["input"] if isinstance(fault["input"], str | int | float | bool) else None
        where = f"{path}: " if path else ""
        message = fault["msg"].removeprefix("Value error, ")
        return f"{where}{message[0].lower()}{message[1:]}" + (
            f", got {shown!r}" if shown is not None and not _SECRET & {str(part) for part in fault["loc"]} else ""
        )
    if path in COMPUTED:
        return f"{path}: is set by Feedmill itself"
    models: dict[str, type[Resource]] = {
        "fields": FieldRow,
        "jsonFields": JsonField,
        "guard": GuardLimits,
        "transport": Transport,
        "pagination": Pagination,
        "parameters": Parameter,
        "mappings": Rewrite,
    }
    head, *inner = map(str, fault["loc"])
    within = models.get(head, model) if inner else model
    names = [field.alias or key for key, field in within.model_fields.items()]
    close = difflib.get_close_matches(inner[-1] if inner else head, names, n=1)
    return f"{path}: unknown attribute" + (f"; did you mean {close[0]!r}?" if close else "")
