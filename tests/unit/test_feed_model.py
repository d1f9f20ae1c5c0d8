"""The feed model: every attribute of the API by its exact name, with its enum and default, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest
from pydantic import ValidationError

from engine.contracts import FeedDefinition
from engine.errors import ConfigError
from engine.feed import COMPUTED, Feed, FieldRow, GuardLimits, JsonField, Rewrite, build_feed
from engine.settings.transport import Parameter
from engine.source import MASK

FEED_DEFAULTS: Mapping[str, object] = {
    # source
    "resourceLocation": None, "resourcePath": None, "authenticationToken": None, "authenticationSecret": None,
    "enabled": True, "automatedFetching": "enabled", "useProxy": None, "proxyUrl": None,
    # schedule
    "fetchFrequency": "hourly", "fetchSchedule": None,
    # file format
    "delimiter": None, "csvHasHeader": None, "decimalNotation": "decimal", "encoding": None, "weightUnit": "g", "currency": None,
    "compression": None,
    # mapping
    "mapping": "inventory", "xmlMapping": "google", "xmlPath": None, "xmlNamespaces": None, "jsonMapping": "default", "jsonRoot": None,
    "jsonStructure": "nested", "pagination": None,
    # identity
    "externalIdStrategy": None, "skuPrefix": None, "prefixSku": False, "prefixSeperator": None, "skuExempt": None,
    "caseInsensitiveSkus": False, "requireBarcode": False,
    # connect
    "automaticallyConnect": True, "automaticallyConnectByBarcode": False, "automaticallyConnectPrefix": "both",
    "automaticallyConnectOptionValues": None,
    # stock
    "allocationBuffer": None, "minimumInventoryQuantity": None, "maximumInventoryQuantity": None, "inventoryPolicy": "default",
    "restrictInventoryImport": False, "inventoryRestrictionLevel": 0,
    # price
    "retailPriceChange": 0, "retailPriceChangeType": "percentage", "priceChangeBase": "retail_price", "zeroNullPrices": False,
    # text, tags
    "vendorName": None, "overrideVendorName": False, "prefixName": False, "prefixHandle": False, "handlePrefix": None,
    "handleStrategy": "externalGroupId", "tags": None, "excludeTags": [], "tagRestriction": "deny", "stripTags": False, "strippedTags": [],
    "transformTags": "unchanged", "overwriteTags": False, "importTags": False,
    # which attributes later fetches may change
    "syncPricing": False, "syncCostPrices": False, "syncName": False, "syncDescription": False, "syncImages": False, "syncOptions": False,
    "syncTags": False, "syncWeight": False, "syncProductType": False, "syncSalePrices": True, "syncWeightZero": False,
    # missing items
    "fetchCleanup": "enabled", "missingPolicy": "zero", "missingGraceRuns": 0, "feedKind": "full",
    # guard
    "reviewChanges": False,
    # health
    "muteError": False, "sendNotification": False, "sendWebhook": False, "webhookEndpoint": None, "parseWebhookEndpoint": None,
}  # fmt: skip
GUARD_DEFAULTS: Mapping[str, object] = {
    "enabled": True, "maxRejectRatio": 0.10, "maxMissingRatio": 0.25, "maxZeroFlipRatio": 0.25, "maxStockDropRatio": 0.50,
    "maxPriceFactor": 3, "maxPriceMoveRatio": 0.05, "maxZeroPriceRatio": 0.05, "minItems": 20,
}  # fmt: skip
READ_ONLY = (
    *("id", "createdAt", "updatedAt", "hash", "lastFetchedAt", "nextFetchAt", "fetched", "skipped", "connected", "importSeconds"),
    *("fetchProblem", "isValid", "validationMessage", "pausedAt", "pauseReason", "failures"),
)
ENUMS: Mapping[str, tuple[str, ...]] = {
    "automatedFetching": ("enabled", "disabled"),
    "fetchFrequency": ("never", "hourly", "daily", "custom", "webhook"),
    "decimalNotation": ("decimal", "comma"),
    "weightUnit": ("g", "kg", "oz", "lb"),
    "mapping": ("inventory", "inventory_pricing", "shopify", "custom", "publishing"),
    "xmlMapping": ("google", "heureka", "zbozi", "ceneo", "yml", "custom"),
    "jsonMapping": ("default", "custom"),
    "jsonStructure": ("nested", "flat"),
    "externalIdStrategy": ("none", "options"),
    "automaticallyConnectPrefix": ("both", "prefixOnly"),
    "inventoryPolicy": ("default", "ignore", "continue", "track"),
    "retailPriceChangeType": ("percentage", "fixed"),
    "priceChangeBase": ("retail_price", "cost_price"),
    "handleStrategy": ("externalGroupId", "externalGroupIdStart", "name"),
    "tagRestriction": ("deny", "allow"),
    "transformTags": ("unchanged", "uppercase", "lowercase", "humanize", "dasherize"),
    "fetchCleanup": ("enabled", "disabled"),
    "missingPolicy": ("zero", "remove", "keep"),
    "feedKind": ("full", "delta"),
}
ROW_ATTRIBUTES: Mapping[str, object] = {
    "name": "Qty", "purpose": "retailPrice", "enabled": True, "optionName": None, "strip": ["x"], "prefix": None, "seperator": ";",
    "slugify": False, "parseNumber": True, "normalizeImageUrl": False, "priceOperator": "multiply", "priceOperatorValue": "1.19",
    "priceOperatorField": None, "subfieldRegex": "a(b)", "subfieldPurpose": "name", "inventoryQuantityBoolean": False,
    "inventoryQuantityDefault": 5, "metaFieldsScope": "custom", "default": "0", "lookup": {"in stock": 5, "ask": "0", "tba": 1.25},
    "blank": "clear", "locations": "first", "quantityOperator": "addition",
}  # fmt: skip
PURPOSES = (
    *("barcode", "compareAtPrice", "costPrice", "description", "externalGroupId", "externalId", "grams", "handle", "images"),
    *("inventoryQuantity", "inventoryQuantityBoolean", "metaFields", "name", "option", "productType", "requiresShipping", "retailPrice"),
    *("sku", "tags", "vendorName", "weight", "mpn", "options", "removed"),
)
ROWS: list[dict[str, object]] = [{"name": "Art", "purpose": "sku"}, {"name": "Lager", "purpose": "inventoryQuantity"}]


def faults(changes: Mapping[str, object], *rows: Mapping[str, object]) -> tuple[str, ...]:
    """Return what is wrong with settings, one line per fault."""
    with pytest.raises(ConfigError) as caught:
        build_feed("shop", changes, rows)
    return caught.value.problems


def by_api(feed: Feed) -> dict[str, object]:
    """Return a feed's attributes by their API names."""
    return feed.model_dump(by_alias=True)


