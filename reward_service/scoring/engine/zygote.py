"""The process that workers are forked from: it imports the slow libraries once, and then only forks.

Run as `python -m reward_service.scoring.engine.zygote FD`, FD being a Unix socket to the pool. Each message on it
carries one end of a socket pair and the worker's memory limit; the reply is the new worker's process id. When the pool
goes away, however suddenly, the socket closes, this process ends, and the kernel ends its workers with it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import struct
import sys
import traceback

REQUEST = struct.Struct("=Q")
REPLY = struct.Struct("=q")
_PR_SET_PDEATHSIG = 1


def _load_what_workers_need() -> None:
    # gmpy2's C loops cannot be interrupted and answer no limit; pure Python integers raise MemoryError.
    os.environ["MPMATH_NOGMPY"] = "1"
    os.environ["SYMPY_GROUND_TYPES"] = "python"
    import logging

    logging.disable(logging.CRITICAL)
    from reward_service.scoring.registry import default_registry
    from reward_service.verifiers.base import Where

    for verifier in default_registry():
        if verifier.where is Where.POOL:
            verifier.warm()


def _become_worker(connection: socket.socket, memory: int, zygote: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != zygote:  # it died between the fork and the call above
        os._exit(1)
    from reward_service.scoring.engine.worker import serve

    serve(connection.detach(), memory)


def main(fd: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which closes the socket in its own time
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # dead workers leave no zombies; the pool sees their socket close
    _load_what_workers_need()
    control = socket.socket(fileno=fd)
    control.sendall(REPLY.pack(os.getpid()))
    while True:
        message, fds, _, _ = socket.recv_fds(control, REQUEST.size, 1)
        if len(message) < REQUEST.size or not fds:
            return
        connection = socket.socket(fileno=fds[0])
        zygote, pid = os.getpid(), os.fork()
        if pid == 0:
            control.close()
            try:
                _become_worker(connection, REQUEST.unpack(message)[0], zygote)
            except BaseException:
                traceback.print_exc()
            os._exit(0)
        connection.close()
        control.sendall(REPLY.pack(pid))


if __name__ == "__main__":
    main(int(sys.argv[1]))
