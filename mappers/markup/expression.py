"""XPath 1.0 as text and as structure: what an expression is made of, without a document and without libxml2.

Only the grammar of https://www.w3.org/TR/1999/REC-xpath-19991116 stands here; what may be streamed is judged elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from typing import Final, Literal, NoReturn

_NAME: Final = r"[^\W\d][\w.\-]*"
_LEXEME: Final = re.compile(
    rf"""\s*(?:
    (?P<literal>"[^"]*"|'[^']*')
    |(?P<number>\d+(?:\.\d*)?|\.\d+)
    |(?P<axis>{_NAME})(?=\s*::)
    |(?P<call>{_NAME}(?::{_NAME})?)(?=\s*\()
    |(?P<name>{_NAME}:\*|{_NAME}:{_NAME}|{_NAME}(?!:[^\s:])|\*)
    |(?P<variable>\$\s*{_NAME}(?::{_NAME})?)
    |(?P<sign>//|::|\.\.|!=|<=|>=|[/|+\-=<>()\[\].@,])
    )\s*""",
    re.VERBOSE,
)
_OPERATOR_NAMES: Final = frozenset({"and", "or", "mod", "div"})
_BEFORE_OPERAND: Final = frozenset({"@", "::", "(", "[", ",", "/", "//", "|", "+", "-", "=", "!=", "<", "<=", ">", ">="})
_NODE_TYPES: Final = frozenset({"comment", "text", "processing-instruction", "node"})
_AXES: Final = frozenset(
    {
        *("ancestor", "ancestor-or-self", "attribute", "child", "descendant", "descendant-or-self", "following"),
        *("following-sibling", "namespace", "parent", "preceding", "preceding-sibling", "self"),
    }
)
DEPTH_LIMIT: Final = 50


class Kind(Enum):
    """What an expression comes to."""

    NODES = "nodes"
    TEXT = "text"
    NUMBER = "number"
    TRUTH = "truth"


_RESULTS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        **dict.fromkeys(("last", "position", "count", "string-length", "number", "sum", "floor", "ceiling", "round"), Kind.NUMBER),
        **dict.fromkeys(("local-name", "namespace-uri", "name", "string", "concat", "substring-before"), Kind.TEXT),
        **dict.fromkeys(("substring-after", "substring", "normalize-space", "translate"), Kind.TEXT),
        **dict.fromkeys(("starts-with", "contains", "boolean", "not", "true", "false", "lang"), Kind.TRUTH),
    }
)
"""The core functions but `id`, which would need a DTD."""

_OF_CONTEXT: Final = frozenset({"string", "number", "string-length", "normalize-space"})
"""Without an argument they read the whole text of the element they stand at, as `.` does."""


class BadExpression(Exception):
    """Text that is no XPath 1.0, or asks for what there is not; the message says where."""


@dataclass(frozen=True, slots=True)
class NameTest:
    """A name in an expression, where it stands in the text, and whether it names an attribute."""

    start: int
    end: int
    prefix: str
    local: str
    attribute: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path. `test` is a name as written, `*`, or a node type as in `text()`."""

    axis: str
    test: str
    predicates: tuple[Expression, ...] = ()

    @property
    def local(self) -> str:
        """Return the name without its prefix."""
        return self.test.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class Path:
    """A location path; `//` is a step of its own, as the grammar has it. `absolute` begins at the document's root.

    `text` is how it is written, empty where it is put together of several.
    """

    absolute: bool
    steps: tuple[Step, ...]
    text: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression: what it comes to, the paths it evaluates in its own context, and the functions it calls there."""

    text: str
    kind: Kind
    paths: tuple[Path, ...] = ()
    calls: frozenset[str] = frozenset()
    names: tuple[NameTest, ...] = ()

    @property
    def positional(self) -> bool:
        """Tell whether, as a predicate, it counts positions."""
        return self.kind is Kind.NUMBER or bool(self.calls & {"position", "last"})


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def parse_expression(text: str) -> Expression:
    """Parse XPath 1.0. Raises `BadExpression`."""
    parser = _Parser(text, _tokenize(text))
    found = parser.expression()
    if parser.token.kind != "end":
        parser.fail("an operator or the end")
    return replace(found, text=text, names=tuple(parser.names))


def _tokenize(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(text):
        match = _LEXEME.match(text, at)
        if match is None or match.lastgroup is None:
            if not text[at:].strip():
                break
            raise BadExpression(f"{text[at:].strip()[:20]!r} is no XPath (character {at + 1})")
        kind, lexeme = match.lastgroup, match[match.lastgroup]
        # Section 3.7: where an operand has just ended, a name or a star is an operator.
        follows = bool(tokens) and not (tokens[-1].kind == "operator" or (tokens[-1].kind == "sign" and tokens[-1].text in _BEFORE_OPERAND))
        if follows and kind in ("name", "call") and (lexeme == "*" or lexeme in _OPERATOR_NAMES):
            kind = "operator"
        tokens.append(_Token(kind, lexeme, match.start(match.lastgroup), match.end(match.lastgroup)))
        at = match.end()
    tokens.append(_Token("end", "", len(text), len(text)))
    return tokens


_BINARY: Final = frozenset({"=", "!=", "<", "<=", ">", ">=", "+", "-", "|"})
_TRUTHS: Final = frozenset({"or", "and", "=", "!=", "<", "<=", ">", ">="})


class _Parser:
    def __init__(self, text: str, tokens: list[_Token]) -> None:
        self._text = text
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self.names: list[NameTest] = []

    @property
    def token(self) -> _Token:
        return self._tokens[self._at]

    def fail(self, wanted: str) -> NoReturn:
        token = self.token
        found = repr(token.text) if token.kind != "end" else "the end"
        raise BadExpression(f"{found} stands where {wanted} should (character {token.start + 1})")

    def _take(self, sign: str) -> bool:
        if self.token.kind == "sign" and self.token.text == sign:
            self._at += 1
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            self.fail(repr(sign))

    def expression(self) -> Expression:
        """Parse a whole expression. Precedence hardly matters here: the loosest operator tells what it comes to."""
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            raise BadExpression(f"it is nested deeper than {DEPTH_LIMIT} levels")
        start = self.token.start
        operators: set[str] = set()
        operands = [self._unary(operators)]
        while self.token.kind == "operator" or (self.token.kind == "sign" and self.token.text in _BINARY):
            operator = self.token.text
            operators.add(operator)
            self._at += 1
            operands.append(self._unary(operators))
            if operator == "|" and not all(operand.kind is Kind.NODES for operand in operands[-2:]):
                raise BadExpression("'|' joins paths only")
        self._depth -= 1
        return Expression(
            self._text[start : self.token.start].strip(),
            _kind_of(operators, operands),
            tuple(path for operand in operands for path in operand.paths),
            frozenset().union(*(operand.calls for operand in operands)),
        )

    def _unary(self, operators: set[str]) -> Expression:
        while self._take("-"):
            operators.add("-")
        return self._operand()

    def _operand(self) -> Expression:
        token = self.token
        if token.kind == "variable":
            raise BadExpression(f"there are no variables ({token.text}, character {token.start + 1})")
        if token.kind not in ("literal", "number") and not (token.kind == "call" and token.text not in _NODE_TYPES) and token.text != "(":
            path = self._path()
            return Expression("", Kind.NODES, (replace(path, text=self._text[token.start : self._tokens[self._at - 1].end]),))
        return self._filter(self._primary())

    def _primary(self) -> Expression:
        token = self.token
        self._at += 1
        if token.kind == "literal":
            return Expression(token.text, Kind.TEXT)
        if token.kind == "number":
            return Expression(token.text, Kind.NUMBER)
        if token.kind == "sign":
            inner = self.expression()
            self._expect(")")
            return inner
        if token.text not in _RESULTS:
            raise BadExpression(f"there is no function {token.text}() (character {token.start + 1})")
        self._expect("(")
        arguments: list[Expression] = []
        if not self._take(")"):
            arguments.append(self.expression())
            while self._take(","):
                arguments.append(self.expression())
            self._expect(")")
        paths = tuple(path for argument in arguments for path in argument.paths)
        return Expression(
            "",
            _RESULTS[token.text],
            paths if arguments or token.text not in _OF_CONTEXT else (Path(False, (Step("self", "node()"),), "."),),
            frozenset({token.text}).union(*(argument.calls for argument in arguments)),
        )

    def _filter(self, primary: Expression) -> Expression:
        predicates = self._predicates()
        further = self.token.kind == "sign" and self.token.text in ("/", "//")
        if not predicates and not further:
            return primary
        if primary.kind is not Kind.NODES:
            self.fail("a path before the predicate or the step")
        steps = self._steps() if further else ()
        return replace(primary, paths=tuple(_extend(path, predicates, steps) for path in primary.paths))

    def _path(self) -> Path:
        absolute = self.token.kind == "sign" and self.token.text in ("/", "//")
        if not absolute:
            first = self._step()
            return Path(False, (first, *self._steps()))
        if self.token.text == "/" and not self._begins_step(self._tokens[self._at + 1]):
            self._at += 1
            return Path(True, ())
        return Path(True, self._steps())

    def _steps(self) -> tuple[Step, ...]:
        steps: list[Step] = []
        while self.token.kind == "sign" and self.token.text in ("/", "//"):
            if self.token.text == "//":
                steps.append(Step("descendant-or-self", "node()"))
            self._at += 1
            steps.append(self._step())
        return tuple(steps)

    @staticmethod
    def _begins_step(token: _Token) -> bool:
        return token.kind in ("name", "axis") or token.text in (".", "..", "@") or (token.kind == "call" and token.text in _NODE_TYPES)

    def _step(self) -> Step:
        if self._take("."):
            return Step("self", "node()")
        if self._take(".."):
            return Step("parent", "node()")
        axis = "attribute" if self._take("@") else "child"
        if axis == "child" and self.token.kind == "axis":
            axis = self.token.text
            if axis not in _AXES:
                raise BadExpression(f"there is no axis {axis}:: (character {self.token.start + 1})")
            self._at += 1
            self._expect("::")
        return Step(axis, self._test(axis), self._predicates())

    def _test(self, axis: str) -> str:
        token = self.token
        if token.kind == "name":
            self._at += 1
            if token.text != "*":
                prefix, _, local = token.text.rpartition(":")
                self.names.append(NameTest(token.start, token.end, prefix, local, axis == "attribute"))
            return token.text
        if token.kind != "call" or token.text not in _NODE_TYPES:
            self.fail("a name")
        self._at += 1
        self._expect("(")
        if token.text == "processing-instruction" and self.token.kind == "literal":
            self._at += 1
        self._expect(")")
        return f"{token.text}()"

    def _predicates(self) -> tuple[Expression, ...]:
        found: list[Expression] = []
        while self._take("["):
            found.append(self.expression())
            self._expect("]")
        return tuple(found)


def _kind_of(operators: set[str], operands: list[Expression]) -> Kind:
    if operators & _TRUTHS:
        return Kind.TRUTH
    if operators - {"|"}:
        return Kind.NUMBER
    return Kind.NODES if operators else operands[0].kind


def _extend(path: Path, predicates: tuple[Expression, ...], steps: tuple[Step, ...]) -> Path:
    if not predicates:
        return Path(path.absolute, (*path.steps, *steps))
    if not path.steps:
        return Path(path.absolute, (Step("self", "node()", predicates), *steps))
    last = replace(path.steps[-1], predicates=(*path.steps[-1].predicates, *predicates))
    return Path(path.absolute, (*path.steps[:-1], last, *steps))


Tail = Literal["element", "attribute", "text"]


@dataclass(frozen=True, slots=True)
class SimplePath:
    """A path of plain child steps: `up` parents first, then children by name, then what is taken there."""

    up: int
    tags: tuple[NameTest, ...]
    tail: Tail
    attribute: NameTest | None = None


def simple_path(expression: Expression) -> SimplePath | None:
    """Return an expression as a simple path, None when it is none. Only attributes are taken above the record."""
    if (
        expression.kind is not Kind.NODES
        or len(expression.paths) != 1
        or expression.paths[0].absolute
        or "(" in expression.text.replace("text()", "")
    ):
        return None
    names = iter(expression.names)
    tags: list[NameTest] = []
    up = 0
    steps = [step for step in expression.paths[0].steps if step != Step("self", "node()")]
    if any(step.predicates for step in expression.paths[0].steps):
        return None
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        if step.axis == "parent" and step.test == "node()" and not tags and not last:
            up += 1
        elif step.axis == "child" and step.test == "text()" and last and not up:
            return SimplePath(0, tuple(tags), "text")
        elif step.axis in ("child", "attribute") and "(" not in step.test and "*" not in step.test:
            name = next(names)
            if step.axis == "attribute":
                return SimplePath(up, tuple(tags), "attribute", name) if last and not (up and tags) else None
            tags.append(name)
        else:
            return None
    return None if up else SimplePath(0, tuple(tags), "element")