def test_the_defaults_are_those_of_the_api() -> None:
    """Section 3, attribute by attribute; what the page does not list is ours and says so."""
    shown = Feed(name="shop").model_dump(mode="json", by_alias=True)
    shown["retailPriceChange"] = int(shown["retailPriceChange"])
    assert {name: shown[name] for name in FEED_DEFAULTS} == FEED_DEFAULTS
    assert shown["guard"] == GUARD_DEFAULTS
    mandatory, rows = {"name", "resourceType", "dropshipProviderId"}, {"fields", "jsonFields", "mappings", "parameters"}
    assert set(shown) - set(FEED_DEFAULTS) - mandatory - rows - {"guard"} == {
        "quote",
        "headerRow",
        "lineEnding",
        "columnWidths",
        "transport",
        "duplicateKeys",
        "historyDays",
    }


@pytest.mark.parametrize("name", FEED_DEFAULTS)
def test_every_attribute_is_accepted_by_its_exact_name(name: str) -> None:
    """Camel case as the API writes it; another case of letters is unknown."""
    Feed.model_validate({"name": "shop", name: FEED_DEFAULTS[name]})
    build_feed("shop", {name: FEED_DEFAULTS[name]})
    if name != name.lower():
        assert "unknown attribute" in faults({name.lower(): FEED_DEFAULTS[name]})[0]


