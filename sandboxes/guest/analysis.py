"""What tests need of a program, from their text alone: what the program says of itself has no part in it."""

from __future__ import annotations

import ast
import builtins
import importlib
import symtable
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from importlib.machinery import PathFinder

PROGRAM_MODULES = frozenset({"solution", "main", "submission", "candidate", "program", "your_module", "my_module"})
"""Modules that tests import the program as, even where the interpreter has one of that name."""
OF_SITE = frozenset({"exit", "quit", "help", "copyright", "credits", "license"})
OF_MODULE = frozenset({"__name__", "__file__", "__doc__", "__builtins__", "__annotations__", "__spec__", "__package__"})

LIBRARIES = frozenset(
    {"numpy", "pandas", "scipy", "sympy", "torch", "sklearn", "matplotlib", "networkx", "requests", "pytest", "PIL"}
    | {"hypothesis", "yaml", "tensorflow", "bs4", "flask", "django", "sortedcontainers", "parameterized", "freezegun"}
)
"""Known libraries: tests that need one which is not installed are broken, whatever the program."""
MODULES = {"np": "numpy", "pd": "pandas"}
TYPING = frozenset({"Any", "Callable", "Deque", "Dict", "FrozenSet", "Iterable", "Iterator", "List", "Optional"}) | {
    *("Sequence", "Set", "Tuple", "Type", "Union")
}
COMMON = {
    **{name: f"collections.{name}" for name in ("Counter", "OrderedDict", "defaultdict", "deque")},
    "Decimal": "decimal.Decimal",
    "Fraction": "fractions.Fraction",
    "deepcopy": "copy.deepcopy",
    "isclose": "math.isclose",
    **{name: f"pytest.{name}" for name in ("approx", "raises")},
    "reduce": "functools.reduce",
}

PATCHING = frozenset({"monkeypatch", "mocker", "patch", "mock", "mock_open"})
FIXTURES = frozenset({"tmp_path", "tmpdir", "tmp_path_factory", "caplog", "capfd", "recwarn"})
LOOKING_INSIDE = frozenset({"inspect", "dis", "gc", "tracemalloc", "tempfile", "shutil", "subprocess", "importlib"})
INNER_ATTRIBUTES = frozenset({"__code__", "__globals__", "__closure__", "__dict__", "__mro__", "__bases__"})
LISTENING = frozenset({"assert_frame_equal", "assert_series_equal", "assert_index_equal"}) | frozenset(
    {"assertLogs", "assertWarns", "assertWarnsRegex", "warns", "catch_warnings", "deprecated_call"}
)


@dataclass
class Analysis:
    names: set[str] = field(default_factory=set)
    """Names that only the program can define."""
    modules: set[str] = field(default_factory=set)
    """Modules that stand for the program, dotted."""
    classes: list[str] = field(default_factory=list)
    """Classes that the tests define at top level."""
    functions: list[str] = field(default_factory=list)
    """Functions that the tests define at top level."""
    standard: dict[str, str] = field(default_factory=dict)
    """Names of the library that the tests use without importing them: `{"np": "numpy", "isclose": "math.isclose"}`."""
    constructed: set[str] = field(default_factory=set)
    """Names that the tests use as classes: they look into what a call of one gives, or set two beside each other."""
    needs_shared: str = ""
    """Why the tests only work in the program's own process; "" when they do not need it."""


