"""Constraints between parameters: a small expression language with the syntax of Python.

An expression is parsed into a tree, of which every node must be one of those listed here, and the
tree is turned into functions. No code is evaluated: there are no attributes, no calls but those of
``FUNCTIONS``, and the length of the text bounds both the size of the tree and that of any number.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: Maximum length of an expression, in characters.
LONGEST = 1_000
#: Names that an expression can call.
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": abs,
    "len": len,
    "log": math.log,
    "max": max,
    "min": min,
}
#: The function that takes a name that is not an identifier, such as ``param("batch-size")``.
PARAM = "param"
#: The values of parameters by name. Inactive parameters are missing.
Values = Mapping[str, Any]
_Node = Callable[[Values], Any]

_LARGEST_INTEGER = 10**300
#: As YAML and JSON spell them.
_WORDS = {"true": True, "false": False}
_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: lambda a, b: float(a) ** float(b),
}
_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Not: operator.not_,
}
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}


class NotAnExpression(ValueError):
    """A text is not an expression of the language; the message says what is wrong with it."""


class _Inactive(Exception):
    """A parameter of the expression is inactive."""


@dataclass(frozen=True)
class Expression:
    """A condition on the values of several parameters.

    Attributes:
        text: As the author wrote it.
        names: The parameters that it mentions, in order of appearance.
    """

    text: str
    names: tuple[str, ...] = field(compare=False)
    _evaluate: _Node = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> Expression:
        """The expression of a text.

        Raises:
            NotAnExpression: It is too long, has another syntax, or uses what is not allowed.
        """
        if len(text) > LONGEST:
            raise NotAnExpression(f"has {len(text):,} characters; needs at most {LONGEST:,}")
        try:
            tree = ast.parse(text.strip(), mode="eval")
            builder = _Builder()
            evaluate = builder.build(tree.body)
        except SyntaxError as error:
            place = f" at character {error.offset}" if error.offset else ""
            raise NotAnExpression(f"{error.msg}{place}") from None
        except (RecursionError, MemoryError):
            raise NotAnExpression("is nested too deeply") from None
        except ValueError as error:  # a null character, or a number of thousands of digits
            if isinstance(error, NotAnExpression):
                raise
            raise NotAnExpression(str(error)) from None
        if not builder.names:
            raise NotAnExpression("mentions no parameter")
        return cls(text, tuple(dict.fromkeys(builder.names)), evaluate)

    def holds(self, values: Values) -> bool:
        """Whether it is true of the values.

        It is true where it mentions an inactive parameter, and false where it cannot be evaluated,
        such as for a division by zero.
        """
        try:
            return bool(self._evaluate(values))
        except _Inactive:
            return True
        except (ArithmeticError, TypeError, ValueError):
            return False

    def trouble(self, values: Values) -> str | None:
        """Why it cannot be evaluated for the values; None if it can."""
        try:
            self._evaluate(values)
        except (_Inactive, ArithmeticError, TypeError, ValueError) as error:
            return str(error) or None
        return None


class _Builder:
    """Turns a tree into functions of the values, and notes the names of the parameters."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def build(self, node: ast.expr) -> _Node:
        if isinstance(node, ast.Constant):
            return self._constant(node.value)
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self._parameter(_dotted(node))
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            items = [self.build(item) for item in node.elts]
            return lambda values: [item(values) for item in items]
        if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
            function, operand = _UNARY[type(node.op)], self.build(node.operand)
            return lambda values: function(operand(values))
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            combine = _BINARY[type(node.op)]
            left, right = self.build(node.left), self.build(node.right)
            return lambda values: combine(_number(left(values)), _number(right(values)))
        if isinstance(node, ast.BoolOp):
            return self._bool(node)
        if isinstance(node, ast.Compare):
            return self._compare(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        raise NotAnExpression(
            f"{ast.unparse(node)[:40]} is not allowed; an expression has numbers, texts, names of"
            f" parameters, + - * / // % **, comparisons, and, or, not, {', '.join(FUNCTIONS)}"
        )

    def _constant(self, value: object) -> _Node:
        if not isinstance(value, (bool, int, float, str)):
            raise NotAnExpression(f"{value!r} is not a number or a text")
        return lambda _: value

    def _parameter(self, name: str) -> _Node:
        if name in _WORDS:
            return self._constant(_WORDS[name])
        self.names.append(name)

        def value_of(values: Values) -> Any:
            try:
                return values[name]
            except KeyError:
                raise _Inactive from None

        return value_of

    def _bool(self, node: ast.BoolOp) -> _Node:
        operands = [self.build(value) for value in node.values]
        combine = all if isinstance(node.op, ast.And) else any
        return lambda values: combine(operand(values) for operand in operands)

    def _compare(self, node: ast.Compare) -> _Node:
        operands = [self.build(operand) for operand in (node.left, *node.comparators)]
        unknown = [op for op in node.ops if type(op) not in _COMPARE]
        if unknown:
            raise NotAnExpression("'is' is not allowed; needs == or !=")
        comparisons = [_COMPARE[type(op)] for op in node.ops]

        def compare(values: Values) -> bool:
            left = operands[0](values)
            for comparison, operand in zip(comparisons, operands[1:], strict=True):
                right = operand(values)
                if not comparison(left, right):
                    return False
                left = right
            return True

        return compare

    def _call(self, node: ast.Call) -> _Node:
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        if node.keywords or any(isinstance(item, ast.Starred) for item in node.args):
            raise NotAnExpression(f"{name}() takes values only")
        if name == PARAM:
            (argument,) = node.args if len(node.args) == 1 else (None,)
            if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
                raise NotAnExpression(f'{PARAM}() takes one name in quotes: {PARAM}("batch-size")')
            return self._parameter(argument.value)
        if name not in FUNCTIONS:
            known = ", ".join([*FUNCTIONS, PARAM])
            raise NotAnExpression(f"the function {name[:40]} is not known; needs one of {known}")
        function, arguments = FUNCTIONS[name], [self.build(item) for item in node.args]
        return lambda values: function(*(argument(values) for argument in arguments))


def _dotted(node: ast.expr) -> str:
    """The name of a nested parameter, such as ``model.width``."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    if isinstance(node, ast.Name):
        return node.id
    raise NotAnExpression(f"{ast.unparse(node)[:40]} is not the name of a parameter")


def _number(value: Any) -> Any:
    """A value that can be calculated with; texts and lists cannot be multiplied.

    Raises:
        TypeError: It is not a number.
        OverflowError: It is too large.
    """
    if not isinstance(value, (bool, int, float)):
        raise TypeError(f"{value!r} is not a number")
    if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        raise OverflowError(f"{value.bit_length()} bits")
    return value
