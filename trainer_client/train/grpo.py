"""A run of TRL's GRPOTrainer, its rewards coming from the service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import AutoTokenizer, PrinterCallback, TrainerCallback
from transformers.utils.logging import disable_progress_bar
from trl import GRPOConfig, GRPOTrainer

from trainer_client.errors import Misconfigured
from trainer_client.plugins.trl import reward
from trainer_client.train import tiny_model
from trainer_client.train.config import Config
from trainer_client.train.history import History


def arguments(config: Config) -> Any:
    """The GRPOConfig of a run; raises Misconfigured for what TRL does not take."""
    try:
        return GRPOConfig(
            output_dir=str(Path(config.output) / "checkpoints"),
            seed=config.seed,
            report_to="none",
            disable_tqdm=True,
            **config.trainer.model_dump(exclude_none=True),
        )
    except (TypeError, ValueError) as error:
        raise Misconfigured(f"TRL does not take this [trainer]: {error}") from None


def trainer(config: Config, history: History, rows: Path, held_out: Path | None) -> Any:
    """A GRPOTrainer that is ready to train and tells `history` its numbers."""
    given = arguments(config)
    if config.model.tiny:
        words = tiny_model.tokenizer()
        model = tiny_model.model(config.model.tiny, words, config.seed)
    else:
        model = config.model.path
        words = AutoTokenizer.from_pretrained(model, padding_side="left")
    disable_progress_bar()
    made = GRPOTrainer(
        model=model,
        reward_funcs=reward,
        args=given,
        train_dataset=Dataset.from_file(str(rows)),
        eval_dataset=Dataset.from_file(str(held_out)) if held_out else None,
        processing_class=words,
        callbacks=[_Telling(history)],
    )
    made.remove_callback(PrinterCallback)
    return made


class _Telling(TrainerCallback):
    """Hands TRL's numbers on, from one process of all."""

    def __init__(self, history: History) -> None:
        self._history = history

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if state.is_world_process_zero:
            self._history.add(state.global_step, logs or {})
