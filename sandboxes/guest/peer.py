"""One end of the conversation between tests and program: asking, being asked while one waits, lending objects.

    ["ask", number, operation, root, nodes]                     root: the operands
    ["ok" | "raised", number, root, nodes, changes, printed]    root: the value, or what `describe` says

Nodes are those of `codec`, and three more. `["far", i, kind, label, classes]` lends the writer's object number i, and
`["near", i]` gives back the reader's own. `["builtin", module, name]` is something both have; only the tests write it.
What the answering side changed in the operands goes back as `changes`, and the asking side does the same to its own.
"""

from __future__ import annotations

import builtins
import threading
from collections.abc import Callable, Sequence
from typing import Any

from sandboxes.guest.channel import Channel
from sandboxes.guest.decoder import CHANGERS, Decoder
from sandboxes.guest.encoder import Encoder
from sandboxes.guest.plain import Node, NotPlain

MAX_LENT = 1_000_000
MAX_DEPTH = 60
"""Of questions within questions."""
MAX_MESSAGE = 2000
"""Characters of an exception's text."""


class Peer:
    """What both ends share. One conversation: a second thread waits until the first has its answer."""

    def __init__(self, channel: Channel, operations: dict[str, Callable[..., Any]]) -> None:
        self.channel = channel
        self.operations = operations
        self.lent: list[Any] = []
        self._places: dict[int, int] = {}
        self._number = 0
        self._depth = 0
        self._lock = threading.RLock()

    lazy = False
    """Whether iterators stay where they are."""

    # What each end decides.

    def name_class(self, cls: type) -> str | None:
        raise NotImplementedError

    def find_class(self, name: str) -> type | None:
        raise NotImplementedError

    def claim(self, value: Any) -> Node | None:
        raise NotImplementedError

    def outside(self, value: Any) -> Node | None:
        raise NotImplementedError

    def inside(self, node: Node) -> Any:
        raise NotImplementedError

    def revive(self, description: Any) -> BaseException:
        """The exception that `describe` described at the other end."""
        raise NotImplementedError

    def printed(self) -> str:
        """What was printed since the last answer."""
        return ""

    def heard(self, text: Any) -> None:
        """What the other end printed."""

    # The conversation.

    def ask(self, operation: str, *operands: Any) -> Any:
        """The other end's answer. Raises what it raised, NotPlain, Closed."""
        with self._lock:
            encoder = self._encoder()
            root = encoder.add(operands)
            nodes = encoder.finish()
            self._number += 1
            number = self._number
            self.channel.send(["ask", number, operation, root, nodes])
            while True:
                message = self.channel.receive()
                kind = message[0] if type(message) is list and len(message) in (5, 6) else None
                if kind == "ask" and len(message) == 5:
                    self.answer(message)
                    continue
                if kind not in ("ok", "raised") or len(message) != 6 or message[1] != number:
                    raise NotPlain("an answer to no question")
                return self._answered(message, encoder.objects)

    def _answered(self, message: list[Any], given: Sequence[Any]) -> Any:
        kind, _, root, nodes, changes, printed = message
        decoder = self._decoder(given)
        (value,) = decoder.read(nodes, [root])
        decoder.apply(changes)
        self.heard(printed)
        if kind == "ok":
            return value
        raise self.revive(value)

    def answer(self, message: list[Any]) -> None:
        """Do what was asked and send what came of it. Raises NotPlain when it is no question, Closed."""
        _, number, operation, root, nodes = message
        decoder = self._decoder(())
        (operands,) = decoder.read(nodes, [root])
        if type(operation) is not str or type(operands) is not tuple or self._depth >= MAX_DEPTH:
            raise NotPlain("not a question")
        self._depth += 1
        try:
            kind, value = "ok", self.operations[operation](*operands)
        except Exception as error:
            kind, value = "raised", self.describe(error)
        except BaseException as error:
            self.unusual(error)
            kind, value = "raised", self.describe(error)
        finally:
            self._depth -= 1
        try:
            reply = self._reply(nodes, decoder.objects, value)
        except (NotPlain, RecursionError, RuntimeError) as error:
            kind, reply = "raised", self._reply([], [], self.describe(TypeError(f"the value cannot be sent: {error}")))
        self.channel.send([kind, number, *reply, self.printed()])

    def unusual(self, error: BaseException) -> None:
        """Raise `error` when it must not go to the other end."""

    def _reply(self, nodes: list[Node], objects: list[Any], value: Any) -> tuple[Any, list[Node], list[Any]]:
        encoder = self._encoder()
        encoder.start_after(objects)
        root = encoder.add(value)
        changes = []
        for index, before in enumerate(nodes):
            if before[0] in CHANGERS:
                now = encoder.node(objects[index])
                if now != before:
                    changes.append([index, now])
        return root, encoder.finish(after=len(objects)), changes

    def _encoder(self) -> Encoder:
        return Encoder(self.name_class, self.claim, self.outside, self.lazy)

    def _decoder(self, given: Sequence[Any]) -> Decoder:
        return Decoder(self.find_class, self.inside, given)

    # Objects that stay where they are.

    def lend(self, value: Any, kind: str, label: str, classes: Sequence[Any] = ()) -> Node:
        index = self._places.get(id(value))
        if index is None:
            index = self._places[id(value)] = len(self.lent)
            self.lent.append(value)
            if index > MAX_LENT:
                raise NotPlain("too many objects")
        return ["far", index, kind, label, list(classes)]

    def is_lent(self, value: Any) -> bool:
        return id(value) in self._places

    def near(self, node: Node) -> Any:
        """Our own object that the other end gives back."""
        index = node[1]
        if type(index) is not int or not 0 <= index < len(self.lent):
            raise NotPlain("an object that was never lent")
        return self.lent[index]

    def describe(self, error: BaseException) -> tuple[Any, ...]:
        """(the family of its class, args, text, attributes, itself where the other end raised it)."""
        try:
            text = str(error)[:MAX_MESSAGE]
        except Exception:
            text = ""
        attributes = {name: value for name, value in vars(error).items() if not name.startswith("__")}
        return family(type(error)), error.args, text, attributes, self.origin(error)

    def origin(self, error: BaseException) -> Any:
        """What names `error` to both ends, when it is the other end's."""
        return None


def family(cls: type) -> list[list[Any]]:
    """[module, name, places of its bases in this list] of an exception's class and of all it comes from.

    Of builtin classes only those that the others name; their bases are left out.
    """
    kept = [base for base in cls.__mro__ if issubclass(base, BaseException)]
    places = {base: at for at, base in enumerate(kept)}
    return [
        [str(base.__module__), str(base.__name__), [places[up] for up in bases_of(base) if up in places]]
        for base in kept
    ]


def bases_of(cls: type) -> tuple[type, ...]:
    return () if is_builtin(cls) else cls.__bases__


def is_builtin(cls: type) -> bool:
    return getattr(builtins, cls.__name__, None) is cls
