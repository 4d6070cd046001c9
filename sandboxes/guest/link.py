"""The tests' end of the conversation. The program at the other end may send anything."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any, NoReturn

from sandboxes.guest.channel import Channel, Closed
from sandboxes.guest.decoder import Decoder
from sandboxes.guest.peer import MAX_MESSAGE, Peer
from sandboxes.guest.plain import Node, NotPlain
from sandboxes.guest.remote import (
    NeedsShared,
    Remote,
    RemoteClass,
    RemoteFunction,
    RemoteObject,
    iterate,
    iterate_later,
    wait,
)

NO_LIBRARY = frozenset({"unittest", "_pytest", "pytest", "sandboxes", "__main__"})
"""Modules whose exceptions would mean something to a runner of tests."""
BY_NAME = ("builtins", "math", "operator")
"""Modules whose functions cross by name."""
MAX_LABEL = 200
MAX_RAISED = 1000
MAX_FAMILY = 50
MAX_PRINTED = 4 * 1024 * 1024
"""Characters that the program prints and the tests get to see."""
KINDS: dict[str, type[Remote]] = {"function": RemoteFunction, "class": RemoteClass, "object": RemoteObject}


class Unsendable(Exception):
    """An object of the tests that no program in another process can use."""


class ProgramEnded(BaseException):
    """The program died or broke the rules. Not an Exception: tests must not take it for one that they expect."""


class Link(Peer):
    """Asks the program. `failure`: "" or why the program has failed, whatever the tests make of it."""

    module: ModuleType | None = None

    def __init__(self, channel: Channel) -> None:
        super().__init__(channel, {"call": self.called, "touch": self.touched})
        self.failure = ""
        self.shared_reason = ""
        self.missing: set[str] = set()
        self._room = MAX_PRINTED
        self.over = False
        """Whether the verdict is made: then nothing more is asked."""
        self.load_error = ""
        self.constructed: set[str] = set()
        """Names that the tests, by their text, use as classes."""
        self.namespace: dict[str, Any] = {}
        self.carried: dict[str, type] = {}
        """Classes that cross by attributes in both directions."""
        self._theirs: set[str] = set()
        self._remotes: dict[int, Any] = {}
        self._indexes: dict[int, int] = {}
        self._functions: set[int] = set()
        self._opaque: set[int] = set()
        self._labels: dict[str, type[Remote]] = {}
        self._exceptions: dict[str, type[BaseException]] = {}
        self._raised: deque[BaseException] = deque(maxlen=MAX_RAISED)
        self._own: deque[BaseException] = deque(maxlen=MAX_RAISED)

    # For the runner of the tests.

    def hello(self, names: Iterable[str], carried: dict[str, type], defined: Iterable[str]) -> dict[str, Any]:
        """What the program has of `names`. `carried`: classes it may make instances of; `defined`: the tests' own."""
        names = list(names)
        self.carried = dict(carried)
        reply = self.ask("hello", names, list(carried), list(defined))
        if type(reply) is not dict or type(reply.get("found")) is not dict or type(reply.get("classes")) is not list:
            self._fail("it sent what is no answer")
        self._theirs = {name for name in reply["classes"] if type(name) is str}
        self.load_error = str(reply.get("error"))[:MAX_MESSAGE] if reply.get("error") else ""
        if reply.get("ended"):
            self._fail(f"it ended while it was loaded ({self.load_error})")
        found = {name: self.named(name, reply["found"][name]) for name in names if name in reply["found"]}
        self.missing |= set(names) - found.keys()
        return found

    def look(self, name: str) -> Any:
        """What the program's module has under `name`. Raises AttributeError."""
        try:
            return self.named(name, self.ask("look", name))
        except AttributeError:
            self.missing.add(name)
            raise

    def named(self, name: str, value: Any) -> Any:
        if isinstance(value, Remote):
            object.__setattr__(value, "_far_name", name)
        return value

    def original(self, value: Remote) -> Any:
        """The object itself, where `value` may be a view of it."""
        return self._remotes[value._far_index]

    def revive_from(self, operation: str, error: BaseException) -> BaseException:
        """What the tests see of `error`: it must not end a loop of theirs, as a generator's must not (PEP 479).

        Nor a task: whoever waits for tasks takes a cancelled one for one that the tests have cancelled.
        """
        ends = isinstance(error, (StopIteration, StopAsyncIteration)) and operation in ("next", "anext")
        if not ends:
            told = RuntimeError(f"the program raised {type(error).__name__}")
            self._raised.append(told)
            return told
        return error

    def raised(self, error: BaseException) -> bool:
        """Whether `error` came from the program."""
        return any(error is one for one in self._raised)

    def needs_shared(self, reason: str) -> NeedsShared:
        self.shared_reason = self.shared_reason or reason
        return NeedsShared(reason)

    # The conversation.

    def ask(self, operation: str, *operands: Any) -> Any:
        if self.failure or self.over:
            raise ProgramEnded(self.failure or "the tests are over")
        try:
            return super().ask(operation, *operands)
        except Closed:
            self._fail(f"it ended {said(operation, operands)}")
        except (StopIteration, StopAsyncIteration, GeneratorExit, asyncio.CancelledError) as error:
            raise self.revive_from(operation, error) from None
        except Unsendable as error:
            raise self.needs_shared(str(error)) from None
        except NotPlain as error:
            self._fail(f"it sent what is no answer {said(operation, operands)}: {error}")

    def _fail(self, why: str) -> NoReturn:
        self.failure = self.failure or f"the program failed: {why}"
        raise ProgramEnded(self.failure) from None

    def unusual(self, error: BaseException) -> None:
        if isinstance(error, (ProgramEnded, NeedsShared)):
            raise error

    def called(self, function: Any, args: Any, kwargs: Any) -> Any:
        if id(function) not in self._functions or type(args) is not tuple or type(kwargs) is not dict:
            self._fail("it called what is no function")
        return function(*args, **kwargs)

    def touched(self, value: Any) -> Any:
        if id(value) not in self._opaque:
            self._fail("it used what it was not given")
        raise self.needs_shared(f"the program uses an object of the tests, a {type(value).__name__}")

    def heard(self, text: Any) -> None:
        if type(text) is str and text and self._room:
            shown = text[: self._room]
            self._room -= len(shown)
            sys.stdout.write(shown.encode("utf-8", "replace").decode())

    # What crosses, and how.

    def _decoder(self, given: Sequence[Any]) -> Decoder:
        """An object that the tests made and that the program gives back is a result like any other."""
        made = (isinstance(value, RemoteObject) and value._far_made for value in given)
        return super()._decoder([value.view() if own else value for value, own in zip(given, made, strict=True)])

    def name_class(self, cls: type) -> str | None:
        for base in cls.__mro__:
            name = base.__name__
            if self.carried.get(name) is base:
                return name
            if (
                base.__module__ == self.namespace["__name__"]
                and self.namespace.get(name) is base
                and self._can_carry(name, base)
            ):
                self.carried[name] = base
                return name
        return None

    def _can_carry(self, name: str, cls: type) -> bool:
        """The program has such a class itself, or attributes are all there is to it."""
        if issubclass(cls, BaseException) or "_member_map_" in vars(cls):
            return False
        own = (value for key, value in vars(cls).items() if not key.startswith("__"))
        return name in self._theirs or not any(map(callable, own))

    def find_class(self, name: str) -> type | None:
        return self.carried.get(name)

    def claim(self, value: Any) -> Node | None:
        if isinstance(value, Remote):
            return ["near", value._far_index]
        index = self._indexes.get(id(value))
        return None if index is None else ["near", index]

    def outside(self, value: Any) -> Node | None:
        name = getattr(value, "__name__", None)
        label = type(value).__name__
        if isinstance(name, str):
            for module in BY_NAME:
                if getattr(sys.modules.get(module), name, None) is value:
                    return ["builtin", module, name]
        if callable(value):
            self._functions.add(id(value))
            return self.lend(value, "function", name if isinstance(name, str) else label)
        if label == "module" or hasattr(value, "read") or hasattr(value, "__fspath__"):
            raise Unsendable(f"the tests give the program a {label}")
        if not isinstance(value, BaseException):
            self._opaque.add(id(value))
        return self.lend(value, "object", label)

    def inside(self, node: Node) -> Any:
        if node[0] == "near":
            return self.near(node)
        tag, index, kind, label, chain = node
        if tag != "far" or type(index) is not int or type(label) is not str:
            raise NotPlain("not plain data")
        if index not in self._remotes:
            value = self._remotes[index] = self._remote(index, kind, label[:MAX_LABEL], chain)
            if not isinstance(value, Remote):
                self._indexes[id(value)] = index
        known = self._remotes[index]
        return known.view() if isinstance(known, RemoteObject) and known._far_made else known

    def _remote(self, index: int, kind: Any, label: str, chain: Any) -> Any:
        if kind == "exception":
            return self._exception_class(chain)
        remote = (self._labelled(label) if kind == "object" else KINDS.get(str(kind), RemoteObject))(self, index, label)
        match kind:
            case "iterator":
                return iterate(self, remote)
            case "asynciterator":
                return iterate_later(self, remote)
            case "awaitable":
                return wait(self, remote)
        return remote

    def _labelled(self, label: str) -> type[Remote]:
        """A class for the instances of one class of the program, so that they are called as it is."""
        if label not in self._labels and len(self._labels) < MAX_RAISED and label.isidentifier():
            self._labels[label] = type(label, (RemoteObject,), {"__slots__": ()})
        return self._labels.get(label, RemoteObject)

    # Exceptions.

    def revive(self, description: Any) -> BaseException:
        if type(description) is not tuple or len(description) != 5:
            raise NotPlain("not an exception")
        classes, args, text, attributes, origin = description
        if type(args) is not tuple or type(text) is not str or type(attributes) is not dict:
            raise NotPlain("not an exception")
        if any(origin is one for one in self._own):
            error: BaseException = origin
        else:
            try:
                error = instance_of(self._exception_class(classes), args, text)
            except (TypeError, ValueError, KeyError) as wrong:
                raise NotPlain(f"not an exception: {wrong}") from None
            vars(error).update({key: value for key, value in attributes.items() if is_public(key)})
        self._raised.append(error)
        return error

    def _exception_class(self, classes: Any) -> type[BaseException]:
        """The first of a `family`: Python's own where it is one, else made here."""
        if type(classes) is not list or not 0 < len(classes) <= MAX_FAMILY:
            raise NotPlain("not an exception's classes")
        made: dict[int, type[BaseException]] = {}
        for at, (module, name, bases) in reversed(list(enumerate(classes))):
            if type(module) is not str or type(name) is not str or not name.isidentifier():
                raise NotPlain("not an exception's class")
            made[at] = library_exception(module, name) or self._made_up(name, [made[up] for up in bases])
        return made[0]

    def _made_up(self, name: str, bases: list[type[BaseException]]) -> type[BaseException]:
        known = self._exceptions.get(name)
        if known is None:
            methods = {"__str__": said_text, "__init__": plain_init}
            known = self._exceptions[name] = type(name, tuple(bases) or (Exception,), methods)
            if len(self._exceptions) > MAX_RAISED:
                raise NotPlain("too many classes of exceptions")
        return known

    def origin(self, error: BaseException) -> Any:
        self._own.append(error)
        return error


