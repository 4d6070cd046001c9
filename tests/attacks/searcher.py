"""Run in a sandbox: searches everything it can read for the mark of another run. Itself no test.

A mark is the word below and 32 digits between angle brackets, so that this text is none. Memory is read through
write(2), which fails where nothing is mapped instead of ending the process.
"""

import ctypes
import gc
import os
import re
import sys
from collections.abc import Iterator

MARK = re.compile(b"CANARY" + rb"<[0-9a-f]{32}>")
PAGE, CHUNK = 4096, 1 << 20
libc = ctypes.CDLL(None, use_errno=True)
libc.pwrite.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_long)
libc.pwrite.restype = ctypes.c_ssize_t
libc.sbrk.restype = ctypes.c_void_p
copy = os.open("copy", os.O_RDWR | os.O_CREAT)
seen: set[int] = set()
found: set[tuple[str, str]] = set()


def search(data: bytes, where: str) -> None:
    for mark in MARK.findall(data):
        found.add((mark.decode(), where))


def region(address: int, step: int) -> None:
    """Read on from `address` in one direction until nothing is mapped."""
    missing = 0
    while missing < 8 and 0 < address < 1 << 47 and address not in seen:
        seen.add(address)
        size = libc.pwrite(copy, address, CHUNK, 0)
        if size > 0:
            search(os.pread(copy, size, 0), "memory")
        if size == CHUNK:
            missing = 0
        else:
            for page in range(address, address + CHUNK, PAGE):
                if libc.pwrite(copy, page, PAGE, 0) == PAGE:
                    search(os.pread(copy, PAGE, 0), "memory")
                    missing = 0
            missing += 1
        address += step


def starts() -> Iterator[int]:
    """Addresses in every region that something is known to lie in."""
    local = ctypes.c_int()
    yield ctypes.addressof(local)
    yield libc.sbrk(0) - PAGE
    yield ctypes.cast(libc.pwrite, ctypes.c_void_p).value or 0
    yield ctypes.cast(ctypes.pythonapi.Py_Initialize, ctypes.c_void_p).value or 0
    yield id(type)
    stack = ctypes.pythonapi.PyThreadState_Get
    stack.restype = ctypes.c_void_p
    yield stack()
    for thing in gc.get_objects():
        yield id(thing)
    for size in (10, 1000, 100_000, 10_000_000):
        yield ctypes.addressof(ctypes.create_string_buffer(size))


def files() -> None:
    for number in range(3, 256):
        try:
            size = os.fstat(number).st_size
            if number != copy:
                search(os.pread(number, size or 1 << 20, 0), f"descriptor {number}")
        except OSError:
            continue
    for top in (".", "..", "/tmp", "/var/tmp", "/dev/shm", "/proc/self", "/box"):
        for folder, _, names in os.walk(top):
            for name in names:
                try:
                    with open(os.path.join(folder, name), "rb") as file:
                        search(file.read(1 << 20) if name != "copy" else b"", folder)
                except OSError:
                    continue


def look() -> list[tuple[str, str]]:
    """The marks that were found, and where."""
    for start in starts():
        start &= -CHUNK
        region(start, CHUNK)
        region(start - CHUNK, -CHUNK)
    files()
    os.unlink("copy")
    return sorted(found)


if __name__ == "__main__":
    own = sys.stdin.buffer.read()
    print(look())
    print(len(seen))
