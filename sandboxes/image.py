"""The image of a sandbox worker.

    python -m sandboxes.image build [--tag TAG] [--base IMAGE] [--without LANGUAGE]... [--network host]

Without a registry, `deploy/offline/base-image.sh` makes a base.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

IMAGE = "sandbox-worker:latest"
BASE = "debian:bookworm-slim"
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


class BuildError(Exception):
    """The image could not be built; the text ends with what the failing step said."""


def build(
    tag: str = IMAGE,
    base: str = BASE,
    without: Iterable[str] = (),
    network: str | None = None,
    log: Callable[[str], object] = lambda line: None,
) -> str:
    """Build the image with the engine that DOCKER_HOST names and return its id; raises BuildError.

    `without`: languages to leave out. `network`: of the build's own steps, which install Debian packages.
    """
    import docker

    arguments = {name: os.environ[name] for name in _PROXIES if name in os.environ}
    said: list[str] = []
    try:
        client = docker.from_env(timeout=3600)
        for part in client.api.build(
            path=str(Path(__file__).parent),
            tag=tag,
            buildargs={**arguments, "BASE": base, "WITHOUT": " ".join(without)},
            network_mode=network,
            rm=True,
            forcerm=True,
            decode=True,
        ):
            text = str(part.get("stream", part.get("error", part.get("status", "")))).rstrip()
            if text:
                said.append(text)
                log(text)
            if "error" in part:
                raise BuildError("\n".join(said[-20:]))
        return str(client.images.get(tag).id)
    except docker.errors.DockerException as error:
        raise BuildError(str(error)) from error


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sandboxes.image", description="The image of a sandbox worker.")
    command = parser.add_subparsers(required=True).add_parser("build", help="build it from this package's folder")
    command.add_argument("--tag", default=IMAGE)
    command.add_argument("--base", default=BASE, help="a Debian image (deploy/offline/base-image.sh makes one)")
    command.add_argument("--without", action="append", default=[], metavar="LANGUAGE", help="leave this language out")
    command.add_argument("--network", help="of the steps that install packages, such as `host`")
    chosen = parser.parse_args(arguments)
    try:
        print(build(chosen.tag, chosen.base, chosen.without, chosen.network, print))  # noqa: T201
    except BuildError as error:
        print(f"The image was not built: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
