"""What each kind of expression gives: one function for each, taking the run, the node and the scope."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from reward_service.answers.pure_python.budget import Unsupported
from reward_service.answers.pure_python.calls import call_of_method, mapping_of
from reward_service.answers.pure_python.formatting import format_value
from reward_service.answers.pure_python.functions import NAMES
from reward_service.answers.pure_python.methods import METHODS
from reward_service.answers.pure_python.operators import UNARY, binary, compare
from reward_service.answers.pure_python.scopes import Scope, names_of
from reward_service.answers.pure_python.targets import assign
from reward_service.answers.pure_python.values import Function

if TYPE_CHECKING:
    from reward_service.answers.pure_python.interpreter import Interpreter


def _constant(run: Interpreter, node: ast.Constant, scope: Scope) -> Any:
    return node.value


def lookup(run: Interpreter, node: ast.Name, scope: Scope) -> Any:
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


def _list(run: Interpreter, node: ast.List, scope: Scope) -> list[Any]:
    return run.values(node.elts, scope)


def _tuple(run: Interpreter, node: ast.Tuple, scope: Scope) -> tuple[Any, ...]:
    return tuple(run.values(node.elts, scope))


def _set(run: Interpreter, node: ast.Set, scope: Scope) -> set[Any]:
    items = run.values(node.elts, scope)
    run.meter.weigh(items)
    return set(items)


def _dict(run: Interpreter, node: ast.Dict, scope: Scope) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            more = run.value(value, scope)
            run.meter.weigh(more)
            made.update(mapping_of(more))
        else:
            name = run.value(key, scope)
            run.meter.weigh(name)
            made[name] = run.value(value, scope)
    return made


def _binary(run: Interpreter, node: ast.BinOp, scope: Scope) -> Any:
    left = run.value(node.left, scope)
    return binary(run.meter, type(node.op), left, run.value(node.right, scope))


def _unary(run: Interpreter, node: ast.UnaryOp, scope: Scope) -> Any:
    return UNARY[type(node.op)](run.value(node.operand, scope))


def _logic(run: Interpreter, node: ast.BoolOp, scope: Scope) -> Any:
    stop = isinstance(node.op, ast.Or)
    value = None
    for part in node.values:
        value = run.value(part, scope)
        if bool(value) is stop:
            break
    return value


def _compare(run: Interpreter, node: ast.Compare, scope: Scope) -> Any:
    left = run.value(node.left, scope)
    held: Any = True
    for kind, part in zip(node.ops, node.comparators, strict=True):
        right = run.value(part, scope)
        held = compare(run.meter, type(kind), left, right)
        if not held:
            break
        left = right
    return held


def _choice(run: Interpreter, node: ast.IfExp, scope: Scope) -> Any:
    return run.value(node.body if run.value(node.test, scope) else node.orelse, scope)


def _call(run: Interpreter, node: ast.Call, scope: Scope) -> Any:
    method: tuple[Any, str] | None = None
    if isinstance(node.func, ast.Attribute):  # most calls: no bound method need be made
        receiver = run.value(node.func.value, scope)
        if node.func.attr in METHODS.get(type(receiver), ()):
            method = receiver, node.func.attr
        else:
            function = run.attribute(receiver, node.func.attr)
    else:
        function = run.value(node.func, scope)
    given, named = run.arguments(node, scope)
    if method is not None:
        return call_of_method(run, *method, given, named)
    return run.call(function, given, named)


def _attribute(run: Interpreter, node: ast.Attribute, scope: Scope) -> Any:
    return run.attribute(run.value(node.value, scope), node.attr)


def _subscript(run: Interpreter, node: ast.Subscript, scope: Scope) -> Any:
    return run.item(run.value(node.value, scope), run.value(node.slice, scope))


def _slice(run: Interpreter, node: ast.Slice, scope: Scope) -> slice:
    ends = (None if part is None else run.value(part, scope) for part in (node.lower, node.upper, node.step))
    return slice(*ends)


def _lambda(run: Interpreter, node: ast.Lambda, scope: Scope) -> Function:
    return make_function(run, "<lambda>", node, scope)


def make_function(run: Interpreter, name: str, node: ast.FunctionDef | ast.Lambda, scope: Scope) -> Function:
    defaults = tuple(run.values(node.args.defaults, scope))
    named = {
        parameter.arg: run.value(default, scope)
        for parameter, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        if default is not None
    }
    if node not in run.names:
        run.names[node] = names_of(node)
    return Function(name, node, run.names[node], scope, defaults, named)


def _text(run: Interpreter, node: ast.JoinedStr, scope: Scope) -> str:
    parts = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            spec = "" if part.format_spec is None else str(run.value(part.format_spec, scope))
            conversion = chr(part.conversion) if part.conversion > 0 else None
            parts.append(format_value(run.meter, run.value(part.value, scope), spec, conversion))
        else:
            parts.append(str(run.value(part, scope)))
    run.meter.grow(sum(map(len, parts)))
    return "".join(parts)


def _walrus(run: Interpreter, node: ast.NamedExpr, scope: Scope) -> Any:
    value = run.value(node.value, scope)
    scope.function().bind(node.target.id, value)
    return value


def _clauses(run: Interpreter, clauses: list[ast.comprehension], scope: Scope, first: Any) -> Iterator[None]:
    """Bind the targets of a comprehension, once for each round. `first` is the outermost iterable's iterator."""
    clause, rest = clauses[0], clauses[1:]
    if clause.is_async:
        raise Unsupported("async")
    for item in first:
        run.meter.tick()
        assign(run, clause.target, item, scope)
        if all(run.value(test, scope) for test in clause.ifs):
            if rest:
                yield from _clauses(run, rest, scope, run.iterator(run.value(rest[0].iter, scope)))
            else:
                yield None


