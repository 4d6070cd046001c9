"""Names: which are local to a function, and where each is found."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

FUNCTIONS = (ast.FunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(slots=True)
class Scope:
    """One function's names, or the module's when `local` is None: then every bound name is its own."""

    values: dict[str, Any] = field(default_factory=dict)
    local: frozenset[str] | None = None
    outer: Scope | None = None
    global_names: frozenset[str] = frozenset()
    comprehension: bool = False

    def find(self, name: str) -> Scope | None:
        """The scope that owns `name`, or None when it is not the program's own."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.global_names:
                return scope.module
            if name in (scope.values if scope.local is None else scope.local):
                return scope
            scope = scope.outer
        return None

    @property
    def module(self) -> Scope:
        scope = self
        while scope.outer is not None:
            scope = scope.outer
        return scope

    def bind(self, name: str, value: Any) -> None:
        owner = self if self.local is None or name in self.local else self.find(name)
        (owner or self.module).values[name] = value

    def function(self) -> Scope:
        """The nearest scope that is not a comprehension's: where `:=` binds."""
        scope = self
        while scope.comprehension and scope.outer is not None:
            scope = scope.outer
        return scope


@dataclass(frozen=True, slots=True)
class Names:
    """What a function's text says about its names."""

    local: frozenset[str]
    global_names: frozenset[str]
    generator: bool


def own_nodes(body: list[ast.AST]) -> Iterator[ast.AST]:
    """All nodes under `body`, not those inside nested functions (the nested definitions themselves are)."""
    stack = list(reversed(body))
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, FUNCTIONS):
            stack.extend(node.args.defaults)
            stack.extend(default for default in node.args.kw_defaults if default is not None)
        else:
            stack.extend(ast.iter_child_nodes(node))


def names_of(function: ast.FunctionDef | ast.Lambda) -> Names:
    body: list[ast.AST] = [function.body] if isinstance(function, ast.Lambda) else list(function.body)
    bound = {argument.arg for argument in arguments_of(function.args)}
    outside: set[str] = set()
    global_names: set[str] = set()
    generator = False
    hidden: set[ast.AST] = set()  # targets of comprehensions, which have a scope of their own
    for node in own_nodes(body):
        if isinstance(node, COMPREHENSIONS):
            hidden.update(name for part in node.generators for name in ast.walk(part.target))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)) and node not in hidden:
            bound.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ExceptHandler)):
            bound.add(node.name or "")
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            bound.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Global):
            global_names.update(node.names)
        elif isinstance(node, ast.Nonlocal):
            outside.update(node.names)
        elif isinstance(node, (ast.Yield, ast.YieldFrom)):
            generator = True
    return Names(frozenset(bound - outside - global_names), frozenset(global_names), generator)


def arguments_of(arguments: ast.arguments) -> list[ast.arg]:
    """Every parameter, the starred ones too."""
    found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return found + [extra for extra in (arguments.vararg, arguments.kwarg) if extra is not None]
