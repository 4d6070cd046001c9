"""A sandbox worker with no isolation at all, to tell what isolation costs: the same, less what keeps programs in.

Started as the usual worker is. In the tier `unprotected` there are no uids, namespaces, landlock and seccomp filter;
here nothing looks for processes left behind either, which without a uid for each program means a walk through /proc.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).absolute().parents[1]))

from sandboxes.guest import slot, start, worker

slot._Slot._sweep = lambda self: True  # type: ignore[method-assign]

if __name__ == "__main__":
    task = worker.main(sys.argv[1:])
    if task is not None:
        start.start(task)
