"""The one place for settings: environment variables with the prefix REWARD_, or arguments of `reward-service serve`."""

from __future__ import annotations

import os
from typing import Literal

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from reward_service.judge.model import JudgeLimits
from reward_service.schema import Options
from reward_service.scoring.limits import PoolLimits
from sandboxes.model import MIB, Limits, Tier
from sandboxes.options import SandboxOptions

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def _cores() -> int:
    return len(os.sched_getaffinity(0))


class Settings(BaseSettings):
    """Every setting has a default that serves one machine well."""

    model_config = SettingsConfigDict(env_prefix="REWARD_", frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", description="Address to listen on. Beyond loopback, keys are required.")
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    keys: str = Field("", description="Bearer keys as `name:sha256-of-key`, separated by commas or white space.")
    keys_file: str = Field("", description="A file with such entries, one a line; # begins a comment.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="What is logged.")

    max_body_bytes: int = Field(64 * MIB, ge=1, description="Largest request body accepted, in bytes.")
    max_items: int = Field(4_096, ge=1, description="Most items in one request.")
    max_response_chars: int = Field(1_000_000, ge=1, description="Longest response scored, in characters.")
    max_bodies_bytes: int = Field(
        1_024 * MIB, ge=1, description="Bodies in memory at once, in bytes; beyond it requests get 429."
    )
    max_in_flight: int = Field(16_384, ge=1, description="Most items in work at once; beyond it requests get 429.")
    rate_items_per_minute: int = Field(
        0, ge=0, description="Items that each key may have scored in a minute; beyond it requests get 429. 0: no limit."
    )
    idempotency_mib: int = Field(
        64, ge=0, description="Memory for answers that are repeated to the same `Idempotency-Key`, in MiB."
    )
    drain_seconds: float = Field(
        0.0, ge=0, description="Seconds after SIGTERM in which `/readyz` is 503 while new work is still taken."
    )
    request_seconds: float = Field(300.0, gt=0, description="Longest a request may take; Request-Timeout shortens it.")

    engine: Literal["local", "ray"] = Field(
        "local", description="Where comparisons run: on this machine, or on all machines of a Ray cluster."
    )
    ray_address: str = Field("auto", description="The Ray cluster: `auto` is this machine's own; or host:port.")
    ray_cpus: float = Field(0.0, ge=0, description="CPUs reserved on each machine of the cluster; 0 reserves none.")
    ray_runtime_env: str = Field("", description="Ray's runtime_env, as JSON, for machines that lack reward-service.")

    workers: int = Field(default_factory=_cores, ge=1, description="Processes of the CPU pool.")
    verifier_seconds: float = Field(5.0, gt=0, description="CPU seconds one comparison may take in the pool.")
    verifier_memory_mib: int = Field(1_024, ge=16, description="Memory one comparison may take in the pool, in MiB.")
    queue_seconds: float = Field(60.0, gt=0, description="Longest a comparison may wait for a worker or a sandbox.")
    cache_entries: int = Field(100_000, ge=0, description="Verdicts kept for reuse; 0 keeps none.")

    redis_url: str = Field(
        "", description="A Redis in which replicas share verdicts, such as redis://redis:6379/0; empty shares none."
    )

    sandbox: Literal["auto", "local", "docker", "remote", "none"] = Field(
        "auto", description="Where programs run; `auto` is `local` where this machine can isolate them, else `none`."
    )
    sandbox_tier: Literal["standard", "namespaces", "gvisor"] = Field(
        "standard", description="How programs are isolated; a weaker tier is used, and told of, where it must be."
    )
    sandbox_slots: int = Field(default_factory=_cores, ge=1, description="Programs that run at the same time.")
    sandbox_python: str = Field("", description="The interpreter that runs Python programs.")
    sandbox_image: str = Field("", description="The image of docker workers.")
    sandbox_workers: int = Field(
        default_factory=lambda: max(1, _cores() // 2),
        ge=1,
        description="Containers that docker workers are spread over.",
    )
    sandbox_addresses: str = Field(
        "",
        description="Remote workers: `unix:/path`, `unixdir:/path`, `tcp://host:port`; separated by commas or spaces.",
    )
    sandbox_token_file: str = Field("", description="A file with the secret that remote workers ask for.")
    run_programs_unprotected: bool = Field(
        False,
        description="Run programs with resource limits alone where they cannot be isolated: never with secrets near.",
    )
    program_cpu_seconds: float = Field(10.0, gt=0, description="CPU seconds a program may take for each test.")
    program_memory_mib: int = Field(1_024, ge=16, description="Memory a program may take, in MiB.")
    program_output_mib: int = Field(8, ge=1, description="Output a program may write, in MiB.")
    program_fractional: bool = Field(False, description="Score the share of tests passed, and not all or nothing.")
    shared_tests: bool = Field(
        False, description="Run tests that need the program in their own process, where it could forge their verdict."
    )

    judge_urls: str = Field(
        "",
        description="Servers of the judge model, such as http://gpu1:8000; separated by commas or spaces.",
    )
    judge_model: str = Field("", description="The name it is served under; empty where a server serves one model only.")
    judge_template: str = Field(
        "general-verifier",
        description="How it is asked: a name in reward_service/judge/prompts, or a path.",
    )
    judge_key_file: str = Field("", description="A file with the bearer key that the judge's servers ask for.")
    judges_file: str = Field("", description="A TOML file that names several judges, which then vote.")
    judge_concurrency: int = Field(256, ge=1, description="Questions in work at one server of the judge.")
    judge_batch: int = Field(16, ge=1, description="Most questions about one truth that go to it in one call.")
    judge_seconds: float = Field(30.0, gt=0, description="Longest one call to the judge may take.")
    judge_attempts: int = Field(3, ge=1, description="Calls made for a question before it fails as judge_unavailable.")
    judge_min_confidence: float = Field(
        0.6, ge=0, le=1, description="Below it the judge's verdict is none, and the item fails as judge_unparseable."
    )

    thinking: Literal["auto", "prefilled"] = Field(
        "auto", description="`prefilled` when the chat template opens the thought, so that no tag opens it."
    )
    code_blocks: Literal["last", "first", "longest", "all"] = Field(
        "last", description="Which fenced block is the answer when a response holds several."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if self.sandbox == "remote" and not self.sandbox_addresses.strip(" ,\n"):
            raise ValueError("sandbox_addresses must say where the remote workers are")
        if self.judge_urls and self.judges_file:
            raise ValueError("judges_file names all judges: judge_urls must be empty beside it")
        if self.max_in_flight < self.max_items:
            raise ValueError("max_in_flight must be at least max_items, or no full batch could ever be taken")
        if self.max_bodies_bytes < self.max_body_bytes:
            raise ValueError("max_bodies_bytes must be at least max_body_bytes, or no large body could ever be taken")
        return self

    @property
    def options(self) -> Options:
        return Options(thinking=self.thinking, code_blocks=self.code_blocks)

    @property
    def pool_limits(self) -> PoolLimits:
        return PoolLimits(
            workers=self.workers,
            item_seconds=self.verifier_seconds,
            item_bytes=self.verifier_memory_mib * MIB,
            queue_seconds=self.queue_seconds,
            max_queue=self.max_in_flight,
        )

    @property
    def sandbox_options(self) -> SandboxOptions | None:
        """None when no programs are to be run."""
        if self.sandbox == "none":
            return None
        return SandboxOptions(
            backend=self.sandbox,
            tier=Tier(self.sandbox_tier),
            slots=self.sandbox_slots,
            python=self.sandbox_python,
            image=self.sandbox_image,
            workers=self.sandbox_workers,
            addresses=tuple(self.sandbox_addresses.replace(",", " ").split()),
            token_file=self.sandbox_token_file,
            allow_unprotected=self.run_programs_unprotected,
        )

    @property
    def judge_limits(self) -> JudgeLimits:
        return JudgeLimits(
            concurrency=self.judge_concurrency,
            batch=self.judge_batch,
            queue_seconds=self.queue_seconds,
            call_seconds=self.judge_seconds,
            attempts=self.judge_attempts,
            min_confidence=self.judge_min_confidence,
            cache_entries=self.cache_entries,
        )

    @property
    def program_limits(self) -> Limits:
        return Limits(
            cpu_seconds=self.program_cpu_seconds,
            memory_bytes=self.program_memory_mib * MIB,
            output_bytes=self.program_output_mib * MIB,
        )

    @property
    def verdicts_depend_on(self) -> str:
        """The settings that a verdict may depend on, beside verifier, answer and truth."""
        names = ("program_cpu_seconds", "program_memory_mib", "program_output_mib", "program_fractional")
        more = ("shared_tests", "sandbox_tier", "sandbox_image", "sandbox_python", "judge_min_confidence")
        return repr([(name, getattr(self, name)) for name in (*names, *more)])

    @property
    def on_loopback(self) -> bool:
        return self.host in LOOPBACK