@pytest.mark.parametrize("name", GUARD_DEFAULTS)
def test_every_limit_of_the_guard_is_accepted_dotted_and_nested(name: str) -> None:
    """`guard.minItems` sets one limit and leaves the others."""
    feed = build_feed("shop", {f"guard.{name}": GUARD_DEFAULTS[name]})
    assert feed.guard == GuardLimits() == build_feed("shop", {"guard": {name: GUARD_DEFAULTS[name]}}).guard


def test_limits_of_the_guard_add_up() -> None:
    """Several dotted names, and a stored limit beneath a new one, are all in force."""
    feed = build_feed("shop", {"guard.minItems": "50", "guard.maxRejectRatio": "0.2"})
    again = build_feed("shop", {"guard.minItems": 60}, stored=feed.definition())
    assert (again.guard.min_items, again.guard.max_reject_ratio) == (60, 0.2)
    assert build_feed("shop", {"guard": '{"minItems": 7}'}).guard.min_items == 7


@pytest.mark.parametrize("name", READ_ONLY)
def test_what_the_service_computes_cannot_be_set(name: str) -> None:
    """The fault says why, rather than that the name is unknown."""
    assert faults({name: 1}) == (f"{name}: is set by Feedmill itself",)


def test_the_list_of_what_is_computed_is_complete() -> None:
    """Exactly the read-only attributes of the API."""
    assert frozenset(READ_ONLY) == COMPUTED


@pytest.mark.parametrize(("name", "word"), [(name, word) for name, words in ENUMS.items() for word in words])
def test_every_word_of_an_enum_is_accepted(name: str, word: str) -> None:
    """By its exact spelling."""
    feed = Feed.model_validate({"name": "shop", name: word})
    assert by_api(feed)[name] == word


@pytest.mark.parametrize("name", ENUMS)
def test_no_other_word_is_accepted(name: str) -> None:
    """The fault lists the words there are."""
    fault = faults({name: "Enabled!"})[0]
    assert fault.startswith(f"{name}: ")
    assert all(f"'{word}'" in fault for word in ENUMS[name])


@pytest.mark.parametrize("purpose", PURPOSES)
def test_every_purpose_is_accepted(purpose: str) -> None:
    """Section 4, with `options` of the JSON rows."""
    assert FieldRow.model_validate({"name": "x", "purpose": purpose}).purpose == purpose
    assert JsonField.model_validate({"path": "x", "purpose": purpose}).purpose == purpose


def test_every_attribute_of_a_mapping_row_is_accepted_by_its_exact_name() -> None:
    """Section 4; `rules` is ours, for the field rules of plugins."""
    row = FieldRow.model_validate(ROW_ATTRIBUTES)
    shown = row.model_dump(mode="json", by_alias=True)
    assert set(shown) == {*ROW_ATTRIBUTES, "rules"}
    assert {name: shown[name] for name in ROW_ATTRIBUTES} == ROW_ATTRIBUTES
    assert row.lookup == {"in stock": 5, "ask": "0", "tba": Decimal("1.25")}


def test_a_mapping_row_has_the_defaults_of_the_api() -> None:
    """Enabled, blank is skipped, locations are summed, nothing else happens."""
    row = FieldRow(name="x", purpose="name")
    assert (row.enabled, row.blank, row.locations) == (True, "skip", "sum")
    assert row.model_dump(by_alias=True, exclude_defaults=True) == {"name": "x", "purpose": "name"}