def said(operation: str, operands: tuple[Any, ...]) -> str:
    """What the program was asked, in words."""
    target = operands[0] if operands and isinstance(operands[0], Remote) else None
    if operation == "hello" or target is None:
        return "while it was loaded" if operation == "hello" else f"at {operation}"
    name = target._far_name or target._far_label
    return f"during the call of {name}" if operation == "call" else f"at {operation} of {name}"


def library_exception(module: str, name: str) -> type[BaseException] | None:
    """An exception of Python or its library, or of numpy. Runners of tests have some that mean success: not those."""
    top = module.partition(".")[0]
    if top in NO_LIBRARY or not (top in sys.stdlib_module_names or top == "numpy"):
        return None
    found = getattr(sys.modules.get(module), name, None)
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def instance_of(cls: type[BaseException], args: tuple[Any, ...], text: str) -> BaseException:
    try:
        error = cls(*args)
    except Exception:
        # Its constructor takes other arguments than it keeps; what it keeps is enough.
        error = cls.__new__(cls, *args)
    if type(error).__str__ is said_text:
        vars(error)["_said"] = text
    return error


def said_text(error: BaseException) -> str:
    return str(vars(error).get("_said", BaseException.__str__(error)))


def plain_init(error: BaseException, *args: Any, **attributes: Any) -> None:
    BaseException.__init__(error, *args)
    vars(error).update(attributes)


def is_public(name: Any) -> bool:
    return type(name) is str and not name.startswith("_")
