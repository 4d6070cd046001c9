"""The oracle's files, in the form that Hugging Face models have.

python -m tests.real.vllm.oracle_model FOLDER      in the environment of `make .venv/.vllm`
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.real.vllm.oracle import MAX_LENGTH, Table, chat_template, table

PROMPTS = Path(__file__).resolve().parents[3] / "reward_service/judge/prompts"
_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_END = "<|im_end|>"


def build(folder: Path) -> None:
    """Write the model to `folder`; takes a second."""
    folder.mkdir(parents=True, exist_ok=True)
    follows = table()
    tokenizer = _tokenizer(prompts())
    special = [*_SPECIAL, *(token for token in follows if token.startswith("<|"))]
    tokenizer.add_special_tokens(special)
    ids = {token: _one_token(tokenizer, token) for token in _tokens(follows)}
    ids[_END] = tokenizer.token_to_id(_END)
    size = (tokenizer.get_vocab_size() + 63) // 64 * 64
    width = 256
    assert len(follows) < width
    _write_weights(folder / "model.safetensors", follows, ids, size, width)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(chat_template(), encoding="utf-8")
    about_tokens = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": _END,
        "pad_token": "<|endoftext|>",
        "model_max_length": MAX_LENGTH,
        "clean_up_tokenization_spaces": False,
    }
    ends = {"eos_token_id": ids[_END], "pad_token_id": tokenizer.token_to_id("<|endoftext|>"), "bos_token_id": None}
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "bfloat16",
        "vocab_size": size,
        "hidden_size": width,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": width // 64,
        "num_key_value_heads": 1,
        "head_dim": 64,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "max_position_embeddings": MAX_LENGTH,
        "tie_word_embeddings": False,
        **ends,
    }
    for name, content in (("config", config), ("tokenizer_config", about_tokens), ("generation_config", ends)):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2))


def prompts() -> list[str]:
    """Texts like those that the model will read: the tokenizer learns from them what words look like."""
    return [path.read_text(encoding="utf-8") for path in sorted(PROMPTS.glob("*.txt"))]


def _tokens(follows: Table) -> list[str]:
    """All that are spoken of, each once."""
    return list(dict.fromkeys([*follows, *(token for after in follows.values() for token in after)]))


def _tokenizer(texts: Iterable[str]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=1000, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _one_token(tokenizer: Any, text: str) -> int:
    """The token that is `text`; it is made where there is none."""
    from tokenizers import AddedToken

    known = tokenizer.encode(text, add_special_tokens=False).ids
    if len(known) == 1:
        return int(known[0])
    tokenizer.add_tokens([AddedToken(text, normalized=False)])
    return int(tokenizer.token_to_id(text))


def _write_weights(path: Path, follows: Table, ids: dict[str, int], size: int, width: int) -> None:
    """Each token with a row in `follows` has a dimension of its own, all others share the first.

    Attention and MLP are zero, so the token's dimension reaches the last layer as it is, and there picks a column of
    logarithms of probabilities, (`size`, `width`).
    """
    import torch
    from safetensors.torch import save_file

    tokens = torch.zeros(size, width)
    tokens[:, 0] = 1.0
    logs = torch.full((size, width), -30.0)
    logs[ids[_END], 0] = 0.0
    for dimension, (before, after) in enumerate(follows.items(), start=1):
        tokens[ids[before]] = torch.nn.functional.one_hot(torch.tensor(dimension), width).float()
        for token, probability in after.items():
            logs[ids[token], dimension] = math.log(probability)
    layer = "model.layers.0"
    weights = {
        "model.embed_tokens.weight": tokens,
        f"{layer}.input_layernorm.weight": torch.ones(width),
        f"{layer}.self_attn.q_proj.weight": torch.zeros(width, width),
        f"{layer}.self_attn.k_proj.weight": torch.zeros(64, width),
        f"{layer}.self_attn.v_proj.weight": torch.zeros(64, width),
        f"{layer}.self_attn.o_proj.weight": torch.zeros(width, width),
        f"{layer}.post_attention_layernorm.weight": torch.ones(width),
        f"{layer}.mlp.gate_proj.weight": torch.zeros(64, width),
        f"{layer}.mlp.up_proj.weight": torch.zeros(64, width),
        f"{layer}.mlp.down_proj.weight": torch.zeros(width, 64),
        # The norm of a vector with a single 1 is to leave it as it is.
        "model.norm.weight": torch.full((width,), 1 / math.sqrt(width)),
        "lm_head.weight": logs,
    }
    save_file({name: weight.to(torch.bfloat16) for name, weight in weights.items()}, path, metadata={"format": "pt"})


if __name__ == "__main__":
    build(Path(sys.argv[1]))