@pytest.mark.parametrize("operator", ["addition", "subtract", "multiply", "divide"])
def test_every_price_operator_is_accepted(operator: str) -> None:
    """With a value or with a field."""
    row = {"name": "x", "purpose": "costPrice", "priceOperator": operator}
    assert FieldRow.model_validate({**row, "priceOperatorValue": "2"}).price_operator == operator
    assert FieldRow.model_validate({**row, "priceOperatorField": "y"}).price_operator_value is None


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"purpose": "retailPrice", "priceOperator": "multiply"}, "needs exactly one of"),
        ({"purpose": "retailPrice", "priceOperatorValue": 2}, "needs exactly one of"),
        ({"purpose": "retailPrice", "priceOperator": "divide", "priceOperatorValue": 2, "priceOperatorField": "y"}, "needs exactly one of"),
        (
            {"purpose": "inventoryQuantity", "priceOperator": "addition", "priceOperatorField": "y"},
            "is for prices, inventoryQuantity is none",
        ),
        ({"purpose": "inventoryQuantity", "prefix": "1"}, "would change the number"),
        ({"purpose": "costPrice", "slugify": True}, "would change the number"),
        ({"purpose": "retailPrice", "priceOperator": "divide", "priceOperatorValue": "NaN"}, "finite number"),
    ],
)
def test_a_row_that_would_reckon_wrongly_is_refused(row: dict[str, object], why: str) -> None:
    """Half an operator, an operator on stock, and text rules on numbers are faults of the configuration."""
    assert why in faults({}, {"name": "x", **row})[0]


def test_figures_and_yes_and_no_are_never_added() -> None:
    """A column of stock and one of availability would sum to one too many."""
    assert "cannot be added" in faults({}, *ROWS, {"name": "Verfügbar", "purpose": "inventoryQuantityBoolean"})[0]
    assert "cannot be added" in faults({}, *ROWS, {"name": "q", "purpose": "inventoryQuantity", "inventoryQuantityBoolean": True})[0]
    build_feed("shop", {}, [*ROWS, {"name": "Verfügbar", "purpose": "inventoryQuantityBoolean", "enabled": False}])


def test_the_other_rows_of_a_mapping_are_known() -> None:
    """`inventory-feed-json-fields`, `-mappings` and `-parameters`, with their defaults."""
    assert JsonField.model_validate({"path": "a.b", "purpose": "sku"}).object == "variant"
    assert (
        Rewrite.model_validate(
            {"field": "optionName", "matchType": "startsWith", "transformFrom": ["a"], "transformTo": "b"}
        ).transform_type
        == "none"
    )
    assert Parameter.model_validate({"name": "a", "value": "b"}).type == "query"
    fields = {"object", "path", "purpose", "parseNumber", "inventoryQuantityBoolean", "inventoryQuantityDefault"}
    assert {field.alias for field in JsonField.model_fields.values()} == fields
    with pytest.raises(ValidationError):
        Rewrite.model_validate({"field": "x", "matchType": "includes"})


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("delimeter", "'delimiter'"),
        ("decimal_notation", "'decimalNotation'"),
        ("Currency", "'currency'"),
        ("guard.minItem", "'minItems'"),
        ("prefixSeparator", "'prefixSeperator'"),
    ],
)
def test_an_unknown_attribute_is_refused_by_name_with_a_hint(name: str, hint: str) -> None:
    """The nearest name that there is."""
    assert faults({name: "x"}) == (f"{name}: unknown attribute; did you mean {hint}?",)


def test_an_unknown_attribute_of_a_row_is_refused_by_its_place() -> None:
    """Which row, and which name was meant."""
    assert faults({}, ROWS[0], {**ROWS[1], "separator": ","}) == ("fields.1.separator: unknown attribute; did you mean 'seperator'?",)
    assert faults({"xyzzy": 1}) == ("xyzzy: unknown attribute",)
    rewrite = {"field": "optionName", "matchType": "excludes", "transformTo": "b", "transform": "humanize"}
    assert faults({"mappings": [rewrite]}) == ("mappings.0.transform: unknown attribute; did you mean 'transformTo'?",)


def test_all_faults_are_reported_at_once() -> None:
    """Nobody corrects one setting to learn of the next."""
    found = faults(
        {"decimalNotation": "dot", "guard.minItems": -1, "nonsense": 1, "hash": "x", "currency": "euro"}, {"name": "", "purpose": "stock"}
    )
    assert [fault.partition(":")[0] for fault in found] == [
        "decimalNotation", "currency", "guard.minItems", "fields.0.name", "fields.0.purpose", "nonsense", "hash",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("skuExempt", "true", True),
        ("requireBarcode", "yes", True),
        ("csvHasHeader", "false", False),
        ("csvHasHeader", "null", None),
        ("headerRow", "4", 4),
        ("headerRow", "", None),
        ("lineEnding", "", None),
        ("delimiter", ";", ";"),
        ("delimiter", "\t", "\t"),
        ("encoding", "", None),
        ("allocationBuffer", "3", 3),
        ("currency", "EUR", "EUR"),
        ("currency", "", None),
        ("xmlNamespaces", '{"g": "urn:x"}', {"g": "urn:x"}),
        ("dropshipProviderId", "7", 7),
    ],
)
def test_text_is_read_as_the_command_line_gives_it(name: str, text: str, value: object) -> None:
    """Booleans, numbers, lists and objects as text; blank unsets what may be unset."""
    assert by_api(build_feed("shop", {name: text}))[name] == value


