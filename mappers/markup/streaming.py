"""What can be read of a document that passes by once: where records stand, and what expressions need beside the record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mappers.markup.expression import BadExpression, Expression, Path, Step, parse_expression

_OUTWARD: Final = {
    "following": "what follows the record",
    "preceding": "what went before the record",
    "following-sibling": "the records beside it",
    "preceding-sibling": "the records beside it",
}
_ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class Look:
    """Something that a field needs of the children of an ancestor of the record.

    The ancestor is `up` levels above the record, or of the local name `ancestor`; `child` is the local name of the child,
    `*` for anything in it.
    """

    child: str
    up: int | None = None
    ancestor: str = _ANY


@dataclass(frozen=True, slots=True)
class RecordStep:
    """A step on the way to the records: the local name of an element or `*`; `deep` says that others may stand in between."""

    name: str
    deep: bool


@dataclass(frozen=True, slots=True)
class RecordPath:
    """Where the records stand. `expression` selects them from any element of a document; `ways` are its steps.

    `outermost`: a record inside another is part of it. `bare`: nothing but its place makes an element a record.
    """

    text: str
    expression: Expression
    ways: tuple[tuple[RecordStep, ...], ...]
    outermost: bool
    bare: bool

    @property
    def nesting(self) -> bool:
        """Tell whether one way may lead into a record of another."""
        return any(
            one is not other and (any(step.deep for step in one) or all(_may_be(*pair) for pair in zip(one, other, strict=False)))
            for one in self.ways
            for other in self.ways
        )


def _may_be(one: RecordStep, other: RecordStep) -> bool:
    return one.name == other.name or "*" in (one.name, other.name)


def record_path(text: str) -> RecordPath:
    """Read an `xmlPath`. Raises `BadExpression` for what is no path, and for what cannot be found in a stream."""
    found = parse_expression(text.strip())
    if found.kind.value != "nodes":
        raise BadExpression("it selects no elements")
    ways = tuple(_way(path) for path in found.paths)
    # A predicate stands inside its path, and so do the names in it: they must not be taken for beginnings of paths.
    starts = [start for start in _path_starts(found.text) if not found.text[start:].startswith("/")]
    whole = found.text
    for start in reversed(starts):
        whole = f"{whole[:start]}//{whole[start:]}"
    expression = parse_expression(whole)
    bare = not any(step.predicates for path in found.paths for step in path.steps)
    return RecordPath(text.strip(), expression, ways, any(step.deep for way in ways for step in way), bare)


def _path_starts(text: str) -> list[int]:
    starts, depth, at, fresh = [], 0, 0, True
    while at < len(text):
        sign = text[at]
        if sign in "'\"":
            at = text.index(sign, at + 1)
        elif sign in "[(":
            if sign == "(" and not depth:
                raise BadExpression("write it without parentheses, and a choice of paths as a | b")
            depth += 1
        elif sign in "])":
            depth -= 1
        elif sign == "|" and not depth:
            fresh = True
        elif fresh and not sign.isspace():
            starts.append(at)
            fresh = False
        at += 1
    return starts


def _way(path: Path) -> tuple[RecordStep, ...]:
    way: list[RecordStep] = []
    deep = not path.absolute
    steps = [step for step in path.steps if step != Step("self", "node()")]
    if len(steps) != len(path.steps):
        raise BadExpression("write it without '.': item stands for //item")
    for number, step in enumerate(steps):
        if step == Step("descendant-or-self", "node()"):
            deep = True
            continue
        _refuse_step(step)
        last = number == len(steps) - 1
        for predicate in step.predicates:
            _refuse_predicate(predicate, last=last)
        way.append(RecordStep(step.local, deep))
        deep = False
    if not way:
        raise BadExpression("the whole document is no record")
    return tuple(way)


def _refuse_step(step: Step) -> None:
    if step.axis in _OUTWARD or step.axis in ("parent", "ancestor", "ancestor-or-self"):
        shown = ".." if step == Step("parent", "node()") else f"{step.axis}::"
        raise BadExpression(f"{shown} cannot be followed in a stream: a path to records leads from the root downwards")
    if step.axis != "child" or step.test.endswith("()"):
        raise BadExpression(f"{'@' if step.axis == 'attribute' else ''}{step.test} is no element: a record is one")


def _refuse_predicate(predicate: Expression, *, last: bool) -> None:
    if predicate.positional:
        raise BadExpression(
            f"[{predicate.text}] counts the elements of the whole document, which no stream can: choose by what is in the record"
        )
    for path in predicate.paths:
        if not last and not (not path.absolute and path.steps and path.steps[-1].axis == "attribute" and len(path.steps) == 1):
            raise BadExpression(
                f"[{predicate.text}] needs more than the attributes of an element that is still open: test it in the record"
            )
    if last and (looks := looks_of(predicate)):
        raise BadExpression(f"[{predicate.text}] looks outside the record ({looks[0].child}), which may not have been read yet")


def looks_of(expression: Expression) -> tuple[Look, ...]:
    """Return what an expression needs of the children of the record's ancestors. Raises `BadExpression` for what no stream can give."""
    return tuple(look for path in expression.paths for look in _looks(path, 0, None))


def _looks(path: Path, level: int, named: str | None) -> Iterator[Look]:
    """Follow a path. `level` counts down from the record, negative above it; `named` is an ancestor found by name."""
    if path.absolute:
        raise BadExpression("it begins at the document's root: lead it from the record, as in ../@currency or ancestor::shop/@name")
    # Whether the path has gone down from an ancestor, so that what it needs is said.
    inside = deep = False
    for step in path.steps:
        _refuse_outward(step, level if named is None else 0)
        above = named is not None or level < 0
        if step.axis in ("attribute", "child", "descendant", "descendant-or-self"):
            if above and not inside and step.axis != "attribute":
                down = step.local if step.axis == "child" and not step.test.endswith("()") else _ANY
                yield _look(down, level, named)
            inside = inside or above
            level += not above and step.axis != "descendant-or-self"
            deep = deep or step.axis.startswith("descendant")
        elif step.axis in ("parent", "ancestor", "ancestor-or-self"):
            if inside or (step.axis == "parent" and (named is not None or (deep and level <= 0))):
                # Down, nobody knows how far, and up again: it may lead anywhere.
                yield Look(_ANY)
            if step.axis == "parent":
                level -= 1
            else:
                named = _ANY if step.test.endswith("()") else step.local
        for predicate in step.predicates:
            for inner in predicate.paths:
                yield from _looks(inner, level, named)
    if (named is not None or level < 0) and not inside:
        yield _look(_ANY, level, named)


def _look(child: str, level: int, named: str | None) -> Look:
    return Look(child, None if named is not None else -level, named or _ANY)


def _refuse_outward(step: Step, level: int) -> None:
    if step.axis == "namespace":
        raise BadExpression("namespace:: gives declarations, not values")
    if step.axis in ("following", "preceding") or (step.axis in _OUTWARD and level <= 0):
        raise BadExpression(f"{step.axis}:: needs {_OUTWARD[step.axis]}, which a stream does not keep")
