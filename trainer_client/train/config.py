"""What a training run is: a TOML file, of which every key is known and checked."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from trainer_client.errors import Misconfigured
from trainer_client.failures import OnFailure
from trainer_client.plugins.trl import ACTIONS


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TinyModel(_Table):
    """A model made on the spot: random, then shown how an answer is written, with the names in random order."""

    hidden: PositiveInt = 64
    layers: PositiveInt = 2
    warm_up_steps: NonNegativeInt = 300
    """Of 64 answers each, before the training proper."""


class Model(_Table):
    """A model by path or name, or a tiny one."""

    path: str | None = None
    tiny: TinyModel | None = None

    @model_validator(mode="after")
    def _one(self) -> Model:
        if (self.path is None) == (self.tiny is None):
            raise ValueError("give either path or tiny")
        return self


class Puzzles(_Table):
    """Ordering puzzles made on the spot, in the form of Guru's rows."""

    train: PositiveInt = 2000
    held_out: PositiveInt = 32


class Data(_Table):
    """Guru's parquet files, by glob patterns, or puzzles."""

    files: tuple[str, ...] = ()
    held_out_files: tuple[str, ...] = ()
    puzzles: Puzzles | None = None

    @model_validator(mode="after")
    def _one(self) -> Data:
        if bool(self.files) == (self.puzzles is not None):
            raise ValueError("give either files or puzzles")
        return self


class Service(_Table):
    """Where rewards come from. The key is read from the environment alone: REWARD_SERVICE_KEY or _KEY_FILE."""

    urls: tuple[str, ...] = ()
    """Without any, those of REWARD_SERVICE_URLS; and without these a service is started for the run."""
    on_failure: str = "mask"
    seconds: PositiveFloat = 600.0
    thinking: Literal["auto", "prefilled"] | None = None

    @model_validator(mode="after")
    def _can_be(self) -> Service:
        try:
            OnFailure.parse(self.on_failure).among(ACTIONS, "TRL")
        except Misconfigured as error:
            raise ValueError(str(error)) from None
        return self


class Trainer(_Table):
    """Fields of TRL's GRPOConfig, by the names they have there. What is not set is left to TRL."""

    num_train_epochs: PositiveFloat | None = None
    max_steps: PositiveInt | None = None
    learning_rate: PositiveFloat
    lr_scheduler_type: str | None = None
    warmup_steps: NonNegativeInt | None = None
    weight_decay: float | None = Field(None, ge=0)
    max_grad_norm: PositiveFloat | None = None
    beta: float | None = Field(None, ge=0)
    epsilon: PositiveFloat | None = None
    delta: PositiveFloat | None = None
    loss_type: str | None = None
    scale_rewards: Literal["group", "batch", "none"] | None = None
    num_iterations: PositiveInt | None = None
    num_generations: int = Field(ge=2)
    num_generations_eval: PositiveInt | None = None
    per_device_train_batch_size: PositiveInt
    per_device_eval_batch_size: PositiveInt | None = None
    gradient_accumulation_steps: PositiveInt = 1
    steps_per_generation: PositiveInt | None = None
    gradient_checkpointing: bool | None = None
    max_completion_length: PositiveInt
    temperature: PositiveFloat | None = None
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: NonNegativeInt | None = None
    use_vllm: bool | None = None
    vllm_mode: Literal["colocate", "server"] | None = None
    vllm_max_model_length: PositiveInt | None = None
    vllm_gpu_memory_utilization: float | None = Field(None, gt=0, le=1)
    vllm_tensor_parallel_size: PositiveInt | None = None
    vllm_enable_sleep_mode: bool | None = None
    vllm_importance_sampling_correction: bool | None = None
    use_cpu: bool | None = None
    bf16: bool | None = None
    logging_steps: PositiveInt = 1
    save_strategy: Literal["no", "steps", "epoch"] | None = None
    save_steps: PositiveInt | None = None
    eval_strategy: Literal["no", "steps", "epoch"] | None = None
    eval_steps: PositiveInt | None = None


class Config(_Table):
    """All of it."""

    model: Model
    data: Data
    service: Service = Service()
    trainer: Trainer
    output: str
    """Folder of everything that the run writes."""
    seed: NonNegativeInt = 0


def read(path: Path, **instead: Any) -> Config:
    """The configuration in a TOML file, with `instead` in place of its own top-level keys. Raises Misconfigured."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
        return Config(**{**given, **instead})
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors()]
        raise Misconfigured(f"{path}: " + "; ".join(lines)) from None
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{path}: {error}") from None
