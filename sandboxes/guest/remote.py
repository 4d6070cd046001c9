"""What the tests hold in place of a program's objects.

A remote compares equal to itself and to nothing else: the program's own `__eq__` is never asked, so no object can pass
for the value that is expected. What it is asked comes back as plain data or as another remote.

Objects that the tests themselves construct, and use as objects, are `made`. Tests may compare those, and only
the program could say the result; then the tests need the program in their own process.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandboxes.guest.link import Link

FORWARDED = frozenset({"__name__", "__qualname__", "__doc__", "__module__", "__annotations__", "__wrapped__"})
"""Names with two underscores that are asked for; for the others a remote answers as any object does."""
BATCH = 256
"""Items of an iterator fetched at once, at most. The first come one by one: an endless one costs what is used of it."""


class NeedsShared(BaseException):
    """The tests do what only works in the program's own process."""


class Remote:
    """An object of the program."""

    __slots__ = ("__weakref__", "_far_index", "_far_label", "_far_link", "_far_made", "_far_name")

    def __init__(self, link: Link, index: int, label: str) -> None:
        put = object.__setattr__
        put(self, "_far_link", link)
        put(self, "_far_index", index)
        put(self, "_far_label", label)
        put(self, "_far_name", "")
        put(self, "_far_made", False)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__") and name not in FORWARDED:
            raise AttributeError(f"{self._far_label!r} object has no attribute {name!r}")
        return self._far_link.ask("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._far_link.ask("set", self, name, value)

    def __delattr__(self, name: str) -> None:
        self._far_link.ask("delete", self, name)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, Remote) and (self._far_made or other._far_made):
            raise self._far_link.needs_shared("the tests compare objects of the program")
        return False

    def __hash__(self) -> int:
        if self._far_made:
            raise self._far_link.needs_shared("the tests hash objects of the program")
        return object.__hash__(self)

    def __bool__(self) -> bool:
        return bool(self._exact("bool", bool))

    def __str__(self) -> str:
        return str(self._exact("str", str))

    def __repr__(self) -> str:
        if self._far_link.over:
            return f"<{self._far_label} object of the program>"
        return str(self._exact("repr", str))

    def __reduce_ex__(self, protocol: object) -> Any:
        raise TypeError("an object of the program cannot be copied")

    def _iterated(self) -> Any:
        found = self._far_link.ask("iter", self)
        return iterate(self._far_link, found) if isinstance(found, Remote) else iter(found)

    def _exact(self, operation: str, kind: type) -> Any:
        value = self._far_link.ask(operation, self)
        if type(value) is not kind:
            raise TypeError(f"{operation}() of an object of the program gave no {kind.__name__}")
        return value


def is_same(left: Any, right: Any) -> bool:
    """`left is right`, of objects of the program too: two remotes may stand for one."""
    if isinstance(left, Remote) and isinstance(right, Remote):
        return bool(left._far_index == right._far_index)
    return left is right


class RemoteObject(Remote):
    """An instance."""

    __slots__ = ("_far_view",)

    def view(self) -> RemoteObject:
        """The same object as a result of the program, which the tests have not made: a program may return any."""
        try:
            seen: RemoteObject = object.__getattribute__(self, "_far_view")
        except AttributeError:
            seen = type(self)(self._far_link, self._far_index, self._far_label)
            object.__setattr__(self, "_far_view", seen)
        return seen

    def __len__(self) -> int:
        return int(self._exact("len", int))

    def __iter__(self) -> Any:
        return self._iterated()

    def __next__(self) -> Any:
        items, ended, value = self._far_link.ask("next", self, 1, None)
        if ended:
            raise StopIteration(value)
        return items[0]

    def __getitem__(self, key: Any) -> Any:
        return self._far_link.ask("item", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._far_link.ask("put", self, key, value)

    def __delitem__(self, key: Any) -> None:
        self._far_link.ask("remove", self, key)

    def __contains__(self, value: Any) -> bool:
        """Only an object the tests made is asked; a result is searched here, as the list it may stand for would be."""
        if self._far_made:
            return self._far_link.ask("contains", self, value) is True
        return any(item is value or item == value for item in self)

    def __neg__(self) -> Any:
        return self._unary("neg")

    def __abs__(self) -> Any:
        return self._unary("abs")

    def _unary(self, operation: str) -> Any:
        if not self._far_made:
            raise TypeError(f"bad operand type for {operation}(): {self._far_label!r}")
        return self._far_link.ask(operation, self)

    def __enter__(self) -> Any:
        return self._far_link.ask("enter", self)

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> bool:
        return self._far_link.ask("exit", self, kind is not None, str(error)) is True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._far_link.ask("call", self, args, kwargs)


class RemoteFunction(Remote):
    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._far_link.ask("call", self, args, kwargs)

    def __get__(self, instance: Any, owner: type) -> Any:
        return self


class RemoteClass(Remote):
    """A class: it constructs, and is asked what its instances are."""

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        value = self._far_link.ask("call", self, args, kwargs)
        if isinstance(value, Remote) and self._far_name in self._far_link.constructed:
            value = self._far_link.original(value)
            object.__setattr__(value, "_far_made", True)
        return value

    def __instancecheck__(self, value: Any) -> bool:
        return isinstance(value, Remote) and self._far_link.ask("isinstance", value, self) is True

    def __subclasscheck__(self, value: Any) -> bool:
        return isinstance(value, RemoteClass) and self._far_link.ask("issubclass", value, self) is True

    def __iter__(self) -> Any:
        return self._iterated()

    def __len__(self) -> int:
        return int(self._exact("len", int))

    def __getitem__(self, key: Any) -> Any:
        return self._far_link.ask("item", self, key)


def _forwarded(operation: str, swapped: bool) -> Callable[[Any, Any], Any]:
    """An arithmetic operator, which only objects that the tests made have.

    With plain data it gives an object again: an object that stands for a number must not choose its distance to one.
    """

    def operate(self: Remote, other: Any) -> Any:
        if not self._far_made:
            return NotImplemented
        value = self._far_link.ask(operation, *((other, self) if swapped else (self, other)))
        return value if isinstance(other, Remote) or isinstance(value, Remote) else NotImplemented

    return operate


def _undecided(self: Remote, other: Any) -> Any:
    if self._far_made and isinstance(other, Remote):
        raise self._far_link.needs_shared("the tests order objects of the program")
    return NotImplemented


ARITHMETIC = "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split()


def _add_operators() -> None:
    for name in ARITHMETIC:
        operation = f"{name}_" if name in ("and", "or") else name
        setattr(RemoteObject, f"__{name}__", _forwarded(operation, swapped=False))
        setattr(RemoteObject, f"__r{name}__", _forwarded(operation, swapped=True))
    for name in ("lt", "le", "gt", "ge"):
        setattr(RemoteObject, f"__{name}__", _undecided)


_add_operators()


def iterate(link: Link, iterator: Remote) -> Generator[Any, Any, Any]:
    """The items of a program's iterator, fetched as they are needed."""
    count, sent = 1, None
    while True:
        items, ended, value = link.ask("next", iterator, count, sent)
        for item in items:
            sent = yield item
            if sent is not None:
                count = 1
        if ended:
            return value
        count = 1 if sent is not None else min(2 * count, BATCH)


async def iterate_later(link: Link, iterator: Remote) -> AsyncGenerator[Any, None]:
    while True:
        try:
            item = link.ask("anext", iterator)
        except StopAsyncIteration:
            return
        yield item


def wait(link: Link, awaitable: Remote) -> Coroutine[Any, Any, Any]:
    async def result() -> Any:
        return link.ask("await", awaitable)

    return result()
