"""Counting the checks of tests as they are executed, and saying what the first failing one saw.

The text of the tests is rewritten: `assert a == b` asks `__checks__` to compare the two and raises when they differ.
Calls of functions named assert…, `with raises(…)`, and an `if` that raises count as checks too. Before each statement
that names the program it is noted that the tests have come to use it.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Collection
from typing import Any

from sandboxes.guest.analysis import imported
from sandboxes.guest.remote import is_same
from sandboxes.guest.showing import show

NAME = "__checks__"
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "Eq": operator.eq,
    "NotEq": operator.ne,
    "Lt": operator.lt,
    "LtE": operator.le,
    "Gt": operator.gt,
    "GtE": operator.ge,
    "Is": is_same,
    "IsNot": lambda left, right: not is_same(left, right),
    "In": lambda left, right: left in right,
    "NotIn": lambda left, right: left not in right,
}
MAX_SOURCE = 400


class Checks:
    """`reached` and `passed` count executed checks; `entered` holds the names of the functions that were called."""

    def __init__(self, tree: ast.Module, names: Collection[str], modules: Collection[str]) -> None:
        """`names` and `modules` are the program's."""
        self.used = False
        """Whether the tests have come to a statement that names the program."""
        self.reached = 0
        self.passed = 0
        self.entered: set[str] = set()
        self._tests: list[ast.expr] = []
        self._sides: tuple[Any, ...] = ()
        self.tree = ast.fix_missing_locations(Rewriter(self._tests, names, modules).visit(tree))

    @property
    def written(self) -> bool:
        """Whether there is any check in the text."""
        return Rewriter.found(self.tree)

    def enter(self, name: str) -> None:
        self.entered.add(name)

    def use(self) -> None:
        self.used = True

    def reach(self) -> None:
        self.reached += 1

    def hold(self) -> None:
        self.passed += 1

    def compare(self, kind: str, left: Any, right: Any) -> bool:
        self.reached += 1
        if OPERATORS[kind](left, right):
            self.passed += 1
            return True
        self._sides = (left, right)
        return False

    def truth(self, value: Any) -> bool:
        self.reached += 1
        if value:
            self.passed += 1
            return True
        self._sides = (value,)
        return False

    def failed(self, index: int, *message: Any) -> AssertionError:
        """The error of the assert with this number."""
        test = self._tests[index]
        text = f"assert {ast.unparse(test)[:MAX_SOURCE]}"
        if len(self._sides) == 2:
            text += f": got {show(self._sides[0])}"
            if isinstance(test, ast.Compare) and not isinstance(test.comparators[0], ast.Constant):
                text += f", expected {show(self._sides[1])}"
        elif not isinstance(self._sides[0], bool):
            text += f": got {show(self._sides[0])}"
        self._sides = ()
        error = AssertionError(*(message or (text,)))
        error.__dict__["_check"] = text
        return error


class Rewriter(ast.NodeTransformer):
    def __init__(self, tests: list[ast.expr], names: Collection[str], modules: Collection[str]) -> None:
        self._tests = tests
        self._names = {*names, *(module.partition(".")[0] for module in modules)}

    def visit(self, node: ast.AST) -> Any:
        touches = isinstance(node, ast.stmt) and self._touches(node)
        made = super().visit(node)
        if not touches:
            return made
        return [ast.copy_location(_call("use"), node), *(made if isinstance(made, list) else [made])]

    def _touches(self, statement: ast.stmt) -> bool:
        """Whether it names the program; of a function or class, what is evaluated where it is defined."""
        parts: list[ast.AST] = [statement]
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            parts = [*statement.decorator_list, statement.args]
        elif isinstance(statement, ast.ClassDef):
            parts = [*statement.decorator_list, *statement.bases]
        return any(self._names_program(node) for part in parts for node in ast.walk(part))

    def _names_program(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self._names
        return any(module.partition(".")[0] in self._names for module in imported(node))

    def visit_Module(self, node: ast.Module) -> ast.Module:
        for statement in node.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                has_text = ast.get_docstring(statement, clean=False) is not None
                statement.body.insert(int(has_text), _call("enter", ast.Constant(statement.name)))
        self.generic_visit(node)
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        self.generic_visit(node)
        test = node.test
        self._tests.append(test)
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            kind = ast.Constant(type(test.ops[0]).__name__)
            asked = _method("compare", kind, test.left, test.comparators[0])
        else:
            asked = _method("truth", test)
        message = [node.msg] if node.msg is not None else []
        error = _method("failed", ast.Constant(len(self._tests) - 1), *message)
        negated = ast.UnaryOp(ast.Not(), asked)
        return ast.copy_location(ast.If(negated, [ast.Raise(error, None)], []), node)

    def visit_Expr(self, node: ast.Expr) -> Any:
        return self._counted(node, is_call(node.value, "assert"))

    def visit_With(self, node: ast.With) -> Any:
        return self._counted(node, any(is_call(item.context_expr, "assert", "raises") for item in node.items))

    def visit_If(self, node: ast.If) -> Any:
        return self._counted(node, any(isinstance(statement, ast.Raise) for statement in node.body))

    def _counted(self, node: ast.stmt, counts: bool) -> Any:
        self.generic_visit(node)
        if not counts:
            return node
        return [ast.copy_location(_call("reach"), node), node, ast.copy_location(_call("hold"), node)]

    @staticmethod
    def found(tree: ast.Module) -> bool:
        return any(
            isinstance(node, ast.Attribute)
            and node.attr in ("reach", "compare", "truth")
            and isinstance(node.value, ast.Name)
            and node.value.id == NAME
            for node in ast.walk(tree)
        )


def is_call(node: ast.expr, *starts: str) -> bool:
    function = node.func if isinstance(node, ast.Call) else node.value if isinstance(node, ast.Await) else None
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return isinstance(name, str) and name.startswith(starts)


def _method(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Attribute(ast.Name(NAME, ast.Load()), name, ast.Load()), list(args), [])


def _call(name: str, *args: ast.expr) -> ast.Expr:
    return ast.Expr(_method(name, *args))
