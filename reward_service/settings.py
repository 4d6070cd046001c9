"""The one place for settings: environment variables with the prefix REWARD_, or arguments of `reward-service serve`."""

from __future__ import annotations

import os
from typing import Literal

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from reward_service.schema import Options
from reward_service.scoring.limits import PoolLimits

MIB = 1024 * 1024
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


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
    max_in_flight: int = Field(16_384, ge=1, description="Most items in work at once; beyond it requests get 429.")
    request_seconds: float = Field(300.0, gt=0, description="Longest a request may take; Request-Timeout shortens it.")

    workers: int = Field(
        default_factory=lambda: len(os.sched_getaffinity(0)), ge=1, description="Processes of the CPU pool."
    )
    verifier_seconds: float = Field(5.0, gt=0, description="CPU seconds one comparison may take in the pool.")
    verifier_memory_mib: int = Field(1_024, ge=16, description="Memory one comparison may take in the pool, in MiB.")
    queue_seconds: float = Field(60.0, gt=0, description="Longest a comparison may wait for a worker.")
    cache_entries: int = Field(100_000, ge=0, description="Verdicts kept for reuse; 0 keeps none.")

    thinking: Literal["auto", "prefilled"] = Field(
        "auto", description="`prefilled` when the chat template opens the thought, so that no tag opens it."
    )
    code_blocks: Literal["last", "first", "longest", "all"] = Field(
        "last", description="Which fenced block is the answer when a response holds several."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if self.max_in_flight < self.max_items:
            raise ValueError("max_in_flight must be at least max_items, or no full batch could ever be taken")
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
    def on_loopback(self) -> bool:
        return self.host in LOOPBACK
