"""Names in expressions against the namespaces of a piece of a document.

A name means what the document writes: `g:price` the elements written so, `price` those written without a prefix, whatever default
namespace they are in. That needs no declaration and does not depend on what other pieces declare. A prefix of `xmlNamespaces`
means its URI instead, however the document writes it; a preset's prefix means either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mappers.markup.expression import Expression, NameTest

if TYPE_CHECKING:
    from lxml import etree

XML_NAMESPACE: Final = "http://www.w3.org/XML/1998/namespace"
_DECLARATION: Final = re.compile(rb"""\sxmlns(?::([^\s=]+))?\s*=\s*(?:"([^"<]*)"|'([^'<]*)')""")

Declarations = frozenset[tuple[str, str]]
"""Pairs of a prefix, empty for the default, and a URI."""


def declarations_in(data: bytes) -> Declarations:
    """Return the namespace declarations that a piece of UTF-8 text makes. Text that only looks like one does no harm."""
    if b"xmlns" not in data:
        return frozenset()
    found = set(_DECLARATION.findall(data))
    return frozenset(
        (prefix.decode("utf-8", "replace"), _unescape((double or single).decode("utf-8", "replace"))) for prefix, double, single in found
    )


def _unescape(uri: str) -> str:
    return uri.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&apos;", "'").replace("&amp;", "&")


@dataclass(frozen=True, slots=True)
class Names:
    """How names are resolved in a piece with these declarations.

    `pinned` prefixes mean their URI; those of `offered`, which a preset brings, mean it as well as what the document means.
    """

    declarations: Declarations = frozenset()
    pinned: Mapping[str, str] = field(default_factory=dict)
    offered: Mapping[str, str] = field(default_factory=dict)

    def tags(self, name: NameTest) -> frozenset[str] | None:
        """Return the names in lxml's notation that a name means, None where only how they are written tells."""
        uris, written = self._meaning(name)
        return None if written else frozenset(f"{{{uri}}}{name.local}" if uri else name.local for uri in uris)

    def _meaning(self, name: NameTest) -> tuple[frozenset[str], bool]:
        """Return the URIs that a name's prefix means, and whether how a name is written must be looked at too."""
        prefix = name.prefix
        if prefix == "xml":
            return frozenset({XML_NAMESPACE}), False
        if not prefix and name.attribute:
            return frozenset({""}), False
        if prefix in self.pinned:
            return frozenset({self.pinned[prefix]}), False
        offered = frozenset({self.offered[prefix]} if prefix in self.offered else {"" for _ in (0,) if not prefix})
        uris = frozenset(uri for other, uri in self.declarations if other == prefix)
        # Where a URI goes by two prefixes, it does not tell which of them an element was written with.
        shared = any(uri in uris - offered and other != prefix for other, uri in self.declarations)
        return (offered, True) if shared else (offered | uris, False)

    def compile(self, expression: Expression, *, as_text: bool = False) -> etree.XPath:
        """Compile an expression for elements of the piece; with `as_text` to the text that XPath makes of it."""
        from lxml import etree

        uris: dict[str, str] = {}
        parts: list[str] = []
        at = 0
        for name in sorted(expression.names, key=lambda found: found.start):
            parts += [expression.text[at : name.start], self._rewrite(name, uris)]
            at = name.end
        text = "".join((*parts, expression.text[at:]))
        return etree.XPath(
            f"string({text})" if as_text else text, namespaces={prefix: uri for uri, prefix in uris.items()} or None, smart_strings=False
        )

    def _rewrite(self, name: NameTest, uris: dict[str, str]) -> str:
        if name.prefix == "xml" or (not name.prefix and name.attribute):
            return f"{name.prefix}:{name.local}" if name.prefix else name.local
        meant, written = self._meaning(name)
        tests = [self._test(name, uri, uris) for uri in sorted(meant)]
        if not written and len(tests) == 1:
            return tests[0]
        # `self::` finds no attribute, so an attribute is asked for its name.
        alternatives = [self._predicate(name, uri) for uri in sorted(meant)] if name.attribute else [f"self::{test}" for test in tests]
        if written:
            qualified = f"{name.prefix}:{name.local}" if name.prefix else name.local
            alternatives.append(f"name()={_quote(qualified)}" if name.local != "*" else f"starts-with(name(), {_quote(name.prefix + ':')})")
        return f"*[{' or '.join(alternatives) or 'false()'}]"

    @staticmethod
    def _test(name: NameTest, uri: str, uris: dict[str, str]) -> str:
        return f"{uris.setdefault(uri, f'ns{len(uris)}')}:{name.local}" if uri else name.local

    @staticmethod
    def _predicate(name: NameTest, uri: str) -> str:
        local = "" if name.local == "*" else f" and local-name()={_quote(name.local)}"
        return f"(namespace-uri()={_quote(uri)}{local})"


def _quote(text: str) -> str:
    """Return a text as a literal of XPath, which has no escape."""
    if '"' not in text:
        return f'"{text}"'
    pieces = text.split('"')
    return "'" + text + "'" if "'" not in text else "concat(" + ", '\"', ".join(f'"{piece}"' for piece in pieces) + ")"


def unknown_prefixes(expressions: Iterable[Expression], names: Names) -> dict[str, str]:
    """Return the prefixes that neither the document nor the settings declare, each with a text that uses it."""
    known = {prefix for prefix, _ in names.declarations} | {*names.pinned, *names.offered, "", "xml"}
    return {name.prefix: each.text for each in expressions for name in each.names if name.prefix not in known}
