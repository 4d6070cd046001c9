"""How else programs are run: what the sandbox is measured against. Each gives the outputs of one submission.

Processes are started from threads with `subprocess`, which is the fastest way that Python has.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import multiprocessing
import socket
import subprocess
import tempfile
import threading
import uuid
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.programs import Problem


class Peer(AbstractContextManager["Peer"]):
    """A way to run programs: used with `with`, from several threads."""

    name: str

    def __exit__(self, *_: object) -> None: ...

    def outputs(self, problem: Problem) -> list[bytes]:
        """The stdout of each test; of asserts, nothing where they passed. Raises CalledProcessError."""
        if problem.asserts:
            return [self.run(problem.source + problem.asserts, b"", problem.packages)]
        return [self.run(problem.source, stdin, problem.packages) for stdin, _ in problem.tests]

    def run(self, source: str, stdin: bytes, packages: bool) -> bytes:
        raise NotImplementedError


def finished(command: list[str], stdin: bytes, environment: dict[str, str] | None = None) -> bytes:
    return subprocess.run(command, input=stdin, capture_output=True, check=True, env=environment).stdout


class Bare(Peer):
    """`python3 -I -S`, with no isolation at all."""

    name = "bare python3 -I -S"

    def __init__(self, python: Path, packages: Path) -> None:
        self._python, self._packages = str(python), str(packages)

    def run(self, source: str, stdin: bytes, packages: bool) -> bytes:
        flags = ["-s", "-S", "-P"] if packages else ["-I", "-S"]
        return finished([self._python, *flags, "-c", source], stdin, environment(self._packages))


class Bubblewrap(Peer):
    """A bubblewrap sandbox for each run: all namespaces, a root with /usr and nothing else."""

    name = "bubblewrap"

    def __init__(self, python: Path, packages: Path) -> None:
        self._python, self._packages = str(python), str(packages)

    def run(self, source: str, stdin: bytes, packages: bool) -> bytes:
        shown = ["--ro-bind", self._packages, self._packages] if packages else []
        flags = ["-s", "-S", "-P"] if packages else ["-I", "-S"]
        wrap = [
            "bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--ro-bind", "/usr", "/usr", "--symlink",
            "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--symlink", "usr/bin", "/bin", "--proc", "/proc",
            "--dev", "/dev", "--tmpfs", "/tmp", *shown,
        ]  # fmt: skip
        return finished([*wrap, self._python, *flags, "-c", source], stdin, environment(self._packages))


def environment(packages: str) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "PYTHONPATH": packages, "OPENBLAS_NUM_THREADS": "1"}


class DockerExec(Peer):
    """`docker exec` in a container that runs already."""

    name = "docker exec"

    def __init__(self, image: str) -> None:
        self._image, self._container = image, f"benchmark-{uuid.uuid4().hex[:8]}"

    def __enter__(self) -> DockerExec:
        finished(
            ["docker", "run", "--rm", "-d", "--init", "--network", "none", "--name", self._container, "--entrypoint",
             "sleep", self._image, "86400"], b"",
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        finished(["docker", "rm", "-f", self._container], b"")

    def run(self, source: str, stdin: bytes, packages: bool) -> bytes:
        return finished(["docker", "exec", "-i", self._container, "python3", "-I", "-S", "-c", source], stdin)


class DockerRun(Peer):
    """`docker run`: a container for each run."""

    name = "docker run"

    def __init__(self, image: str) -> None:
        self._image = image

    def run(self, source: str, stdin: bytes, packages: bool) -> bytes:
        return finished(
            ["docker", "run", "--rm", "-i", "--network", "none", "--read-only", "--cap-drop", "ALL", "--memory", "256m",
             "--pids-limit", "64", "--entrypoint", "python3", self._image, "-I", "-S", "-c", source], stdin,
        )  # fmt: skip


class ProcessPerRequest(Peer):
    """A server that runs one process for each HTTP request, through a shell: the way of SandboxFusion's `/run_code`."""

    name = "one process per test through HTTP"

    def __init__(self, python: Path, packages: Path) -> None:
        self._python, self._packages = str(python), str(packages)
        self._local = threading.local()
        self._port = 0

    def __enter__(self) -> ProcessPerRequest:
        listener = socket.create_server(("127.0.0.1", 0))
        self._port = listener.getsockname()[1]
        context = multiprocessing.get_context("spawn")
        self._server = context.Process(target=_serve, args=(listener, self._python, self._packages), daemon=True)
        self._server.start()
        listener.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.kill()
        self._server.join()

    def run(self, source: str, stdin: bytes, packages: bool) -> bytes:
        body = json.dumps({"code": source, "stdin": stdin.decode(), "language": "python", "run_timeout": 10})
        connection = self._connection()
        connection.request("POST", "/run_code", body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        if answer["return_code"] != 0:
            raise subprocess.CalledProcessError(answer["return_code"], "python", stderr=answer["stderr"])
        return str(answer["stdout"]).encode()

    def _connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection("127.0.0.1", self._port)
            self._local.connection.connect()
            self._local.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        found: http.client.HTTPConnection = self._local.connection
        return found


def _serve(listener: socket.socket, python: str, packages: str) -> None:
    async def main() -> None:
        server = await asyncio.start_server(
            lambda reader, writer: _answer(reader, writer, python, packages), sock=listener
        )
        await server.serve_forever()

    asyncio.run(main())


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, python: str, packages: str) -> None:
    """Requests of one connection, one after the other."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.partition("content-length:")[2].partition("\r\n")[0])
            answer = await _run(json.loads(await reader.readexactly(length)), python, packages)
            body = json.dumps(answer).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _run(request: dict[str, str], python: str, packages: str) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "program.py"
        file.write_text(request["code"])
        process = await asyncio.create_subprocess_exec(
            "bash", "-c", f"{python} {file}", cwd=folder, env=environment(packages),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        stdout, stderr = await process.communicate(request["stdin"].encode())
        return {"return_code": process.returncode, "stdout": stdout.decode(), "stderr": stderr.decode()}
