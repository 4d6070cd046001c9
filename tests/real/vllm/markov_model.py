"""The Markov policy's files, in the form that Hugging Face models have.

python -m tests.real.vllm.markov_model FOLDER      in the environment of `make .venv/.vllm`
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.real.vllm.markov_policy import CHAT_TEMPLATE, MAX_LENGTH, table
from tests.real.vllm.oracle_model import _END, _SPECIAL, _one_token, _tokenizer, _tokens, _write_weights
from tests.real.vllm.server import PYTHON, ROOT, NoVllm, require_environment

_WIDTH = 64


def build(folder: Path) -> None:
    """Write the model to `folder`; takes a second."""
    folder.mkdir(parents=True, exist_ok=True)
    follows = table()
    assert len(follows) < _WIDTH
    tokenizer = _tokenizer([])
    tokenizer.add_special_tokens(list(_SPECIAL))
    ids = {token: _one_token(tokenizer, token) for token in _tokens(follows)}
    ids[_END] = tokenizer.token_to_id(_END)
    size = (tokenizer.get_vocab_size() + 63) // 64 * 64
    _write_weights(folder / "model.safetensors", follows, ids, size, _WIDTH)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
    ends = {"eos_token_id": ids[_END], "pad_token_id": tokenizer.token_to_id("<|endoftext|>"), "bos_token_id": None}
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "bfloat16",
        "vocab_size": size,
        "hidden_size": _WIDTH,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": _WIDTH // 64,
        "num_key_value_heads": 1,
        "head_dim": 64,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "max_position_embeddings": MAX_LENGTH,
        "tie_word_embeddings": False,
        **ends,
    }
    about_tokens = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": _END,
        "pad_token": "<|endoftext|>",
        "model_max_length": MAX_LENGTH,
        "clean_up_tokenization_spaces": False,
    }
    for name, content in (("config", config), ("tokenizer_config", about_tokens), ("generation_config", ends)):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2))


def build_markov(folder: Path) -> Path:
    """The same from any environment; raises NoVllm."""
    require_environment()
    command = [PYTHON, "-m", "tests.real.vllm.markov_model", folder]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if built.returncode:
        raise NoVllm(f"the Markov policy could not be built: {built.stderr[-2_000:]}")
    return folder


if __name__ == "__main__":
    build(Path(sys.argv[1]))
