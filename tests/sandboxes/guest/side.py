"""Runs trials for `pair`, each in processes forked from this bare interpreter: a line of JSON in, a line of JSON out."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable
from typing import Any

root, *packages = sys.argv[1:]
sys.path[:0] = [root, *packages]

from sandboxes.guest import candidate, tester  # noqa: E402


def forked(work: Callable[[], Any], folder: str) -> tuple[int, int]:
    """(pid, descriptor of what `work` returned, as JSON) of a new process in `folder`."""
    source, sink = os.pipe()
    pid = os.fork()
    if pid:
        os.close(sink)
        return pid, source
    code = 1
    try:
        os.dup2(2, 1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        os.close(source)
        os.chdir(folder)
        os.write(sink, json.dumps(work()).encode())
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def trial(program: dict[str, Any], tests: dict[str, Any], shared: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        return run(program, tests, shared, (one, other))


def run(program: dict[str, Any], tests: dict[str, Any], shared: bool, folders: tuple[str, str]) -> dict[str, Any]:
    ours, theirs = socket.socketpair()
    processes = []
    if not shared:
        processes.append(forked(lambda: ours.close() or candidate.serve(program, theirs), folders[0]))
    theirs.close()
    work = (lambda: tester.test_shared({**tests, **program})) if shared else (lambda: tester.test(tests, ours))
    processes.append(forked(work, folders[1]))
    ours.close()
    pid, source = processes[-1]
    with open(source, "rb") as result:
        said = result.read()
    status = os.waitpid(pid, 0)[1]
    for pid, descriptor in processes[:-1]:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(descriptor)
    return {"status": status, "report": json.loads(said or b"null")}


for line in sys.stdin.buffer:
    sys.stdout.write(json.dumps(trial(**json.loads(line))) + "\n")
    sys.stdout.flush()
