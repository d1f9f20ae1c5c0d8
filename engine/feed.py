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
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from engine.batch import JsonValue
from engine.contracts import FeedDefinition
from engine.errors import ConfigError
from engine.settings.resource import OptionalText, Quantity, Ratio, Resource, StoredNumber, Texts, blank_is_none, parse_object
from engine.settings.transport import TRANSPORT_SECRETS, Pagination, Parameter, Transport
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
    "requiresShipping",
    "retailPrice",
    "sku",
    "tags",
    "vendorName",
    "weight",
]
"""What a column is for (API, section 4); `options` is a cell that holds the whole list as JSON."""


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
    price_operator_value: Decimal | None = None
    price_operator_field: OptionalText = None
    subfield_regex: OptionalText = None
    subfield_purpose: Purpose | None = None
    inventory_quantity_boolean: bool = False
    inventory_quantity_default: Quantity | None = None
    meta_fields_scope: OptionalText = None
    default: OptionalText = None
    lookup: Annotated[Mapping[str, str | int | StoredNumber], BeforeValidator(parse_object)] = Field(default_factory=dict)
    blank: Literal["skip", "clear"] = "skip"
    locations: Literal["sum", "first"] = "sum"
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
        return self


class JsonField(Resource):
    """One row of `inventory-feed-json-fields`: a path in a JSON document and what it is for."""

    object: Literal["product", "variant"] = "variant"
    path: str = Field(min_length=1)
    purpose: Purpose
    parse_number: bool = False
    inventory_quantity_boolean: bool = False
    inventory_quantity_default: Quantity | None = None


class Rewrite(Resource):
    """One row of `inventory-feed-mappings`: rewrite option and meta field names and values."""

    field: Literal["optionName", "optionValue", "metaFieldName", "metaFieldValue"]
    match_type: Literal["includes", "excludes", "matches", "startsWith", "endsWith"]
    transform_from: Texts = ()
    transform_to: str = ""
    transform_type: Literal["none", "capitalize", "humanize"] = "none"


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

    retail_price_change: Decimal = Decimal(0)
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

    mute_error: bool = False
    send_notification: bool = False
    send_webhook: bool = False
    webhook_endpoint: OptionalText = Field(default=None, repr=False)

    fields: tuple[FieldRow, ...] = ()
    json_fields: tuple[JsonField, ...] = ()
    mappings: tuple[Rewrite, ...] = ()
    parameters: Annotated[tuple[Parameter, ...], BeforeValidator(parse_object)] = ()

    @field_validator("fields")
    @classmethod
    def _check_stock(cls, rows: tuple[FieldRow, ...]) -> tuple[FieldRow, ...]:
        said = {_says_yes_or_no(row) for row in rows if row.enabled and row.purpose in {"inventoryQuantity", "inventoryQuantityBoolean"}}
        if len(said) > 1:
            raise ValueError("stock is mapped from a column of figures and from one of yes and no, which cannot be added; disable one")
        return rows

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


def _says_yes_or_no(row: FieldRow) -> bool:
    return row.purpose == "inventoryQuantityBoolean" or row.inventory_quantity_boolean


_SECRET: Final = frozenset(
    {
        *("authenticationToken", "authenticationSecret", "proxyUrl", "resourceLocation", "webhookEndpoint", "parameters"),
        *("transport", "pagination"),
    }
)
"""Attributes that may hold a secret: a fault in one of them is reported without the value."""

_NOT_STORED: Final[dict[str, bool | set[str]]] = {
    **dict.fromkeys(("name", "fields", "authentication_token", "authentication_secret", "proxy_url", "resource_location"), True),
    **dict.fromkeys(("webhook_endpoint", "parameters"), True),
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
    }
)
"""Attributes of a feed that only the service sets."""

_IDLE_FEED = frozenset(
    {
        "case_insensitive_skus",
        "sku_prefix",
        "prefix_sku",
        "prefix_seperator",
        "external_id_strategy",
        "restrict_inventory_import",
        "retail_price_change",
        "zero_null_prices",
        "vendor_name",
        "override_vendor_name",
        "prefix_name",
        "prefix_handle",
        "handle_prefix",
        "handle_strategy",
        "tags",
        "exclude_tags",
        "strip_tags",
        "stripped_tags",
        "transform_tags",
        "overwrite_tags",
        "review_changes",
        "inventory_policy",
        "sync_sale_prices",
        "import_tags",
        "json_fields",
        "mappings",
    }
)
_IDLE_FIELD = frozenset({"subfield_regex", "subfield_purpose", "meta_fields_scope"})


def build_feed(
    name: str,
    changes: Mapping[str, object],
    fields: Sequence[Mapping[str, object]] = (),
    *,
    stored: FeedDefinition | None = None,
) -> Feed:
    """Make a feed from what is stored and what is asked for; both by API names.

    `changes` may hold dotted names (`guard.minItems`). Mapping rows in `fields` replace the stored rows of their purposes;
    naming rows without a `mapping` means `custom`. Raises `ConfigError` listing every fault at once.
    """
    settings: dict[str, object] = dict(stored.attributes) if stored else {}
    _refuse_misplaced(name, changes)
    for key, value in changes.items():
        _assign(settings, key, value)
    # A stored feed without a mapping has the preset that is the default: one more row must not take its other columns away.
    if fields and "mapping" not in settings and stored is None:
        settings["mapping"] = "custom"
    purposes = {row.get("purpose") for row in fields}
    kept = [row for row in (stored.fields if stored else ()) if row.get("purpose") not in purposes]
    settings["fields"] = [*kept, *fields]
    settings["name"] = name
    try:
        feed = Feed.model_validate(settings)
    except ValidationError as error:
        raise ConfigError(f"feed {name!r} has invalid settings", problems=tuple(map(explain_fault, error.errors()))) from None
    _refuse_idle(feed)
    if any(row.value == MASK for row in feed.parameters):
        raise ConfigError(f"feed {name!r} has parameters whose values are not stored: give parameters with every run")
    return feed


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
        return f"{path}: {fault['msg'][0].lower()}{fault['msg'][1:]}" + (
            f", got {shown!r}" if shown is not None and not _SECRET & {str(part) for part in fault["loc"]} else ""
        )
    if path in COMPUTED:
        return f"{path}: is set by Feedmill itself"
    models: dict[str, type[Resource]] = {
        "fields": FieldRow,
        "jsonFields": JsonField,
        "mappings": Rewrite,
        "guard": GuardLimits,
        "transport": Transport,
        "pagination": Pagination,
        "parameters": Parameter,
    }
    head, *inner = map(str, fault["loc"])
    within = models.get(head, model) if inner else model
    names = [field.alias or key for key, field in within.model_fields.items()]
    close = difflib.get_close_matches(inner[-1] if inner else head, names, n=1)
    return f"{path}: unknown attribute" + (f"; did you mean {close[0]!r}?" if close else "")


def _refuse_idle(feed: Feed) -> None:
    """Refuse settings that would change values but that no code acts on yet: silence would mean wrong figures."""
    idle = [
        to_camel(name)
        for name in sorted(_IDLE_FEED)
        if getattr(feed, name) != Feed.model_fields[name].get_default(call_default_factory=True)
    ]
    idle += [
        f"fields.{number}.{to_camel(name)}"
        for number, row in enumerate(feed.fields)
        for name in sorted(_IDLE_FIELD)
        if getattr(row, name) is not None
    ]
    if idle:
        raise ConfigError(
            f"feed {feed.name!r} asks for what this version cannot do yet", problems=tuple(f"{name}: leave it unset" for name in idle)
        )
