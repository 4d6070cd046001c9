"""The interpreter: statements and expressions of one program."""

from __future__ import annotations

import ast
import builtins
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

from reward_service.answers.pure_python.budget import (
    MAPPINGS,
    SIZED,
    Budget,
    Exhausted,
    Halt,
    Meter,
    Unsupported,
)
from reward_service.answers.pure_python.formatting import format_value
from reward_service.answers.pure_python.functions import CONSTRUCTORS, EXCEPTIONS, NAMES
from reward_service.answers.pure_python.methods import FIELDS, METHODS, call_method, call_static
from reward_service.answers.pure_python.modules import MODULES
from reward_service.answers.pure_python.operators import UNARY, binary, compare
from reward_service.answers.pure_python.scopes import Scope, names_of
from reward_service.answers.pure_python.syntax import NotPlain, parse
from reward_service.answers.pure_python.values import Builtin, Function, Module, Stopped

_FRAMES = 8_000
"""Host frames that one run may need: some thirty for each nested call of the program."""


class ProgramRaised(Exception):
    """The program raised an exception that it did not catch; the message is the exception's type."""


class _Signal:
    """How a block ends other than by reaching its end."""

    __slots__ = ("value",)

    def __init__(self, value: Any = None) -> None:
        self.value = value


_BREAK, _CONTINUE = _Signal(), _Signal()
_Block = Generator[Any, None, _Signal | None]


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

    def functions(self) -> frozenset[str]:
        """The names that the program defines as functions."""
        return frozenset(node.name for node in self._tree.body if isinstance(node, ast.FunctionDef))

    def parameters(self, function: str) -> list[str]:
        """The names of the positional parameters of a function of the program."""
        for node in reversed(self._tree.body):
            if isinstance(node, ast.FunctionDef) and node.name == function:
                return [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
        return []

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
                return run.call(run.value(call.func, module), given, named)
        except (Halt, NotPlain):
            raise
        except (RecursionError, MemoryError):
            raise Exhausted("it recursed too deep, or needed too much memory") from None
        except Exception as error:
            raise ProgramRaised(type(error).__name__) from None


def _arguments(run: Interpreter, call: ast.Call, module: Scope) -> tuple[list[Any], dict[str, Any]]:
    try:
        return run.arguments(call, module)
    except Unsupported as error:
        raise NotPlain(f"the arguments use {error}") from None


class Interpreter:
    """One run. Statements are host generators, so that a function with `yield` is one too."""

    def __init__(self, budget: Budget) -> None:
        self.meter = Meter(budget)
        self._names: dict[ast.AST, Any] = {}

    # Iterating and calling, for the builtins

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
        values = _bind(function, given, named)
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

    def finish(self, block: _Block) -> _Signal | None:
        """Run a block that has no `yield` to its end."""
        try:
            next(block)
        except StopIteration as done:
            signal: _Signal | None = done.value
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
            return Builtin(name, lambda run, *given, **named: _method(run, value, name, list(given), named))
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

    # Expressions

    def value(self, node: ast.expr, scope: Scope) -> Any:
        self.meter.tick()
        handler = _EXPRESSIONS.get(type(node))
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

    def _constant(self, node: ast.Constant, scope: Scope) -> Any:
        return node.value

    def _name(self, node: ast.Name, scope: Scope) -> Any:
        owner = scope.find(node.id)
        if owner is None:
            if node.id in NAMES:
                return NAMES[node.id]
            if hasattr(builtins, node.id):
                raise Unsupported(f"the builtin {node.id}")
            raise NameError(f"name {node.id!r} is not defined", name=node.id)
        try:
            return owner.values[node.id]
        except KeyError:
            if owner.local is None:
                raise NameError(f"name {node.id!r} is not defined") from None
            raise UnboundLocalError(
                f"cannot access local variable {node.id!r} where it is not associated with a value"
            ) from None

    def _list(self, node: ast.List, scope: Scope) -> list[Any]:
        return self.values(node.elts, scope)

    def _tuple(self, node: ast.Tuple, scope: Scope) -> tuple[Any, ...]:
        return tuple(self.values(node.elts, scope))

    def _set(self, node: ast.Set, scope: Scope) -> set[Any]:
        items = self.values(node.elts, scope)
        self.meter.weigh(items)
        return set(items)

    def _dict(self, node: ast.Dict, scope: Scope) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                more = self.value(value, scope)
                self.meter.weigh(more)
                made.update(_mapping(more))
            else:
                name = self.value(key, scope)
                self.meter.weigh(name)
                made[name] = self.value(value, scope)
        return made

    def _binary(self, node: ast.BinOp, scope: Scope) -> Any:
        left = self.value(node.left, scope)
        return binary(self.meter, type(node.op), left, self.value(node.right, scope))

    def _unary(self, node: ast.UnaryOp, scope: Scope) -> Any:
        return UNARY[type(node.op)](self.value(node.operand, scope))

    def _logic(self, node: ast.BoolOp, scope: Scope) -> Any:
        stop = isinstance(node.op, ast.Or)
        value = None
        for part in node.values:
            value = self.value(part, scope)
            if bool(value) is stop:
                break
        return value

    def _compare(self, node: ast.Compare, scope: Scope) -> Any:
        left = self.value(node.left, scope)
        held: Any = True
        for kind, part in zip(node.ops, node.comparators, strict=True):
            right = self.value(part, scope)
            held = compare(self.meter, type(kind), left, right)
            if not held:
                break
            left = right
        return held

    def _choice(self, node: ast.IfExp, scope: Scope) -> Any:
        return self.value(node.body if self.value(node.test, scope) else node.orelse, scope)

    def _call(self, node: ast.Call, scope: Scope) -> Any:
        method: tuple[Any, str] | None = None
        if isinstance(node.func, ast.Attribute):  # most calls: no bound method need be made
            receiver = self.value(node.func.value, scope)
            if node.func.attr in METHODS.get(type(receiver), ()):
                method = receiver, node.func.attr
            else:
                function = self.attribute(receiver, node.func.attr)
        else:
            function = self.value(node.func, scope)
        given, named = self.arguments(node, scope)
        if method is not None:
            return _method(self, *method, given, named)
        return self.call(function, given, named)

    def arguments(self, node: ast.Call, scope: Scope) -> tuple[list[Any], dict[str, Any]]:
        """The arguments that a call passes, by place and by name."""
        given = self.values(node.args, scope)
        named: dict[str, Any] = {}
        for keyword in node.keywords:
            value = self.value(keyword.value, scope)
            extra = {keyword.arg: value} if keyword.arg is not None else _mapping(value)
            for name in extra:
                if not isinstance(name, str) or name in named:
                    raise TypeError("keywords must be strings, each given once")
            named.update(extra)
        return given, named

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Any:
        return self.attribute(self.value(node.value, scope), node.attr)

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Any:
        return self.item(self.value(node.value, scope), self.value(node.slice, scope))

    def _slice(self, node: ast.Slice, scope: Scope) -> slice:
        ends = (None if part is None else self.value(part, scope) for part in (node.lower, node.upper, node.step))
        return slice(*ends)

    def _lambda(self, node: ast.Lambda, scope: Scope) -> Function:
        return self._function("<lambda>", node, scope)

    def _function(self, name: str, node: ast.FunctionDef | ast.Lambda, scope: Scope) -> Function:
        defaults = tuple(self.values(node.args.defaults, scope))
        named = {
            parameter.arg: self.value(default, scope)
            for parameter, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            if default is not None
        }
        if node not in self._names:
            self._names[node] = names_of(node)
        return Function(name, node, self._names[node], scope, defaults, named)

    def _text(self, node: ast.JoinedStr, scope: Scope) -> str:
        parts = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                spec = "" if part.format_spec is None else str(self.value(part.format_spec, scope))
                conversion = chr(part.conversion) if part.conversion > 0 else None
                parts.append(format_value(self.meter, self.value(part.value, scope), spec, conversion))
            else:
                parts.append(str(self.value(part, scope)))
        self.meter.grow(sum(map(len, parts)))
        return "".join(parts)

    def _walrus(self, node: ast.NamedExpr, scope: Scope) -> Any:
        value = self.value(node.value, scope)
        scope.function().bind(node.target.id, value)
        return value

    def _clauses(self, clauses: list[ast.comprehension], scope: Scope, first: Any) -> Iterator[None]:
        """Bind the targets of a comprehension, once for each round. `first` is the outermost iterable's iterator."""
        clause, rest = clauses[0], clauses[1:]
        if clause.is_async:
            raise Unsupported("async")
        for item in first:
            self.meter.tick()
            self.assign(clause.target, item, scope)
            if all(self.value(test, scope) for test in clause.ifs):
                if rest:
                    yield from self._clauses(rest, scope, self.iterator(self.value(rest[0].iter, scope)))
                else:
                    yield None

    def _rounds(self, node: ast.expr, clauses: list[ast.comprehension], scope: Scope) -> tuple[Scope, Iterator[None]]:
        first = self.iterator(self.value(clauses[0].iter, scope))
        if node not in self._names:
            targets = (part for clause in clauses for part in ast.walk(clause.target))
            self._names[node] = frozenset(part.id for part in targets if isinstance(part, ast.Name))
        inner = Scope({}, self._names[node], scope, comprehension=True)
        return inner, self._clauses(clauses, inner, first)

    def _list_comprehension(self, node: ast.ListComp, scope: Scope) -> list[Any]:
        inner, rounds = self._rounds(node, node.generators, scope)
        return list(self.iterate(self.value(node.elt, inner) for _ in rounds))

    def _set_comprehension(self, node: ast.SetComp, scope: Scope) -> set[Any]:
        inner, rounds = self._rounds(node, node.generators, scope)
        return set(self.iterate(self.value(node.elt, inner) for _ in rounds))

    def _dict_comprehension(self, node: ast.DictComp, scope: Scope) -> dict[Any, Any]:
        inner, rounds = self._rounds(node, node.generators, scope)
        return dict(self.iterate((self.value(node.key, inner), self.value(node.value, inner)) for _ in rounds))

    def _generator(self, node: ast.GeneratorExp, scope: Scope) -> Iterator[Any]:
        inner, rounds = self._rounds(node, node.generators, scope)
        return (self.value(node.elt, inner) for _ in rounds)

    # Statements

    def block(self, body: list[ast.stmt], scope: Scope) -> _Block:
        for statement in body:
            self.meter.tick()
            simple = _SIMPLE.get(type(statement))
            if simple is not None and not _yields(statement):
                signal = simple(self, statement, scope)
            else:
                compound = _COMPOUND.get(type(statement))
                if compound is None:
                    raise Unsupported(type(statement).__name__)
                signal = yield from compound(self, statement, scope)
            if signal is not None:
                return signal
        return None

    def assign(self, target: ast.expr, value: Any, scope: Scope) -> None:
        if isinstance(target, ast.Name):
            scope.bind(target.id, value)
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._unpack(target.elts, value, scope)
        elif isinstance(target, ast.Subscript):
            holder, key = self.value(target.value, scope), self.value(target.slice, scope)
            self.meter.weigh(key)
            if type(key) is slice:
                value = self.settled(value)
                self._shift(holder)
                self.meter.grow(len(value) if type(value) in SIZED else 0)
            holder[key] = value
        elif isinstance(target, ast.Attribute):
            raise AttributeError(f"cannot set the attribute {target.attr!r}")
        else:
            raise Unsupported(type(target).__name__)

    def _shift(self, holder: Any) -> None:
        """Count the moving of all elements of a list."""
        if type(holder) in SIZED:
            self.meter.tick(len(holder) >> 10)

    def _unpack(self, targets: list[ast.expr], value: Any, scope: Scope) -> None:
        starred = [place for place, target in enumerate(targets) if isinstance(target, ast.Starred)]
        limit = None if starred else len(targets) + 1
        items: list[Any] = []
        for item in self.iterate(value):
            items.append(item)
            if limit is not None and len(items) >= limit:
                raise ValueError(f"too many values to unpack (expected {len(targets)})")
        if starred:
            before, after = starred[0], len(targets) - starred[0] - 1
            if len(items) < before + after:
                raise ValueError("not enough values to unpack")
            middle = items[before : len(items) - after]
            items = [*items[:before], middle, *items[len(items) - after :]]
        elif len(items) < len(targets):
            raise ValueError(f"not enough values to unpack (expected {len(targets)}, got {len(items)})")
        for target, item in zip(targets, items, strict=True):
            self.assign(target.value if isinstance(target, ast.Starred) else target, item, scope)

    def _assign(self, node: ast.Assign, scope: Scope) -> None:
        value = self.value(node.value, scope)
        for target in node.targets:
            self.assign(target, value, scope)

    def _annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        if node.value is not None:
            self.assign(node.target, self.value(node.value, scope), scope)

    def _augmented(self, node: ast.AugAssign, scope: Scope) -> None:
        kind = type(node.op)
        if isinstance(node.target, ast.Name):
            left = self._name(ast.Name(node.target.id, ast.Load()), scope)
            scope.bind(node.target.id, self._inplace(kind, left, self.value(node.value, scope)))
        elif isinstance(node.target, ast.Subscript):
            holder, key = self.value(node.target.value, scope), self.value(node.target.slice, scope)
            left = self.item(holder, key)
            holder[key] = self._inplace(kind, left, self.value(node.value, scope))
        else:
            raise AttributeError("cannot set the attribute")

    def _inplace(self, kind: type[ast.operator], left: Any, right: Any) -> Any:
        if kind is ast.Add and type(left) in {list, deque}:
            right = right if type(right) in SIZED else list(self.iterate(right))
            self.meter.grow(len(left) + len(right))
        return binary(self.meter, kind, left, right, inplace=True)

    def _expression(self, node: ast.Expr, scope: Scope) -> None:
        self.value(node.value, scope)

    def _return(self, node: ast.Return, scope: Scope) -> _Signal:
        return _Signal(None if node.value is None else self.value(node.value, scope))

    def _pass(self, node: ast.stmt, scope: Scope) -> None:
        return None

    def _break(self, node: ast.Break, scope: Scope) -> _Signal:
        return _BREAK

    def _continue(self, node: ast.Continue, scope: Scope) -> _Signal:
        return _CONTINUE

    def _delete(self, node: ast.Delete, scope: Scope) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self._name(target, scope)
                owner = scope.find(target.id)
                if owner is not None:
                    del owner.values[target.id]
            elif isinstance(target, ast.Subscript):
                holder, key = self.value(target.value, scope), self.value(target.slice, scope)
                self.meter.weigh(key)
                self._shift(holder)
                del holder[key]
            else:
                raise Unsupported("del of that target")

    def _assert(self, node: ast.Assert, scope: Scope) -> None:
        if not self.value(node.test, scope):
            raise AssertionError(*([] if node.msg is None else [self.value(node.msg, scope)]))

    def _raise(self, node: ast.Raise, scope: Scope) -> NoReturn:
        if node.exc is None:
            current = scope.function().values.get("\0caught")
            raise current if current is not None else RuntimeError("No active exception to reraise")
        error = self.value(node.exc, scope)
        if isinstance(error, type) and error in EXCEPTIONS.values():
            error = error()
        if not isinstance(error, Exception):
            raise TypeError("exceptions must derive from BaseException")
        raise Stopped() if isinstance(error, StopIteration) else error

    def _define(self, node: ast.FunctionDef, scope: Scope) -> None:
        function: Any = self._function(node.name, node, scope)
        for decorator in reversed(node.decorator_list):
            function = self.call(self.value(decorator, scope), [function], {})
        scope.bind(node.name, function)

    def _import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            if alias.name not in MODULES:
                raise Unsupported(f"the module {alias.name[:40]}")
            scope.bind(alias.asname or alias.name, Module(alias.name, MODULES[alias.name]))

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        members = MODULES.get(node.module or "")
        for alias in node.names:
            if members is None or alias.name not in members:
                raise Unsupported(f"{(node.module or '')[:40]}.{alias.name[:40]}")
            scope.bind(alias.asname or alias.name, members[alias.name])

    def _if(self, node: ast.If, scope: Scope) -> _Block:
        return (yield from self.block(node.body if self.value(node.test, scope) else node.orelse, scope))

    def _while(self, node: ast.While, scope: Scope) -> _Block:
        while self.value(node.test, scope):
            signal = yield from self.block(node.body, scope)
            if signal is _BREAK:
                return None
            if signal is not None and signal is not _CONTINUE:
                return signal
        return (yield from self.block(node.orelse, scope))

    def _for(self, node: ast.For, scope: Scope) -> _Block:
        for item in self.iterator(self.value(node.iter, scope)):
            self.meter.tick()
            self.assign(node.target, item, scope)
            signal = yield from self.block(node.body, scope)
            if signal is _BREAK:
                return None
            if signal is not None and signal is not _CONTINUE:
                return signal
        return (yield from self.block(node.orelse, scope))

    def _try(self, node: ast.Try, scope: Scope) -> _Block:
        signal: _Signal | None = None
        try:
            try:
                signal = yield from self.block(node.body, scope)
            except (Halt, RecursionError, MemoryError):
                raise
            except Exception as error:
                handler = self._handler(node.handlers, error, scope)
                if handler is None:
                    raise
                signal = yield from self._handle(handler, error, scope)
            else:
                if signal is None:
                    signal = yield from self.block(node.orelse, scope)
        except (Halt, RecursionError, MemoryError):
            raise
        except Exception:
            final = yield from self.block(node.finalbody, scope)
            if final is None:
                raise
            return final
        final = yield from self.block(node.finalbody, scope)
        return final if final is not None else signal

    def _handler(self, handlers: list[ast.ExceptHandler], error: Exception, scope: Scope) -> ast.ExceptHandler | None:
        seen = StopIteration() if isinstance(error, Stopped) else error
        for handler in handlers:
            if handler.type is None or isinstance(seen, self.value(handler.type, scope)):
                return handler
        return None

    def _handle(self, handler: ast.ExceptHandler, error: Exception, scope: Scope) -> _Block:
        holder = scope.function().values
        before = holder.get("\0caught")
        holder["\0caught"] = error
        if handler.name:
            scope.bind(handler.name, StopIteration() if isinstance(error, Stopped) else error)
        try:
            return (yield from self.block(handler.body, scope))
        finally:
            holder["\0caught"] = before
            owner = scope.find(handler.name) if handler.name else None
            if owner is not None and handler.name:
                owner.values.pop(handler.name, None)

    def _yield(self, node: ast.Expr | ast.Assign, scope: Scope) -> _Block:
        """`yield x`, `yield from x` and `name = yield x`, where nothing is ever sent in."""
        value = node.value
        result = None
        if isinstance(value, ast.YieldFrom):
            yield from self.iterate(self.value(value.value, scope))
        elif isinstance(value, ast.Yield):
            yield None if value.value is None else self.value(value.value, scope)
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self.assign(target, result, scope)
        return None


def _yields(node: ast.stmt) -> bool:
    return isinstance(node, (ast.Expr, ast.Assign)) and isinstance(node.value, (ast.Yield, ast.YieldFrom))


def _mapping(value: Any) -> Mapping[Any, Any]:
    if type(value) not in MAPPINGS:
        raise TypeError(f"{type(value).__name__!r} object is not a mapping")
    mapping: Mapping[Any, Any] = value
    return mapping


def _method(run: Interpreter, receiver: Any, name: str, given: list[Any], named: dict[str, Any]) -> Any:
    if name in {"maketrans", "fromkeys", "fromhex", "from_bytes"}:
        return call_static(run, type(receiver), name, given, named)
    return call_method(run, receiver, name, given, named)


def _bind(function: Function, given: list[Any], named: dict[str, Any]) -> dict[str, Any]:
    """The parameters' values, by Python's rules; raises TypeError."""
    spec = function.node.args
    positional = [argument.arg for argument in (*spec.posonlyargs, *spec.args)]
    values: dict[str, Any] = dict(zip(positional, given, strict=False))
    if spec.vararg is not None:
        values[spec.vararg.arg] = tuple(given[len(positional) :])
    elif len(given) > len(positional):
        raise TypeError(f"{function.name}() takes {len(positional)} positional arguments but {len(given)} were given")
    by_name = {argument.arg for argument in (*spec.args, *spec.kwonlyargs)}
    extra: dict[str, Any] = {}
    for name, value in named.items():
        if name in by_name:
            if name in values:
                raise TypeError(f"{function.name}() got multiple values for argument {name!r}")
            values[name] = value
        elif spec.kwarg is not None:
            extra[name] = value
        else:
            raise TypeError(f"{function.name}() got an unexpected keyword argument {name!r}")
    if spec.kwarg is not None:
        values[spec.kwarg.arg] = extra
    defaults = dict(zip(positional[len(positional) - len(function.defaults) :], function.defaults, strict=True))
    for name in (*positional, *(argument.arg for argument in spec.kwonlyargs)):
        if name not in values:
            if name in defaults:
                values[name] = defaults[name]
            elif name in function.named_defaults:
                values[name] = function.named_defaults[name]
            else:
                raise TypeError(f"{function.name}() missing a required argument: {name!r}")
    return values


_EXPRESSIONS: dict[type[ast.expr], Callable[..., Any]] = {
    ast.Constant: Interpreter._constant,
    ast.Name: Interpreter._name,
    ast.List: Interpreter._list,
    ast.Tuple: Interpreter._tuple,
    ast.Set: Interpreter._set,
    ast.Dict: Interpreter._dict,
    ast.BinOp: Interpreter._binary,
    ast.UnaryOp: Interpreter._unary,
    ast.BoolOp: Interpreter._logic,
    ast.Compare: Interpreter._compare,
    ast.IfExp: Interpreter._choice,
    ast.Call: Interpreter._call,
    ast.Attribute: Interpreter._attribute,
    ast.Subscript: Interpreter._subscript,
    ast.Slice: Interpreter._slice,
    ast.Lambda: Interpreter._lambda,
    ast.JoinedStr: Interpreter._text,
    ast.NamedExpr: Interpreter._walrus,
    ast.ListComp: Interpreter._list_comprehension,
    ast.SetComp: Interpreter._set_comprehension,
    ast.DictComp: Interpreter._dict_comprehension,
    ast.GeneratorExp: Interpreter._generator,
}
_SIMPLE: dict[type[ast.stmt], Callable[..., _Signal | None]] = {
    ast.Assign: Interpreter._assign,
    ast.AnnAssign: Interpreter._annotated,
    ast.AugAssign: Interpreter._augmented,
    ast.Expr: Interpreter._expression,
    ast.Return: Interpreter._return,
    ast.Pass: Interpreter._pass,
    ast.Global: Interpreter._pass,
    ast.Nonlocal: Interpreter._pass,
    ast.Break: Interpreter._break,
    ast.Continue: Interpreter._continue,
    ast.Delete: Interpreter._delete,
    ast.Assert: Interpreter._assert,
    ast.Raise: Interpreter._raise,
    ast.FunctionDef: Interpreter._define,
    ast.Import: Interpreter._import,
    ast.ImportFrom: Interpreter._import_from,
}
_COMPOUND: dict[type[ast.stmt], Callable[..., _Block]] = {
    ast.If: Interpreter._if,
    ast.While: Interpreter._while,
    ast.For: Interpreter._for,
    ast.Try: Interpreter._try,
    ast.Expr: Interpreter._yield,
    ast.Assign: Interpreter._yield,
}
