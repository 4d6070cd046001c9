"""Generate responses to a file of prompts, and have them scored meanwhile.

Exit codes: 0 every sample has a verdict, 1 some have none (run the same command again), or something is in the way.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import sys
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from trainer_client.client import RewardClient
from trainer_client.errors import ClientError
from trainer_client.progress import Progress
from trainer_client.rollouts import async_llm, openai_server, output, summary
from trainer_client.rollouts.journal import Journal
from trainer_client.rollouts.model import Generated, Prompt, Rollout, ScoredRollout
from trainer_client.rollouts.overlap import Overlap
from trainer_client.rollouts.prompts import BadPrompts, read_prompts
from trainer_client.rollouts.streamer import RolloutStreamer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompts", type=Path, help="Guru rows: .parquet, or JSON lines with the same keys")
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        help="a line for each sample, or .parquet; OUT.journal beside it lets a run go on after a break",
    )
    parser.add_argument("--server", metavar="URL", help="generate at a server that speaks OpenAI's API")
    parser.add_argument("--model", required=True, help="its name at the server; without --server, what vLLM loads here")
    parser.add_argument("--n", type=_count, default=8, help="samples of each prompt (8)")
    parser.add_argument("--max-tokens", type=_count, default=4096, help="most tokens of a response (4096)")
    parser.add_argument("--temperature", type=float, default=1.0, help="(1.0)")
    parser.add_argument("--top-p", type=float, default=1.0, help="(1.0)")
    parser.add_argument("--seed", type=int, help="repeat what was drawn, as far as the engine can")
    parser.add_argument("--limit", type=_count, metavar="ROWS", help="the first rows only")
    parser.add_argument("--requests", type=_count, default=64, help="prompts in work at once (64)")
    parser.add_argument("--separate", action="store_true", help="a request for each sample: for servers without n")
    parser.add_argument("--service", metavar="URL[,URL]", help="the reward service (REWARD_SERVICE_URLS)")
    parser.add_argument(
        "--engine",
        type=_object,
        default={},
        metavar="JSON",
        help="""arguments of vLLM's AsyncEngineArgs, as '{"tensor_parallel_size": 2}'""",
    )


def _count(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("it is at least 1")
    return number


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"it is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError("it is no JSON object")
    return found


def run(arguments: argparse.Namespace) -> int:
    """Raises ClientError where something is in the way; what was done by then is kept."""
    _refuse_to_overwrite(arguments.prompts, arguments.out)
    output.require_writer(arguments.out)
    with Journal(arguments.out.with_name(arguments.out.name + ".journal"), _settings(arguments)) as journal:
        overlap = asyncio.run(_roll_out(arguments, journal))
        rows = _rows(arguments)
        output.write(arguments.out, journal.records(rows, arguments.n))
        sources = summary.by_source(journal.records(rows, arguments.n))
    print(summary.table(sources, arguments.n))
    if overlap:
        print(overlap)
    print(f"written: {arguments.out}")
    lacking = sum(source.no_verdict for source in sources.values())
    if lacking:
        print(f"{lacking:,} samples have no verdict; the same command tries them again", file=sys.stderr)
    return 1 if lacking else 0


def _refuse_to_overwrite(prompts: Path, out: Path) -> None:
    if not prompts.is_file():
        raise BadPrompts(f"there is no file {prompts}")
    if prompts.resolve() == out.resolve():
        raise ClientError(f"the output cannot be written over the prompts that it comes from: {out}")


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """What one output is made with, and no other can be added to."""
    with arguments.prompts.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    names = ("model", "max_tokens", "temperature", "top_p", "seed")
    return {"journal": 1, "prompts": digest, **{name: getattr(arguments, name) for name in names}}


def _prompts(arguments: argparse.Namespace) -> Iterator[Prompt]:
    return islice(read_prompts(arguments.prompts), arguments.limit)


async def _roll_out(arguments: argparse.Namespace, journal: Journal) -> Overlap | None:
    """Score again what has no verdict, and generate what is missing. Gives the overlap of the latter."""
    unscored = journal.unscored(arguments.n)
    missing = sum(len(journal.missing(row, arguments.n)) for row in range(_rows(arguments)))
    urls = [url for url in (arguments.service or "").split(",") if url] or None
    async with RewardClient(urls) as client:
        streamer = RolloutStreamer(client)
        if missing:
            await _score(streamer.stream(_generated(arguments, journal)), journal, missing)
        overlap = streamer.overlap
        if unscored:
            again = _generated_before(arguments, journal, unscored)
            await _score(streamer.stream(again), journal, sum(map(len, unscored.values())))
    return overlap if missing else None


def _rows(arguments: argparse.Namespace) -> int:
    """How many there are; all are good ones then. Raises BadPrompts."""
    rows = sum(1 for _ in _prompts(arguments))
    if not rows:
        raise BadPrompts(f"{arguments.prompts} has no rows")
    return rows


async def _score(stream: AsyncGenerator[ScoredRollout, None], journal: Journal, total: int) -> None:
    with Progress(total, shown=True) as bar:
        async with aclosing(stream):
            async for scored in stream:
                journal.add(scored)
                bar.add(scored.result)


async def _generated(arguments: argparse.Namespace, journal: Journal) -> AsyncGenerator[Rollout, None]:
    generate = _at_server if arguments.server else _here
    async with aclosing(generate(arguments, _missing(arguments, journal))) as rollouts:
        async for rollout in rollouts:
            yield rollout


def _missing(arguments: argparse.Namespace, journal: Journal) -> Iterator[Prompt]:
    for row, prompt in enumerate(_prompts(arguments)):
        if samples := journal.missing(row, arguments.n):
            yield replace(prompt, samples=samples)


def _at_server(arguments: argparse.Namespace, prompts: Iterator[Prompt]) -> AsyncGenerator[Rollout, None]:
    server = openai_server.Server(arguments.server, arguments.model, os.environ.get("OPENAI_API_KEY"))
    wanted = {name: getattr(arguments, name) for name in ("max_tokens", "temperature", "top_p", "seed")}
    sampling = {name: value for name, value in wanted.items() if value is not None}
    return openai_server.generate(
        server,
        prompts,
        arguments.n,
        sampling=sampling,
        requests=arguments.requests,
        separate=arguments.separate,
    )


async def _here(arguments: argparse.Namespace, prompts: Iterator[Prompt]) -> AsyncGenerator[Rollout, None]:
    try:
        engine = async_llm.open_engine(arguments.model, **arguments.engine)
    except ModuleNotFoundError as error:
        raise ClientError(f"vLLM cannot be used here ({error}): install it, or name a --server") from None
    try:
        params = async_llm.sampling(
            max_tokens=arguments.max_tokens,
            temperature=arguments.temperature,
            top_p=arguments.top_p,
            seed=arguments.seed,
        )
        source = async_llm.generate(engine, prompts, params, arguments.n, requests=arguments.requests)
        async with aclosing(source) as rollouts:
            async for rollout in rollouts:
                yield rollout
    finally:
        engine.shutdown()


async def _generated_before(
    arguments: argparse.Namespace, journal: Journal, unscored: Mapping[int, Sequence[int]]
) -> AsyncGenerator[Rollout, None]:
    for row, prompt in enumerate(_prompts(arguments)):
        for record in journal.read(row, unscored.get(row, ())):
            meta = Generated(record["finish_reason"], record["tokens"])
            yield prompt.rollout(record["sample"], record["response"], meta)