def _rounds(
    run: Interpreter, node: ast.expr, clauses: list[ast.comprehension], scope: Scope
) -> tuple[Scope, Iterator[None]]:
    first = run.iterator(run.value(clauses[0].iter, scope))
    if node not in run.names:
        targets = (part for clause in clauses for part in ast.walk(clause.target))
        run.names[node] = frozenset(part.id for part in targets if isinstance(part, ast.Name))
    inner = Scope({}, run.names[node], scope, comprehension=True)
    return inner, _clauses(run, clauses, inner, first)


def _list_comprehension(run: Interpreter, node: ast.ListComp, scope: Scope) -> list[Any]:
    inner, rounds = _rounds(run, node, node.generators, scope)
    return list(run.iterate(run.value(node.elt, inner) for _ in rounds))


def _set_comprehension(run: Interpreter, node: ast.SetComp, scope: Scope) -> set[Any]:
    inner, rounds = _rounds(run, node, node.generators, scope)
    return set(run.iterate(run.value(node.elt, inner) for _ in rounds))


def _dict_comprehension(run: Interpreter, node: ast.DictComp, scope: Scope) -> dict[Any, Any]:
    inner, rounds = _rounds(run, node, node.generators, scope)
    return dict(run.iterate((run.value(node.key, inner), run.value(node.value, inner)) for _ in rounds))


def _generator(run: Interpreter, node: ast.GeneratorExp, scope: Scope) -> Iterator[Any]:
    inner, rounds = _rounds(run, node, node.generators, scope)
    return (run.value(node.elt, inner) for _ in rounds)


EXPRESSIONS: dict[type[ast.expr], Callable[..., Any]] = {
    ast.Constant: _constant,
    ast.Name: lookup,
    ast.List: _list,
    ast.Tuple: _tuple,
    ast.Set: _set,
    ast.Dict: _dict,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: _logic,
    ast.Compare: _compare,
    ast.IfExp: _choice,
    ast.Call: _call,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.Lambda: _lambda,
    ast.JoinedStr: _text,
    ast.NamedExpr: _walrus,
    ast.ListComp: _list_comprehension,
    ast.SetComp: _set_comprehension,
    ast.DictComp: _dict_comprehension,
    ast.GeneratorExp: _generator,
}
