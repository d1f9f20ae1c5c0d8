"""What a merchant calls the things that the API has names for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from feedmill.dashboard.view import View


def purposes(view: View) -> tuple[tuple[str, str], ...]:
    """Return what a column may be for, as (name in the API, label)."""
    say = view.say
    return (
        ("", say("not used")),
        ("sku", say("SKU")),
        ("externalId", say("Id at the supplier")),
        ("barcode", say("Barcode")),
        ("inventoryQuantity", say("Stock, pieces")),
        ("inventoryQuantityBoolean", say("In stock, yes or no")),
        ("retailPrice", say("Price")),
        ("costPrice", say("Cost price")),
        ("compareAtPrice", say("Compare-at price")),
        ("name", say("Name")),
        ("description", say("Description")),
        ("vendorName", say("Brand")),
        ("productType", say("Category")),
        ("externalGroupId", say("Group of variants")),
        ("option", say("Option, as colour or size")),
        ("mpn", say("Manufacturer's number")),
        ("images", say("Images")),
        ("tags", say("Tags")),
        ("grams", say("Weight in grams")),
        ("weight", say("Weight")),
        ("handle", say("Handle")),
        ("requiresShipping", say("Requires shipping")),
        ("removed", say("Given up, yes or no")),
        ("metaFields", say("Meta field")),
        ("options", say("Options as JSON")),
    )


def attributes(view: View) -> dict[str, str]:
    """Return the labels of an item's attributes."""
    say = view.say
    named = {name: label for name, label in purposes(view) if name}
    return {
        **named,
        "externalId": say("Id"),
        "vendorSku": say("SKU"),
        "inventoryQuantity": say("Stock"),
        "options": say("Options"),
    }


def types(view: View) -> tuple[tuple[str, str], ...]:
    """Return the formats that a source may have, as (name in the API, label)."""
    return (("ftpCsv", view.say("CSV or other text in columns")), ("xml", view.say("XML")), ("json", view.say("JSON")))


def pushed_types(view: View) -> tuple[tuple[str, str], ...]:
    """Return how a feed may be filled that is not fetched, as (name in the API, label)."""
    say = view.say
    return (
        ("webhook", say("the supplier's system calls this server")),
        ("upload", say("a program of ours sends what it has collected")),
        ("manual", say("items are kept by hand")),
    )


def frequencies(view: View) -> tuple[tuple[str, str], ...]:
    """Return how often a feed may be fetched, as (name in the API, label)."""
    return (("hourly", view.say("every hour")), ("daily", view.say("once a day")), ("never", view.say("only when somebody asks for it")))
