"""What each kind of statement does. Those that hold blocks are host generators, so that a function may `yield`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, NoReturn

from reward_service.answers.pure_python.budget import Halt, Unsupported
from reward_service.answers.pure_python.expressions import lookup, make_function
from reward_service.answers.pure_python.functions import EXCEPTIONS
from reward_service.answers.pure_python.modules import MODULES
from reward_service.answers.pure_python.scopes import Scope
from reward_service.answers.pure_python.targets import assign, inplace, shift
from reward_service.answers.pure_python.values import Module, Stopped

if TYPE_CHECKING:
    from reward_service.answers.pure_python.interpreter import Interpreter


class Signal:
    """How a block ends other than by reaching its end."""

    __slots__ = ("value",)

    def __init__(self, value: Any = None) -> None:
        self.value = value


BREAK, CONTINUE = Signal(), Signal()
Block = Generator[Any, None, Signal | None]


def _assign(run: Interpreter, node: ast.Assign, scope: Scope) -> None:
    value = run.value(node.value, scope)
    for target in node.targets:
        assign(run, target, value, scope)


def _annotated(run: Interpreter, node: ast.AnnAssign, scope: Scope) -> None:
    if node.value is not None:
        assign(run, node.target, run.value(node.value, scope), scope)


def _augmented(run: Interpreter, node: ast.AugAssign, scope: Scope) -> None:
    kind = type(node.op)
    if isinstance(node.target, ast.Name):
        left = lookup(run, ast.Name(node.target.id, ast.Load()), scope)
        scope.bind(node.target.id, inplace(run, kind, left, run.value(node.value, scope)))
    elif isinstance(node.target, ast.Subscript):
        holder, key = run.value(node.target.value, scope), run.value(node.target.slice, scope)
        left = run.item(holder, key)
        holder[key] = inplace(run, kind, left, run.value(node.value, scope))
    else:
        raise AttributeError("cannot set the attribute")


def _expression(run: Interpreter, node: ast.Expr, scope: Scope) -> None:
    run.value(node.value, scope)


def _return(run: Interpreter, node: ast.Return, scope: Scope) -> Signal:
    return Signal(None if node.value is None else run.value(node.value, scope))


def _pass(run: Interpreter, node: ast.stmt, scope: Scope) -> None:
    return None


def _break(run: Interpreter, node: ast.Break, scope: Scope) -> Signal:
    return BREAK


def _continue(run: Interpreter, node: ast.Continue, scope: Scope) -> Signal:
    return CONTINUE


def _delete(run: Interpreter, node: ast.Delete, scope: Scope) -> None:
    for target in node.targets:
        if isinstance(target, ast.Name):
            lookup(run, target, scope)
            owner = scope.find(target.id)
            if owner is not None:
                del owner.values[target.id]
        elif isinstance(target, ast.Subscript):
            holder, key = run.value(target.value, scope), run.value(target.slice, scope)
            run.meter.weigh(key)
            shift(run, holder)
            del holder[key]
        else:
            raise Unsupported("del of that target")


def _assert(run: Interpreter, node: ast.Assert, scope: Scope) -> None:
    if not run.value(node.test, scope):
        raise AssertionError(*([] if node.msg is None else [run.value(node.msg, scope)]))


def _raise(run: Interpreter, node: ast.Raise, scope: Scope) -> NoReturn:
    if node.exc is None:
        current = scope.function().values.get("\0caught")
        raise current if current is not None else RuntimeError("No active exception to reraise")
    error = run.value(node.exc, scope)
    if isinstance(error, type) and error in EXCEPTIONS.values():
        error = error()
    if not isinstance(error, Exception):
        raise TypeError("exceptions must derive from BaseException")
    raise Stopped() if isinstance(error, StopIteration) else error


def _define(run: Interpreter, node: ast.FunctionDef, scope: Scope) -> None:
    function: Any = make_function(run, node.name, node, scope)
    for decorator in reversed(node.decorator_list):
        function = run.call(run.value(decorator, scope), [function], {})
    scope.bind(node.name, function)


def _import(run: Interpreter, node: ast.Import, scope: Scope) -> None:
    for alias in node.names:
        if alias.name not in MODULES:
            raise Unsupported(f"the module {alias.name[:40]}")
        scope.bind(alias.asname or alias.name, Module(alias.name, MODULES[alias.name]))


def _import_from(run: Interpreter, node: ast.ImportFrom, scope: Scope) -> None:
    members = MODULES.get(node.module or "")
    for alias in node.names:
        if members is None or alias.name not in members:
            raise Unsupported(f"{(node.module or '')[:40]}.{alias.name[:40]}")
        scope.bind(alias.asname or alias.name, members[alias.name])


def _if(run: Interpreter, node: ast.If, scope: Scope) -> Block:
    return (yield from run.block(node.body if run.value(node.test, scope) else node.orelse, scope))


def _while(run: Interpreter, node: ast.While, scope: Scope) -> Block:
    while run.value(node.test, scope):
        signal = yield from run.block(node.body, scope)
        if signal is BREAK:
            return None
        if signal is not None and signal is not CONTINUE:
            return signal
    return (yield from run.block(node.orelse, scope))


def _for(run: Interpreter, node: ast.For, scope: Scope) -> Block:
    for item in run.iterator(run.value(node.iter, scope)):
        run.meter.tick()
        assign(run, node.target, item, scope)
        signal = yield from run.block(node.body, scope)
        if signal is BREAK:
            return None
        if signal is not None and signal is not CONTINUE:
            return signal
    return (yield from run.block(node.orelse, scope))


def _try(run: Interpreter, node: ast.Try, scope: Scope) -> Block:
    signal: Signal | None = None
    try:
        try:
            signal = yield from run.block(node.body, scope)
        except (Halt, RecursionError, MemoryError):
            raise
        except Exception as error:
            handler = _handler(run, node.handlers, error, scope)
            if handler is None:
                raise
            signal = yield from _handle(run, handler, error, scope)
        else:
            if signal is None:
                signal = yield from run.block(node.orelse, scope)
    except (Halt, RecursionError, MemoryError):
        raise
    except Exception:
        final = yield from run.block(node.finalbody, scope)
        if final is None:
            raise
        return final
    final = yield from run.block(node.finalbody, scope)
    return final if final is not None else signal


def _handler(
    run: Interpreter, handlers: list[ast.ExceptHandler], error: Exception, scope: Scope
) -> ast.ExceptHandler | None:
    seen = StopIteration() if isinstance(error, Stopped) else error
    for handler in handlers:
        if handler.type is None or isinstance(seen, run.value(handler.type, scope)):
            return handler
    return None


def _handle(run: Interpreter, handler: ast.ExceptHandler, error: Exception, scope: Scope) -> Block:
    holder = scope.function().values
    before = holder.get("\0caught")
    holder["\0caught"] = error
    if handler.name:
        scope.bind(handler.name, StopIteration() if isinstance(error, Stopped) else error)
    try:
        return (yield from run.block(handler.body, scope))
    finally:
        holder["\0caught"] = before
        owner = scope.find(handler.name) if handler.name else None
        if owner is not None and handler.name:
            owner.values.pop(handler.name, None)


def _yield(run: Interpreter, node: ast.Expr | ast.Assign, scope: Scope) -> Block:
    """`yield x`, `yield from x` and `name = yield x`, where nothing is ever sent in."""
    value = node.value
    result = None
    if isinstance(value, ast.YieldFrom):
        yield from run.iterate(run.value(value.value, scope))
    elif isinstance(value, ast.Yield):
        yield None if value.value is None else run.value(value.value, scope)
    if isinstance(node, ast.Assign):
        for target in node.targets:
            assign(run, target, result, scope)
    return None


def yields(node: ast.stmt) -> bool:
    return isinstance(node, (ast.Expr, ast.Assign)) and isinstance(node.value, (ast.Yield, ast.YieldFrom))


SIMPLE: dict[type[ast.stmt], Callable[..., Signal | None]] = {
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Expr: _expression,
    ast.Return: _return,
    ast.Pass: _pass,
    ast.Global: _pass,
    ast.Nonlocal: _pass,
    ast.Break: _break,
    ast.Continue: _continue,
    ast.Delete: _delete,
    ast.Assert: _assert,
    ast.Raise: _raise,
    ast.FunctionDef: _define,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
}
COMPOUND: dict[type[ast.stmt], Callable[..., Block]] = {
    ast.If: _if,
    ast.While: _while,
    ast.For: _for,
    ast.Try: _try,
    ast.Expr: _yield,
    ast.Assign: _yield,
}
