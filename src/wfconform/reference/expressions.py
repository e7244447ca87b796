"""Edge conditions (§11): `[[age]] < 50 AND isPresent([[name]])`, parsed by hand and never handed to `eval`.

    either     := both (OR both)*
    both       := negation (AND negation)*
    negation   := NOT negation | "(" either ")" | test "(" name ")" | operand [comparison operand]
    test       := isPresent | isAbsent | isEmpty | isNonEmpty
    comparison := "=" | "==" | "!=" | "<" | "<=" | ">" | ">="
    operand    := "[[" name "]]" | string | number | true | false | null

Words are read in any letter case. Nesting and length are bounded, so no expression can exhaust the stack.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

MAX_LENGTH = 10_000
MAX_DEPTH = 50

Variables = Mapping[str, Any]


class ExpressionError(Exception):
    """The text is no expression, or its value cannot be determined."""


class Expression(Protocol):
    """A parsed expression."""

    def evaluate(self, variables: Variables) -> Any:
        """Return its value; raises ExpressionError when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Literal:
    """A string, number, boolean or null."""

    value: str | int | float | bool | None

    def evaluate(self, variables: Variables) -> Any:  # noqa: ARG002 - same for every run
        """Return the literal."""
        return self.value


@dataclass(frozen=True, slots=True)
class Name:
    """A runtime variable: its value is an error while it is unset."""

    name: str

    def evaluate(self, variables: Variables) -> Any:
        """Return what the variable holds."""
        if self.name not in variables:
            raise ExpressionError(f"[[{self.name}]] is not set")
        return variables[self.name]


@dataclass(frozen=True, slots=True)
class Test:
    """A question about a variable that may be unset."""

    __test__ = False
    word: str
    name: str

    def evaluate(self, variables: Variables) -> bool:
        """Return the answer."""
        return _TESTS[self.word](variables.get(self.name))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values compared."""

    symbol: str
    left: Expression
    right: Expression

    def evaluate(self, variables: Variables) -> bool:
        """Return whether the relation holds; only numbers or only strings have an order."""
        left, right = self.left.evaluate(variables), self.right.evaluate(variables)
        if self.symbol in _ORDERS:
            if not (_both(str, left, right) or _both_numbers(left, right)):
                raise ExpressionError(f"{_kind(left)} {self.symbol} {_kind(right)} cannot be compared")
            return bool(_ORDERS[self.symbol](left, right))
        return _equal(left, right) == (self.symbol != "!=")


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition."""

    inner: Expression

    def evaluate(self, variables: Variables) -> bool:
        """Return the negation."""
        return not _holds(self.inner, variables)


