"""The entry of a sandbox worker: `python -I -S .../worker.py --listen unix:/run/sandbox/1.sock`.

It puts up the realm, forks the templates before anything secret or untrusted has reached it, and becomes the
supervisor. Only the standard library is used.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from pathlib import Path

LIBRARY = list(sys.path)
ENVIRONMENT = {
    "PYTHONHASHSEED": "0", "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin", "HOME": "/tmp", "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMEXPR_NUM_THREADS": "1",
}  # fmt: skip
"""All that programs find in their environment. Libraries start no threads: a process that has some cannot be forked."""

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).absolute().parents[2]))

from sandboxes.guest import languages, start, supervisor, template
from sandboxes.guest.place import PREFERRED, TIERS, put_up
from sandboxes.guest.slot import Task


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sandbox-worker", description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--listen", help="unix:/path or tcp:host:port")
    where.add_argument("--descriptor", type=int, help="a connected stream socket to serve, and to end with")
    parser.add_argument("--token-file", help="file with the secret that callers must know")
    parser.add_argument("--tier", choices=TIERS, action="append", help="the first that can be put up; may be repeated")
    parser.add_argument("--slots", type=int, default=len(os.sched_getaffinity(0)), help="runs at the same time")
    parser.add_argument("--uid-base", type=int, default=0, help="first of the uids for programs; 0 takes free ones")
    parser.add_argument("--boxes", default="", help="a directory for the programs' own ones; made when not given")
    parser.add_argument("--readable", action="append", default=[], help="a path programs may read; may be repeated")
    parser.add_argument("--path", action="append", default=[], help="a folder programs import from; may be repeated")
    parser.add_argument("--max-runs", type=int, default=0, help="end when so many runs are done; 0: never")
    return parser.parse_args(argv)


def main(argv: list[str]) -> Task | None:
    """Serve until told to end. Returns a task in a program's process, and None in all others."""
    arguments = _arguments(argv)
    os.environ.clear()
    os.environ.update(ENVIRONMENT)
    os.umask(0o022)
    if os.getsid(0) != os.getpid():
        os.setsid()
    token = os.open(arguments.token_file, os.O_RDONLY) if arguments.token_file else None
    listener = supervisor.listen(arguments.listen) if arguments.listen else None
    spoken = languages.load(Path(languages.__file__).absolute().parents[1])
    readable = [*arguments.readable, str(Path(__file__).absolute().parent)]
    readable += [path for language in spoken.values() for path in language.readable]
    place = put_up(arguments.tier or list(PREFERRED), readable, arguments.boxes, arguments.uid_base)
    sys.path[:] = [*LIBRARY, *arguments.path]
    channels: dict[str, socket.socket] = {}
    for one in template.every(spoken):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.fork() == 0:
            _forget([ours, listener, *channels.values()], [token, arguments.descriptor])
            return template.run(one, theirs, place)
        theirs.close()
        channels[one.name] = ours
    secret = os.read(token, 4_096).strip() if token is not None else b""
    try:
        supervisor.Supervisor(
            place, spoken, channels, listener, arguments.descriptor, secret, arguments.slots, arguments.max_runs
        ).run()
    finally:
        place.take_down()
    return None


def _forget(sockets: list[socket.socket | None], descriptors: list[int | None]) -> None:
    """Close what only the supervisor may hold."""
    for one in sockets:
        if one is not None:
            one.close()
    for descriptor in descriptors:
        if descriptor is not None:
            os.close(descriptor)


if __name__ == "__main__":
    try:
        task = main(sys.argv[1:])
    except OSError as error:
        sys.exit(f"sandbox worker: {error}")
    if task is not None:
        start.start(task)
