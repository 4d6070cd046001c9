"""A template is a preloaded process that is forked, and nothing else: slots come from it, and programs from them."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from sandboxes.guest import cage, slot, wire
from sandboxes.guest.languages import Language
from sandboxes.guest.place import Place

PLAIN, FUNCTIONS = "plain", "functions"
CALLING = ("asyncio", "unittest", "sandboxes.guest.candidate", "sandboxes.guest.tester")
"""What it takes to call programs and to test them. Scripts are forked faster without it."""
STANDARD = (
    "array bisect calendar cmath collections.abc contextlib copy datetime decimal enum fractions functools heapq io "
    "itertools json keyword linecache math numbers operator random re string struct textwrap threading time traceback "
    "types typing warnings weakref dataclasses hashlib statistics queue"
).split()
"""What programs import most; it costs each of them a millisecond or more where it is not loaded yet."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Template:
    """What a template preloads. What is not installed is left out."""

    name: str
    preload: tuple[str, ...] = ()


def every(languages: Mapping[str, Language]) -> list[Template]:
    """One for scripts, one for programs that are called or tested, and those that the languages ask for."""
    named = {name: modules for language in languages.values() for name, modules in language.templates.items()}
    named = {FUNCTIONS: (), **named}
    return [Template(PLAIN), *(Template(name, (*CALLING, *named[name])) for name in named if name != PLAIN)]


def run(template: Template, channel: socket.socket, place: Place) -> slot.Task | None:
    """Fork a slot for each request of the supervisor, until it hangs up. In a program's process, returns its task."""
    cage.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    base: tuple[int, int] | None = None
    while True:
        packet = wire.receive(channel)
        if packet is None:
            return None
        request, (descriptor,) = packet
        if base is None:
            _load(template)
            base = _size(place.proc)
        if os.fork() == 0:
            channel.close()
            own = socket.socket(fileno=descriptor)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return slot.serve(own, place.setup(int(request["slot"]), base))
        os.close(descriptor)


def _load(template: Template) -> None:
    # Slots that end are of no interest here; the kernel reaps them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    _builtins_of_site()
    for name in (*STANDARD, *template.preload):
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    gc.collect()
    gc.freeze()


def _builtins_of_site() -> None:
    """exit, quit and help, which an interpreter without `site` lacks and programs use."""
    import site

    site.setquit()
    site.sethelper()
    sys.modules.pop("site", None)


def _size(proc: int) -> tuple[int, int]:
    """Address space and resident size of this process in bytes."""
    file = os.open("self/statm", os.O_RDONLY, dir_fd=proc)
    try:
        pages, resident = os.read(file, 200).split()[:2]
        return int(pages) * _PAGE, int(resident) * _PAGE
    finally:
        os.close(file)