def analyse(source: str, tree: ast.Module, prefix: Collection[str], entry_point: str | None) -> Analysis:
    """`prefix`: the names that the prefix defines. Raises SyntaxError."""
    found = Analysis()
    found.modules = {module for node in ast.walk(tree) for module in imported(node) if is_program(module)}
    known = {*prefix, *vars(builtins), *OF_SITE, *OF_MODULE, *star_names(tree, found.modules)}
    defined, free = module_names(symtable.symtable(source, "tests.py", "exec"))
    found.names = free - defined - known
    found.standard = of_library(tree, found)
    found.names -= found.standard.keys()
    found.classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    found.functions = [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    if entry_point:
        found.names.add(entry_point.split(".")[0].removesuffix("()").strip())
    elif not found.names and not found.modules:
        found.names = first_called(tree, known - defined)
    else:
        found.names |= only_on_constants(tree, known - defined - {"isinstance", "issubclass"})
    found.constructed = constructed(tree)
    found.needs_shared = why_shared(tree, found)
    return found


def of_library(tree: ast.Module, found: Analysis) -> dict[str, str]:
    """Names that tests expect the program to have imported. Its own things of that name would be no judges of it.

    A module is only ever asked for its parts; classes of `typing` are only subscribed or annotate.
    """
    parents = {id(child): node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    uses: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in found.names:
            parent = parents[id(node)]
            kind = type(parent).__name__
            inner = kind in ("Attribute", "Subscript") and getattr(parent, "value", None) is node
            annotates = kind == "arg" or getattr(parent, "returns", None) is node
            uses.setdefault(node.id, set()).add(kind if inner else "annotation" if annotates else "other")
    library = {}
    for name, kinds in uses.items():
        if kinds == {"Attribute"} and (name in MODULES or name in sys.stdlib_module_names):
            library[name] = MODULES.get(name, name)
        elif kinds <= {"Subscript", "annotation"} and name in TYPING:
            library[name] = f"typing.{name}"
    others = found.names - library.keys() - COMMON.keys()
    return library | ({name: COMMON[name] for name in found.names & COMMON.keys()} if others or found.modules else {})


def constructed(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    held: dict[str, set[str]] = {}
    looked_into: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=name)):
                looked_into.add(name)
                found.add(name)
            case ast.Attribute(value=ast.Call() as call) | ast.withitem(context_expr=ast.Call() as call):
                found |= called_name(call)
            case ast.Assign(targets=targets, value=ast.Call() as call):
                for target in targets:
                    if isinstance(target, ast.Name | ast.Attribute):
                        name = target.id if isinstance(target, ast.Name) else target.attr
                        held.setdefault(name, set()).update(called_name(call))
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Call() as call):
                held.setdefault(name, set()).update(called_name(call))
            case ast.NamedExpr(target=ast.Name(id=name), value=ast.Call() as call):
                held.setdefault(name, set()).update(called_name(call))
            case ast.Attribute(value=ast.Attribute(attr=name)):
                looked_into.add(name)
            case ast.Compare(comparators=[ast.Call() as call]) | ast.BinOp(right=ast.Call() as call):
                found |= called_name(call)
            case (
                ast.Set(elts=[ast.Call() as call, ast.Call(), *_])
                | ast.List(elts=[ast.Call() as call, ast.Call(), *_])
                | ast.UnaryOp(operand=ast.Call() as call)
            ):
                found |= {name for name in called_name(call) if name[:1].isupper()}
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, ast.Name(id=name)]):
                found.add(name)
    for name in looked_into:
        found |= held.get(name, set())
    return found


def called_name(call: ast.Call) -> set[str]:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return {name}
    return set()


def module_names(table: symtable.SymbolTable) -> tuple[set[str], set[str]]:
    """(names that the module binds, names that it looks up as globals), in all its functions and classes."""
    defined: set[str] = set()
    free: set[str] = set()
    tables = [table]
    while tables:
        scope = tables.pop()
        tables += scope.get_children()
        for symbol in scope.get_symbols():
            is_module = scope is table
            bound = symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()
            if bound and (is_module or symbol.is_declared_global()):
                defined.add(symbol.get_name())
            if symbol.is_referenced() and (is_module or symbol.is_global()):
                free.add(symbol.get_name())
    return defined, free


def imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from [node.module] if node.module else (alias.name for alias in node.names if node.level)


def is_program(module: str) -> bool:
    """Whether an import of `module` can only mean the program."""
    top = module.partition(".")[0]
    if top in PROGRAM_MODULES:
        return True
    if top in sys.modules or top in sys.stdlib_module_names or top in LIBRARIES:
        return False
    return PathFinder.find_spec(top) is None


