"""The program's end: loads it and does what it is asked. Nothing here is trusted: the program shares this process."""

from __future__ import annotations

import asyncio
import io
import operator
import socket
import sys
from collections.abc import Callable
from types import AsyncGeneratorType, BuiltinFunctionType, CoroutineType, FunctionType, MethodType, ModuleType
from typing import Any

from sandboxes.guest import codec
from sandboxes.guest.channel import Channel, Closed
from sandboxes.guest.encoder import ITERATORS
from sandboxes.guest.loading import Loaded
from sandboxes.guest.peer import MAX_MESSAGE, Peer, family, is_builtin
from sandboxes.guest.plain import Node, NotPlain

MAX_PRINTED = 1 << 20
"""Characters printed during one call that go to the tests."""
FUNCTIONS = (FunctionType, MethodType, BuiltinFunctionType)
NOTHING = object()


def answer_call(payload: dict[str, Any], call: bytes) -> bytes:
    """Load the program and call its entry point once; the encoded reply.

    The reply is {"value": …}, {"raised": name, "message": text} or {"not_plain": why}.
    """
    program = Loaded(payload["source"], payload.get("prefix", ""))
    try:
        if program.ended and program.raised is not None:
            raise program.raised
        given = codec.decode(call)
        try:
            function = program.find(payload["entry_point"])
        except AttributeError:
            if program.raised is None:
                raise
            raise program.raised from None
        value = function(*given["args"], **given["kwargs"])
        return codec.encode({"value": finish(value)})
    except NotPlain as error:
        return codec.encode({"not_plain": str(error)[:MAX_MESSAGE]})
    except BaseException as error:
        return codec.encode({"raised": nearest_builtin(type(error)), "message": text_of(error)})


def serve(payload: dict[str, Any], channel: socket.socket) -> int:
    """Load the program and answer the tests until they hang up; an exit code."""
    printed = sys.stdout = Printed()
    server = Server(Channel(channel), Loaded(payload["source"], payload.get("prefix", "")), printed)
    try:
        while True:
            server.answer(server.channel.receive())
    except Closed:
        return 0
    except NotPlain:
        return 1


class Printed(io.TextIOWrapper):
    """Standard output that is kept for the tests, up to a bound."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", errors="replace", newline="\n", write_through=True)

    def taken(self) -> str:
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        text = buffer.getvalue()[:MAX_PRINTED].decode("utf-8", "replace")
        buffer.seek(0)
        buffer.truncate()
        return text


class Function:
    """A function of the tests."""

    def __init__(self, server: Server, index: int, name: str) -> None:
        self._ask = server.ask
        self.index = index
        self.__name__ = self.__qualname__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("call", self, args, kwargs)


class Opaque:
    """An object of the tests that cannot cross. It can be kept and handed back; the tests hear of any other use."""

    def __init__(self, server: Server, index: int, label: str) -> None:
        self.__dict__.update(_far=(server, index, label))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._touched()

    def _touched(self, *args: Any) -> Any:
        return self.__dict__["_far"][0].ask("touch", self)

    __call__ = __len__ = __iter__ = __getitem__ = __lt__ = __gt__ = __add__ = __str__ = __bool__ = _touched


class Server(Peer):
    lazy = True

    def __init__(self, channel: Channel, program: Loaded, output: Printed) -> None:
        super().__init__(channel, {**OPERATIONS, "hello": self.hello, "look": self.look, "call": self.call})
        self.operations |= {"next": self.next, "await": self.wait, "anext": self.anext}
        self._program = program
        self._output = output
        self._carried: set[str] = set()
        self._made_up: dict[str, type] = {}
        self._far: dict[int, Any] = {}
        self._theirs: dict[int, BaseException] = {}
        self._late: dict[int, BaseException] = {}
        self._constructed: Any = NOTHING
        self._loop: asyncio.AbstractEventLoop | None = None

    # What the tests ask for.

    def hello(self, names: list[str], carried: list[str], defined: list[str]) -> dict[str, Any]:
        """`names` that the program has, which of the classes `defined` by the tests it has too, and how it loaded."""
        self._carried.update(carried)
        namespace = vars(self._program.module)
        return {
            "found": {name: namespace[name] for name in names if name in namespace},
            "classes": [name for name in defined if isinstance(namespace.get(name), type)],
            "error": self._program.error,
            "ended": self._program.ended,
        }

    def look(self, name: str) -> Any:
        return getattr(self._program.module, name)

    def call(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        value = function(*args, **kwargs)
        if isinstance(function, type):
            self._constructed = value
        return value

    def next(self, iterator: Any, count: int, sent: Any) -> tuple[list[Any], bool, Any]:
        """Up to `count` more items, whether that is all, and what the iterator then returned."""
        if id(iterator) in self._late:
            raise self._late.pop(id(iterator))
        items: list[Any] = []
        try:
            while len(items) < count:
                items.append(next(iterator) if sent is None else iterator.send(sent))
                sent = None
        except StopIteration as end:
            return items, True, end.value
        except BaseException as error:
            if not items:
                raise
            self._late[id(iterator)] = error
        return items, False, None

    def wait(self, awaitable: Any) -> Any:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(as_coroutine(awaitable))

    def anext(self, iterator: Any) -> Any:
        return self.wait(iterator.__anext__())

    # What crosses, and how.

    def name_class(self, cls: type) -> str | None:
        if not self._carried:
            return None
        return next((base.__name__ for base in cls.__mro__ if base.__name__ in self._carried), None)

    def find_class(self, name: str) -> type | None:
        """The program's class of that name; else one that only has attributes."""
        self._carried.add(name)
        found = vars(self._program.module).get(name)
        if isinstance(found, type):
            return found
        return self._made_up.setdefault(name, type(name, (), {}))

    def claim(self, value: Any) -> Node | None:
        if type(value) in (Function, Opaque):
            return ["near", value.index if type(value) is Function else vars(value)["_far"][1]]
        if value is self._constructed:
            self._constructed = NOTHING
            return None if self.name_class(type(value)) else self.outside(value)
        return self.outside(value) if self.is_lent(value) else None

    def outside(self, value: Any) -> Node | None:
        kind, label, chain = kind_of(value)
        return self.lend(value, kind, label, chain)

    def inside(self, node: Node) -> Any:
        tag, index, *rest = node
        if tag == "near":
            return self.near(node)
        if tag == "builtin":
            return getattr(sys.modules[index], rest[0])
        if tag != "far":
            raise NotPlain(f"{tag!r} is not plain data")
        if index not in self._far:
            self._far[index] = (Function if rest[0] == "function" else Opaque)(self, index, rest[1])
        return self._far[index]

    def revive(self, description: Any) -> BaseException:
        classes, args, text, _, origin = description
        cls = next(filter(None, map(self._exception_class, classes)), Exception)
        try:
            error = cls(*args)
        except Exception:
            error = Exception(text)
        self._theirs[id(error)] = error
        error.__dict__["_origin"] = origin
        return error

    def _exception_class(self, name: list[Any]) -> type[BaseException] | None:
        found = getattr(sys.modules.get(name[0]), name[1], None) or vars(self._program.module).get(name[1])
        return found if isinstance(found, type) and issubclass(found, BaseException) else None

    def origin(self, error: BaseException) -> Any:
        return vars(error).get("_origin") if self._theirs.get(id(error)) is error else None

    def printed(self) -> str:
        return self._output.taken()


