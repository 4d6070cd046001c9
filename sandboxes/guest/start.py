"""What a child does once it is in its cage: run the program as a Python script, call it, serve it, or test it."""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import json
import linecache
import os
import random
import socket
import sys
import threading
import traceback
import types
from typing import Any, NoReturn

from sandboxes.guest import wire
from sandboxes.guest.slot import PAYLOAD, PEER, RESULT, Task

FILE_NAME = "main.py"
_MAX_SEED = 2**32 - 1


def start(task: Task) -> NoReturn:
    """Does what `task` says and ends the process."""
    if task.mode == "exec":
        os.environ.clear()
        try:
            os.execve(task.argv[0], task.argv, task.env)
        except OSError as error:
            os.write(2, f"{task.argv[0]}: {error.strerror}\n".encode())
            os._exit(127)
    payload = json.loads(wire.contents(PAYLOAD))
    os.close(PAYLOAD)
    _fresh_streams()
    _seed(task.seed)
    sys.argv = [FILE_NAME]
    if "tempfile" in sys.modules:
        vars(sys.modules["tempfile"])["tempdir"] = None  # the template's, which programs cannot write to
    sys.path.insert(0, os.getcwd())
    if task.mode == "script":
        _script(payload["prefix"], payload["source"])
    try:
        code = _MODES[task.mode](payload)
    except SystemExit as error:
        code = _exit_code(error)
    except BaseException:
        _show_error()
        code = 1
    _finish(code)


def _fresh_streams() -> None:
    """Standard streams as a new interpreter would open them, none of them a terminal."""
    sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]


def _seed(seed: int) -> None:
    """The same random numbers in every run: a verdict must not hang on luck."""
    random.seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed % _MAX_SEED)


def _script(prefix: str, source: str) -> NoReturn:
    """Run the program as `python main.py` would."""
    main = types.ModuleType("__main__")
    main.__dict__.update(__file__=FILE_NAME, __builtins__=__builtins__, __cached__=None)
    sys.modules["__main__"] = main
    linecache.cache[FILE_NAME] = (len(source), None, source.splitlines(keepends=True), FILE_NAME)
    code = 0
    try:
        if prefix:
            exec(compile(prefix, "prefix.py", "exec", dont_inherit=True), main.__dict__)
        exec(compile(source, FILE_NAME, "exec", dont_inherit=True), main.__dict__)
    except SystemExit as error:
        code = _exit_code(error)
    except BaseException:
        _show_error()
        code = 1
    _finish(code)


def _exit_code(error: SystemExit) -> int:
    """As the interpreter reads it: None is 0, a number itself, and anything else is printed and 1."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr)
    return 1


def _show_error() -> None:
    """The traceback without the frames of this module, through the program's own hook if it has one."""
    kind, error, trace = sys.exc_info()
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    try:
        if sys.excepthook is not sys.__excepthook__:
            sys.excepthook(kind, error, trace)  # type: ignore[arg-type]
        else:
            traceback.print_exception(kind, error, trace)
    except BaseException:
        os.write(2, b"an error whose traceback cannot be printed\n")


def _finish(code: int) -> NoReturn:
    """Wait for threads, run exit handlers, flush; without the interpreter's slow teardown."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    except BaseException:
        _show_error()
    # Files that were never closed too, as the teardown that is left out here would.
    forgotten = [one for one in gc.get_objects() if issubclass(type(one), io.IOBase)]
    for stream in (*forgotten, sys.stdout, sys.stderr):
        try:
            if not stream.closed:
                stream.flush()
        except BaseException:
            code = code or 120
    os._exit(code)


def _give(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(RESULT, view) :]


def _call(payload: dict[str, Any]) -> int:
    from sandboxes.guest import candidate

    call = sys.stdin.buffer.read()
    _give(candidate.answer_call(payload, call))
    return 0


def _serve(payload: dict[str, Any]) -> int:
    from sandboxes.guest import candidate

    with socket.socket(fileno=PEER) as channel:
        return candidate.serve(payload, channel)


def _test(payload: dict[str, Any]) -> int:
    from sandboxes.guest import tester

    if payload["numpy"]:
        with contextlib.suppress(ImportError):
            importlib.import_module("numpy")
    try:
        with socket.socket(fileno=PEER) as channel:
            report = tester.test(payload, channel)
    except tester.TesterUnavailable as error:
        report = {"unsupported": str(error)}
    _give(json.dumps(report).encode())
    return 0


def _shared(payload: dict[str, Any]) -> int:
    from sandboxes.guest import tester

    try:
        report = tester.test_shared(payload)
    except tester.TesterUnavailable as error:
        report = {"unsupported": str(error)}
    _give(json.dumps(report).encode())
    return 0


_MODES = {"call": _call, "serve": _serve, "test": _test, "shared": _shared}