@dataclass(frozen=True, slots=True)
class Junction:
    """Conditions joined by AND or by OR; later ones are not looked at once the value is known."""

    word: str
    parts: tuple[Expression, ...]

    def evaluate(self, variables: Variables) -> bool:
        """Return whether all (AND) or any (OR) of the parts hold."""
        quantifier = all if self.word == "AND" else any
        return quantifier(_holds(part, variables) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Condition:
    """A whole condition and the variables that it speaks of."""

    root: Expression
    names: tuple[str, ...]

    def holds(self, variables: Variables) -> bool:
        """Tell whether it is true; raises ExpressionError when that cannot be determined."""
        return _holds(self.root, variables)


def _holds(expression: Expression, variables: Variables) -> bool:
    """Tell whether a condition is true; a value that is no boolean is an error, never a guess."""
    value = expression.evaluate(variables)
    if not isinstance(value, bool):
        raise ExpressionError(f"a condition must be true or false, not {_kind(value)}")
    return value


def parse(text: str) -> Condition:
    """Parse a condition; raises ExpressionError and says where it stopped making sense."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"longer than {MAX_LENGTH} characters")
    tokens = _tokens(text)
    reader = _Parser(tokens)
    root = reader.either(depth=0)
    reader.expect("end")
    return Condition(root, tuple(dict.fromkeys(token.text for token in tokens if token.kind == "name")))


_Order = Callable[[Any, Any], Any]
_ORDERS: Mapping[str, _Order] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def _present(value: object) -> bool:
    return value is not None


def _empty(value: object) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)


_TESTS: Mapping[str, Callable[[object], bool]] = {
    "ispresent": _present,
    "isabsent": lambda value: not _present(value),
    "isempty": _empty,
    "isnonempty": lambda value: not _empty(value),
}
_CONSTANTS = {"true": True, "false": False, "null": None}
_WORDS = frozenset({"and", "or", "not", *_TESTS, *_CONSTANTS})
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_TOKEN = re.compile(
    r"""\s*(?:
        \[\[\s*(?P<name>[A-Za-z_][\w.-]*)\s*\]\]
      | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<number>-?\d{1,300}(?:\.\d{1,300})?(?![\w.]))
      | (?P<word>[A-Za-z]+)
      | (?P<symbol><=|>=|!=|==|=|<|>|\(|\))
      | (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while not tokens or tokens[-1].kind != "end":
        found = _TOKEN.match(text, position)
        if found is None or found.lastgroup is None:
            raise ExpressionError(f"not understood at character {position + 1}: {text[position : position + 20]!r}")
        tokens.append(_token(found.lastgroup, found[found.lastgroup], position))
        position = found.end()
    return tokens


def _token(kind: str, text: str, position: int) -> _Token:
    word = text.lower()
    if kind == "word":
        if word not in _WORDS:
            raise ExpressionError(f"unknown word {text!r} at character {position + 1}")
        return _Token(word, text, position)
    return _Token(text if kind == "symbol" else kind, text, position)


class _Parser:
    """Recursive descent over the tokens; `depth` bounds it."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0

    def either(self, *, depth: int) -> Expression:
        if depth > MAX_DEPTH:
            raise ExpressionError(f"nested deeper than {MAX_DEPTH}")
        return self._junction("or", lambda: self._junction("and", lambda: self._negation(depth)))

    def expect(self, kind: str) -> _Token:
        token = self._accept(kind)
        if token is None:
            found = self._tokens[self._next]
            raise ExpressionError(
                f"expected {kind} at character {found.position + 1}, found {found.text or 'the end'!r}"
            )
        return token

    def _accept(self, *kinds: str) -> _Token | None:
        token = self._tokens[self._next]
        if token.kind not in kinds:
            return None
        self._next += 1
        return token

    def _junction(self, word: str, part: Callable[[], Expression]) -> Expression:
        parts = [part()]
        while self._accept(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Junction(word.upper(), tuple(parts))

    def _negation(self, depth: int) -> Expression:
        if depth > MAX_DEPTH:
            raise ExpressionError(f"nested deeper than {MAX_DEPTH}")
        if self._accept("not"):
            return Not(self._negation(depth + 1))
        if self._accept("("):
            inner = self.either(depth=depth + 1)
            self.expect(")")
            return inner
        if test := self._accept(*_TESTS):
            return self._test(test)
        return self._comparison()

    def _test(self, test: _Token) -> Expression:
        self.expect("(")
        name = self.expect("name")
        self.expect(")")
        return Test(test.kind, name.text)

    def _comparison(self) -> Expression:
        left = self._operand()
        symbol = self._accept("=", "==", "!=", *_ORDERS)
        return Comparison(symbol.text, left, self._operand()) if symbol else left

    def _operand(self) -> Expression:
        token = self._accept("name", "string", "number", *_CONSTANTS)
        if token is None:
            token = self.expect("a value")
        return _OPERANDS.get(token.kind, _constant)(token.text)


def _constant(text: str) -> Expression:
    return Literal(_CONSTANTS[text.lower()])


def _number(text: str) -> Expression:
    return Literal(float(text) if "." in text else int(text))


_OPERANDS: Mapping[str, Callable[[str], Expression]] = {
    "name": Name,
    "string": lambda text: Literal(_ESCAPE.sub(r"\1", text[1:-1])),
    "number": _number,
}


def _both(kind: type, left: object, right: object) -> bool:
    return isinstance(left, kind) and isinstance(right, kind)


def _both_numbers(left: object, right: object) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in (left, right))


def _equal(left: object, right: object) -> bool:
    """Compare as JSON does: true is not 1, and "1" is not 1."""
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def _kind(value: object) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return "null" if value is None else names.get(type(value), "a value")