async def as_coroutine(awaitable: Any) -> Any:
    return await awaitable


def finish(value: Any) -> Any:
    """What a coroutine comes to."""
    return asyncio.run(as_coroutine(value)) if isinstance(value, CoroutineType) else value


def kind_of(value: Any) -> tuple[str, str, list[Any]]:
    """What the tests make of it, the name to call it by, and the bases of an exception's class."""
    cls = type(value)
    if isinstance(value, type):
        if issubclass(value, BaseException):
            return "exception", value.__name__, family(value)
        return "class", value.__name__, []
    if cls in ITERATORS:
        return "iterator", cls.__name__, []
    if cls is AsyncGeneratorType:
        return "asynciterator", cls.__name__, []
    if hasattr(cls, "__await__"):
        return "awaitable", cls.__name__, []
    if isinstance(value, FUNCTIONS) or (callable(value) and hasattr(value, "__name__")):
        return "function", str(getattr(value, "__name__", cls.__name__)), []
    return "module" if isinstance(value, ModuleType) else "object", cls.__name__, []


def nearest_builtin(cls: type) -> str:
    return next(base.__name__ for base in cls.__mro__ if is_builtin(base))


def text_of(error: BaseException) -> str:
    try:
        return str(error)[:MAX_MESSAGE]
    except Exception:
        return ""


def enter(value: Any) -> Any:
    return type(value).__enter__(value)


def leave(value: Any, raised: bool, message: str) -> Any:
    error = RuntimeError(message) if raised else None
    return bool(type(value).__exit__(value, type(error) if error else None, error, None))


BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor", "lshift", "rshift")
OPERATIONS: dict[str, Callable[..., Any]] = {
    "get": getattr,
    "set": setattr,
    "delete": delattr,
    "len": len,
    "iter": iter,
    "item": operator.getitem,
    "put": operator.setitem,
    "remove": operator.delitem,
    "contains": operator.contains,
    "str": str,
    "repr": repr,
    "bool": bool,
    "isinstance": isinstance,
    "issubclass": issubclass,
    "enter": enter,
    "exit": leave,
    **{name: getattr(operator, name) for name in (*BINARY, "neg", "abs")},
}
"""Everything that the tests may ask about an object."""