@pytest.mark.parametrize(
    ("text", "parts"), [("a,b", ("a", "b")), (" a , b ,", ("a", "b")), ('["a,b", "c"]', ("a,b", "c")), ("", ()), (["x"], ("x",))]
)
def test_a_list_is_read_from_text(text: object, parts: tuple[str, ...]) -> None:
    """Separated by commas, or JSON where a part holds one."""
    assert FieldRow.model_validate({"name": "x", "purpose": "name", "strip": text}).strip == parts


@pytest.mark.parametrize(("name", "text"), [("strip", "[broken"), ("lookup", "{broken"), ("lookup", "5")])
def test_broken_json_is_a_fault_and_no_crash(name: str, text: str) -> None:
    """The fault names the row and the attribute."""
    assert faults({}, {"name": "x", "purpose": "name", name: text})[0].startswith(f"fields.0.{name}: ")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"prefixSku": True}, "prefixSku needs skuPrefix"),
        ({"overrideVendorName": True}, "overrideVendorName needs vendorName"),
        ({"stripTags": True}, "stripTags needs strippedTags"),
        ({"overwriteTags": True}, "overwriteTags needs tags"),
        ({"retailPriceChange": "-100.01"}, "more than 100 percent"),
        ({"retailPriceChange": "NaN"}, "finite number"),
        ({"duplicateKeys": "all"}, "'last', 'first', 'error' or 'sum'"),
        ({"mappings": [{"field": "optionName", "matchType": "includes", "transformTo": "x"}]}, "needs a text in transformFrom"),
        ({"mappings": [{"field": "optionName", "matchType": "matches", "transformFrom": ["a"]}]}, "changes nothing"),
    ],
)
def test_half_a_setting_is_refused(changes: dict[str, object], why: str) -> None:
    """What cannot do what it is set for is a fault, and the fault names what is missing."""
    assert why in faults(changes)[0]


def test_faults_of_several_settings_together_are_told_at_once() -> None:
    """Two halves are two faults in one line."""
    assert "prefixSku needs skuPrefix; stripTags needs strippedTags" in faults({"prefixSku": True, "stripTags": True})[0]
    build_feed("shop", {"prefixSku": True, "skuPrefix": "A", "overwriteTags": True, "importTags": True, "retailPriceChange": "-100"})


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"subfieldRegex": "a"}, "need each other"),
        ({"subfieldPurpose": "name"}, "need each other"),
        ({"subfieldRegex": "a", "subfieldPurpose": "inventoryQuantity"}, "is the purpose of the row itself"),
        ({"subfieldRegex": "(a", "subfieldPurpose": "name"}, "'(a' is no regular expression that RE2 knows: missing ): (a"),
        ({"subfieldRegex": "(?=a)", "subfieldPurpose": "name"}, "invalid perl operator: (?="),
        ({"subfieldRegex": "(a)\\1", "subfieldPurpose": "name"}, "invalid escape sequence"),
    ],
)
def test_a_subfield_that_cannot_be_read_is_refused(row: dict[str, object], why: str) -> None:
    """A pattern that RE2 does not know is a fault of the configuration, with the reason."""
    assert why in faults({}, ROWS[0], {**ROWS[1], **row})[0]


def test_what_is_taken_off_needs_what_it_is_taken_off_from() -> None:
    """A column of reservations alone is no stock, and nothing but stock is taken off."""
    taken = {"name": "r", "purpose": "inventoryQuantity", "quantityOperator": "subtract"}
    assert "map that column too" in faults({}, ROWS[0], taken)[0]
    assert "quantityOperator is for inventoryQuantity" in faults({}, {**taken, "purpose": "costPrice"})[0]
    build_feed("shop", {}, [*ROWS, taken])


