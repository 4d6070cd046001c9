"""The interpreter: one program, and one run of it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from reward_service.answers.pure_python.budget import SIZED, Budget, Exhausted, Halt, Meter, Unsupported
from reward_service.answers.pure_python.calls import bind, call_of_method, mapping_of
from reward_service.answers.pure_python.expressions import EXPRESSIONS
from reward_service.answers.pure_python.functions import CONSTRUCTORS, EXCEPTIONS
from reward_service.answers.pure_python.methods import FIELDS, METHODS, call_static
from reward_service.answers.pure_python.scopes import Scope
from reward_service.answers.pure_python.statements import COMPOUND, SIMPLE, Block, Signal, yields
from reward_service.answers.pure_python.syntax import NotPlain, parse
from reward_service.answers.pure_python.values import Builtin, Function, Module, only_data

_FRAMES = 8_000
"""Host frames that one run may need: some thirty for each nested call of the program."""


class ProgramRaised(Exception):
    """The program raised an exception that it did not catch; the message is the exception's type."""


@contextmanager
def _deep_stack() -> Iterator[None]:
    before = sys.getrecursionlimit()
    depth = 0
    frame = sys._getframe()
    while frame is not None and depth < before:
        depth, frame = depth + 1, frame.f_back  # type: ignore[assignment]
    sys.setrecursionlimit(max(before, depth + _FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


class Program:
    """Source text whose functions can be called. Each call starts from nothing: no state is kept between calls."""

    def __init__(self, source: str, budget: Budget | None = None) -> None:
        """Raises NotPlain when the text does not parse."""
        self._tree = parse(source)
        self._budget = budget or Budget()

    def run(self, call: ast.Call) -> Any:
        """What a call, written as an expression over the program's names, gives.

        Raises ProgramRaised, Exhausted and Unsupported, and NotPlain when it is the arguments that are unsupported.
        """
        run = Interpreter(self._budget)
        module = Scope()
        try:
            with _deep_stack():
                run.finish(run.block(self._tree.body, module))
                given, named = _arguments(run, call, module)
                return _called(run, run.value(call.func, module), given, named)
        except (Halt, NotPlain):
            raise
        except (RecursionError, MemoryError):
            raise Exhausted("it recursed too deep, or needed too much memory") from None
        except Exception as error:
            raise ProgramRaised(type(error).__name__) from None

    def arguments(self, call: ast.Call) -> tuple[list[Any], dict[str, Any]]:
        """The values that a call passes, by place and by name; raises NotPlain unless all of them are plain data.

        They may use the program's names, as far as the interpreter gets with defining them.
        """
        run = Interpreter(self._budget)
        module = Scope()
        with suppress(Exception):
            run.finish(run.block(self._tree.body, module))
        try:
            given, named = run.arguments(call, module)
        except Exception as error:
            reason = str(error) if isinstance(error, Halt) else f"they raise {type(error).__name__}"
            raise NotPlain(f"the arguments cannot be worked out: {reason}") from None
        if not only_data([*given, *named.values()]):
            raise NotPlain("an argument is no data")
        return given, named


def _arguments(run: Interpreter, call: ast.Call, module: Scope) -> tuple[list[Any], dict[str, Any]]:
    try:
        return run.arguments(call, module)
    except Unsupported as error:
        raise NotPlain(f"the arguments use {error}") from None


def _called(run: Interpreter, function: Any, given: list[Any], named: dict[str, Any]) -> Any:
    try:
        return run.call(function, given, named)
    except Unsupported as error:
        if only_data([*given, *named.values()]):
            raise
        raise NotPlain(f"an argument is no data, and the program uses {error}") from None


class Interpreter:
    """One run. Statements are host generators, so that a function with `yield` is one too."""

    def __init__(self, budget: Budget) -> None:
        self.meter = Meter(budget)
        self.names: dict[ast.AST, Any] = {}

    def iterator(self, value: Any) -> Iterator[Any]:
        if isinstance(value, (type, Function, Builtin)):
            raise TypeError(f"{type(value).__name__!r} object is not iterable")
        return iter(value)

    def is_iterable(self, value: Any) -> bool:
        return type(value) in SIZED or type(value) is range or hasattr(value, "__next__")

    def iterate(self, value: Any) -> Iterator[Any]:
        """The items of `value`, each counted."""
        for number, item in enumerate(self.iterator(value), 1):
            self.meter.tick()
            if number & 1023 == 0:
                self.meter.grow(1024)
            yield item

    def counted(self, value: Any) -> Iterator[Any]:
        """An iterator over `value` that counts; raises TypeError at once when it cannot be iterated."""
        iterator = self.iterator(value)

        def count() -> Iterator[Any]:
            for item in iterator:
                self.meter.tick()
                yield item

        return count()

    def settled(self, value: Any) -> Any:
        """A list from an iterator; every other value as it is."""
        return list(self.iterate(value)) if hasattr(value, "__next__") or type(value) is range else value

    def as_function(self, value: Any) -> Callable[..., Any] | None:
        """A host function that calls the program's `value`; None for None."""
        if value is None:
            return None
        return lambda *given, **named: self.call(value, list(given), named)

    def charge_sort(self, items: Any) -> None:
        self.meter.weigh(items)
        self.meter.tick(len(items) * len(items).bit_length() >> 3)

    def call(self, function: Any, given: list[Any], named: dict[str, Any]) -> Any:
        self.meter.tick()
        if isinstance(function, Function):
            return self._invoke(function, given, named)
        if isinstance(function, Builtin):
            return function.run(self, *given, **named)
        if isinstance(function, type):
            make = CONSTRUCTORS.get(function)
            if make is not None:
                return make(self, *given, **named)
            if function in EXCEPTIONS.values():
                return function(*given)
        raise TypeError(f"{type(function).__name__!r} object is not callable")

    def _invoke(self, function: Function, given: list[Any], named: dict[str, Any]) -> Any:
        node, names = function.node, function.names
        values = bind(function, given, named)
        scope = Scope(values, names.local, function.scope, names.global_names)
        if self.meter.depth >= self.meter.budget.depth:
            raise Exhausted("it recursed too deep")
        self.meter.depth += 1
        try:
            if isinstance(node, ast.Lambda):
                if names.generator:
                    raise Unsupported("yield in a lambda")
                return self.value(node.body, scope)
            if names.generator:
                return self._generate(node, scope)
            signal = self.finish(self.block(node.body, scope))
            return None if signal is None else signal.value
        finally:
            self.meter.depth -= 1

    def _generate(self, node: ast.FunctionDef, scope: Scope) -> Iterator[Any]:
        yield from self.block(node.body, scope)

    def finish(self, block: Block) -> Signal | None:
        """Run a block that has no `yield` to its end."""
        try:
            next(block)
        except StopIteration as done:
            signal: Signal | None = done.value
            return signal
        raise Unsupported("yield outside a function")

    def attribute(self, value: Any, name: str) -> Any:
        """`value.name` for a listed name; AttributeError where Python has none, Unsupported where only we have none."""
        kind = type(value)
        if kind is Module:
            if name in value.members:
                return value.members[name]
            raise Unsupported(f"{value.name}.{name}")
        if name in METHODS.get(kind, ()):
            return Builtin(name, lambda run, *given, **named: call_of_method(run, value, name, list(given), named))
        if name in FIELDS.get(kind, ()):
            return getattr(value, name)
        if kind is type:
            if name == "__name__":
                return value.__name__
            if name in METHODS.get(value, ()):
                return Builtin(name, lambda run, *given, **named: call_static(run, value, name, list(given), named))
        if kind in {Function, Builtin}:
            if name == "__name__":
                return value.name
            if kind is Builtin and name in value.fields:
                return value.fields[name]
        if isinstance(value, Exception) and name == "args":
            return value.args
        if name == "__class__" and kind in METHODS:
            return kind
        if kind not in {Function, Builtin} and not hasattr(kind, name):
            raise AttributeError(f"{kind.__name__!r} object has no attribute {name!r}")
        raise Unsupported(f"the attribute {name[:40]}")

    def item(self, value: Any, key: Any) -> Any:
        """`value[key]`."""
        if isinstance(value, type):
            raise Unsupported("a subscript of a type")
        self.meter.weigh(key)
        found = value[key]
        return self.meter.made(found) if type(key) is slice else found

    def value(self, node: ast.expr, scope: Scope) -> Any:
        self.meter.tick()
        handler = EXPRESSIONS.get(type(node))
        if handler is None:
            raise Unsupported(type(node).__name__)
        return handler(self, node, scope)

    def values(self, nodes: list[ast.expr], scope: Scope) -> list[Any]:
        """The values of a list of expressions, starred ones spread."""
        found: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                found.extend(self.iterate(self.value(node.value, scope)))
            else:
                found.append(self.value(node, scope))
        return found

    def arguments(self, node: ast.Call, scope: Scope) -> tuple[list[Any], dict[str, Any]]:
        """The arguments that a call passes, by place and by name."""
        given = self.values(node.args, scope)
        named: dict[str, Any] = {}
        for keyword in node.keywords:
            value = self.value(keyword.value, scope)
            extra = {keyword.arg: value} if keyword.arg is not None else mapping_of(value)
            for name in extra:
                if not isinstance(name, str) or name in named:
                    raise TypeError("keywords must be strings, each given once")
            named.update(extra)
        return given, named

    def block(self, body: list[ast.stmt], scope: Scope) -> Block:
        for statement in body:
            self.meter.tick()
            simple = SIMPLE.get(type(statement))
            if simple is not None and not yields(statement):
                signal = simple(self, statement, scope)
            else:
                compound = COMPOUND.get(type(statement))
                if compound is None:
                    raise Unsupported(type(statement).__name__)
                signal = yield from compound(self, statement, scope)
            if signal is not None:
                return signal
        return None
