"""Run in a sandbox after every attack: adds two numbers, and tells what the place looks like. Itself no test."""

import json
import os
import random
import re
import resource
import signal
import sys
import time


def listing(path: str) -> object:
    try:
        return sorted(os.listdir(path))
    except OSError as error:
        return error.errno


def descriptors() -> list[int]:
    found = []
    for number in range(256):
        try:
            os.fstat(number)
        except OSError:
            continue
        found.append(number)
    return found


a, b = map(int, sys.stdin.readline().split())
first_random = random.random()
mask = os.umask(0o077)
print(
    json.dumps(
        {
            "answer": a + b,
            "random": first_random,
            "files": listing("."),
            "tmp": [listing(path) for path in ("/tmp", "/var/tmp", "/dev/shm")],
            "environment": dict(sorted(os.environ.items())),
            "modules": sorted(sys.modules),
            "path": [entry for entry in sys.path if entry != os.getcwd()],
            "umask": mask,
            "nice": os.getpriority(os.PRIO_PROCESS, 0),
            "limits": [resource.getrlimit(kind) for kind in range(10) if kind != resource.RLIMIT_CPU],
            "signals": [str(signal.getsignal(number)) for number in range(1, 32)],
            "blocked": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))),
            "descriptors": descriptors(),
            "recursion": sys.getrecursionlimit(),
            "zone": time.timezone,
            "argv": sys.argv,
            "box": re.sub(r"/\d+/.*", "", os.getcwd()),
        }
    )
)