def test_naming_rows_means_a_custom_mapping() -> None:
    """Unless a mapping is named as well, or was when the rows were stored."""
    assert build_feed("shop", {}, ROWS).mapping == "custom"
    assert build_feed("shop", {}).mapping == "inventory"
    preset = build_feed("shop", {"mapping": "inventory"}, ROWS[:1])
    assert preset.mapping == "inventory"
    assert build_feed("shop", {}, ROWS[1:], stored=preset.definition()).mapping == "inventory"


def test_rows_replace_the_stored_rows_of_their_purposes() -> None:
    """One `--field` changes one purpose; several rows of one purpose come and go together."""
    stored = build_feed("shop", {}, [*ROWS, {"name": "Lager 2", "purpose": "inventoryQuantity"}]).definition()
    feed = build_feed("shop", {}, [{"name": "Bestand", "purpose": "inventoryQuantity"}], stored=stored)
    assert [(row.name, row.purpose) for row in feed.fields] == [("Art", "sku"), ("Bestand", "inventoryQuantity")]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"delimiter": ";", "decimalNotation": "comma", "csvHasHeader": False, "guard.minItems": 50, "guard.maxPriceFactor": "2.5"},
        {"mapping": "shopify", "skuExempt": True, "xmlNamespaces": {"g": "urn:x"}, "resourceLocation": "https://shop.example/feed.csv"},
        {"mapping": "inventory", "missingPolicy": "keep", "missingGraceRuns": 2, "currency": "EUR"},
        {
            "retailPriceChange": "12.50",
            "excludeTags": ["a,b"],
            "duplicateKeys": "sum",
            "mappings": '[{"field": "optionName", "matchType": "matches", "transformFrom": ["a"], "transformTo": "b"}]',
        },
    ],
)
@pytest.mark.parametrize(
    "rows",
    [
        [],
        ROWS,
        [
            *ROWS,
            {
                "name": "p",
                "purpose": "costPrice",
                "priceOperator": "multiply",
                "priceOperatorValue": "1.190",
                "lookup": {"a": 1, "b": "2", "c": Decimal("1.234"), "d": Decimal("10.0")},
            },
        ],
        [*ROWS, {"name": "t", "purpose": "name", "subfieldRegex": "(\\d+)", "subfieldPurpose": "barcode"}],
        [{**ROWS[0], "strip": ["a,b"], "blank": "clear", "prefix": "x"}, {**ROWS[1], "default": "0", "enabled": False}],
    ],
)
def test_a_stored_definition_becomes_the_same_feed(changes: dict[str, object], rows: list[dict[str, object]]) -> None:
    """Stored and read back nothing is lost, numbers stay numbers, and storing it again stores the same."""
    feed = build_feed("shop", changes, rows)
    again = build_feed("shop", {}, stored=feed.definition())
    assert again == feed
    assert again.definition() == feed.definition()
    # As bytes too: 10 and 10.0 are equal, but another fingerprint.
    assert again.model_dump_json(by_alias=True) == feed.model_dump_json(by_alias=True)


@pytest.mark.parametrize("amount", ["1e999999999", "1e-999999999", "1e13"])
def test_a_price_change_that_cannot_be_written_out_is_refused(amount: str) -> None:
    """Such a number took all memory instead of an answer."""
    row = {"name": "p", "purpose": "retailPrice", "priceOperator": "multiply", "priceOperatorValue": amount}
    with pytest.raises(ConfigError) as caught:
        build_feed("shop", {"retailPriceChange": amount}, [row])
    assert len([problem for problem in caught.value.problems if "more than 12 digits" in problem]) == 2


def test_a_number_that_no_store_keeps_is_refused() -> None:
    """Read back from the store it would be another stock."""
    with pytest.raises(ConfigError) as caught:
        build_feed("shop", {}, [{"name": "q", "purpose": "inventoryQuantity", "lookup": {"many": Decimal("12345678901234567.25")}}])
    assert any("write it as text" in problem for problem in caught.value.problems)