def star_names(tree: ast.Module, program: Collection[str]) -> set[str]:
    """What `from module import *` brings, but for the program's own."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not node.module or node.module in program:
            continue
        if any(alias.name == "*" for alias in node.names):
            try:
                module = importlib.import_module(node.module)
            except ImportError:
                continue
            names |= set(getattr(module, "__all__", None) or (name for name in dir(module) if name[0] != "_"))
    return names


def first_called(tree: ast.Module, known: Collection[str]) -> set[str]:
    """The function that the first assert tests, where it is named like one that Python or the prefix has.

    It is the innermost call on the left: in `assert sorted(sum(10, 15)) == …` that is `sum`.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            left = node.test.left if isinstance(node.test, ast.Compare) else node.test
            calls = [(depth, name) for depth, name in called_in(left, 0) if name in known]
            if calls:
                deepest = max(depth for depth, _ in calls)
                return {next(name for depth, name in calls if depth == deepest)}
            return set()
    return set()


def only_on_constants(tree: ast.Module, known: Collection[str]) -> set[str]:
    """Known functions that asserts hold against constants: such an assert only says something of the program's own.

    A function that is also given what the program returns, as in `len(f(1))`, is Python's.
    """
    tested: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare):
            for side in (node.test.left, *node.test.comparators):
                if isinstance(side, ast.Call) and isinstance(side.func, ast.Name):
                    name = side.func.id
                    tested |= {name} if is_constant(node.test, name) else set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not is_constant(node, node.func.id):
            tested.discard(node.func.id)
    return tested & set(known)


def is_constant(node: ast.AST, name: str) -> bool:
    """Whether nothing in it has a name but `name`."""
    return all(inner.id == name for inner in ast.walk(node) if isinstance(inner, ast.Name))


def called_in(node: ast.AST, depth: int) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        yield depth, node.func.id
    for child in ast.iter_child_nodes(node):
        yield from called_in(child, depth + 1)


def why_shared(tree: ast.Module, found: Analysis) -> str:
    modules = {module.partition(".")[0] for module in found.modules}
    harmless = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call) and replaces_stdout(node)}
    for node in ast.walk(tree):
        reason = "" if id(node) in harmless else reason_of(node, found.names, modules)
        if reason:
            return f"the tests {reason} (line {getattr(node, 'lineno', 0)})"
    return ""


def replaces_stdout(call: ast.Call) -> bool:
    """What the program prints comes to the tests' stdout, whatever that is."""
    return bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value == "sys.stdout"


def reason_of(node: ast.AST, names: Collection[str], modules: Collection[str]) -> str:
    match node:
        case ast.ClassDef(bases=bases) if any(isinstance(base, ast.Name) and base.id in names for base in bases):
            return "derive a class from one of the program"
        case ast.Compare(left=ast.Call(func=ast.Name(id="type")), comparators=[ast.Name(id=name)]) if name in names:
            return "compare the type of an object with a class of the program"
        case ast.arg(arg=name) if name in PATCHING | FIXTURES:
            return f"use {name}"
        case ast.Name(id=name, ctx=ast.Load()) if name in LISTENING or name == "patch":
            return f"use {name}"
        case ast.Attribute(attr=name) if name in LISTENING or name in INNER_ATTRIBUTES or name == "patch":
            return f"use {name}"
        case ast.Attribute(value=ast.Name(id=module), attr=name) if module in LOOKING_INSIDE:
            return f"use {module}.{name}"
        case ast.ImportFrom(module=module) if module in LOOKING_INSIDE:
            return f"use {module}"
        case ast.Attribute(value=ast.Name(id="ast"), attr=name) if name != "literal_eval":
            return f"use ast.{name}"
        case ast.Attribute(value=ast.Name(id="sys"), attr="stdin"):
            return "use sys.stdin"
        case ast.Attribute(value=ast.Name(id="os"), attr="environ", ctx=ast.Load()):
            return "use os.environ"
        case ast.Attribute(value=ast.Name(id="builtins"), ctx=ast.Store()):
            return "replace a builtin"
        case ast.Attribute(value=ast.Name(id=module), ctx=ast.Store()) if module in modules:
            return "replace a part of the program"
        case ast.Call(func=ast.Name(id="open")):
            return "use files"
        case ast.Call(func=ast.Name(id=("vars" | "dir" | "globals" | "exec" | "eval") as name)):
            return f"use {name}"
    return ""