def test_a_definition_holds_what_differs_from_the_defaults_only() -> None:
    """So that a default that improves reaches the feeds that never set it; the type stands there, since it would be guessed anew."""
    stored = build_feed("shop", {"delimiter": ";", "enabled": True}).definition()
    assert stored == FeedDefinition("shop", {"delimiter": ";", "resourceType": "ftpCsv"})


SECRETS: Mapping[str, object] = {
    "authenticationToken": "tok-8c1f",
    "authenticationSecret": "sec-8c1f",
    "resourceLocation": "https://user:pass-8c1f@shop.example/feed.csv?key=query-8c1f",
    "webhookEndpoint": "https://hooks.example/8c1f",
}


def test_no_secret_is_stored_or_shown() -> None:
    """Neither the definition nor the feed's own text holds one."""
    feed = build_feed("shop", SECRETS)
    assert "8c1f" not in repr(feed.definition())
    assert "8c1f" not in repr(feed) + str(feed)


@pytest.mark.parametrize("name", [*SECRETS, "proxyUrl"])
def test_no_fault_shows_a_secret(name: str) -> None:
    """A token of the wrong type is reported without its value."""
    assert "8421337" not in faults({name: 8421337})[0]
    assert "8421337" not in faults({"parameters": [{"name": "key", "value": 8421337}]})[0]


def test_what_has_a_place_of_its_own_is_no_setting() -> None:
    """The name and the mapping rows stand beside the settings; among them they would be dropped without a word."""
    assert faults({"fields": ROWS}) == ("fields: mapping rows are given beside the settings, as with --field PURPOSE=COLUMN",)
    assert faults({"name": "other"})[0].startswith("name: ")
    assert build_feed("shop", {"name": "shop"}).name == "shop"


def test_a_feed_is_immutable() -> None:
    """What was validated stays so."""
    feed = build_feed("shop", {})
    with pytest.raises(ValidationError, match="frozen"):
        feed.__setattr__("delimiter", ";")


def test_a_token_in_the_place_of_the_user_is_not_stored() -> None:
    """Where the user of the URL is sent as a token, the stored address masks it."""
    feed = build_feed("shop", {"resourceLocation": "https://T0KEN@supplier.example/stock.csv", "transport.auth": "bearer"})
    assert feed.definition().attributes["resourceLocation"] == "https://***@supplier.example/stock.csv"


def test_secrets_of_the_transport_are_not_stored() -> None:
    """Passwords of keys, the proxy's address and the values of parameters stay out of the definition."""
    secrets = {
        "transport.privateKey": "id",
        "transport.privateKeyPassphrase": "hush-1",
        "transport.clientCertificate": "c.pem",
        "transport.clientKeyPassword": "hush-2",
        "proxyUrl": "http://user:hush-3@proxy:8080",
        "parameters": [{"name": "key", "value": "hush-4", "type": "header"}],
        "authenticationToken": "hush-5",
        "authenticationSecret": "hush-6",
    }
    stored = build_feed("shop", secrets).definition()
    assert "hush" not in repr(stored)
    assert stored.attributes["transport"] == {"privateKey": "id", "clientCertificate": "c.pem"}
    assert stored.attributes["parameters"] == [{"name": "key", "value": MASK, "type": "header"}]


@pytest.mark.parametrize(
    ("stored", "given"),
    [("grams", "weight"), ("weight", "grams"), ("inventoryQuantity", "inventoryQuantityBoolean"), ("sku", "sku")],
)
def test_a_row_takes_the_place_of_those_that_fill_the_same(stored: str, given: str) -> None:
    """Of two purposes for one attribute the one that is asked for now is meant, not the stored one and never both."""
    before = FeedDefinition("acme", {"mapping": "custom"}, ({"name": "old", "purpose": stored}, {"name": "n", "purpose": "name"}))
    feed = build_feed("acme", {}, [{"name": "new", "purpose": given}], stored=before)
    assert [(row.name, row.purpose) for row in feed.fields] == [("n", "name"), ("new", given)]
