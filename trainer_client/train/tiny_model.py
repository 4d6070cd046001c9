"""A model of a hundred thousand weights and its tokenizer, made here in seconds; nothing is downloaded.

It starts random, and is then shown by example how an answer is written: the names of the puzzle, each once, in an order
that is drawn by lot. So what it scores before training is chance, one in six, and the order is left to be learnt.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from trainer_client.train.config import TinyModel
from trainer_client.train.puzzles import NAMES, PLACES, answer, puzzles

_START, _END, _PAD = "<|im_start|>", "<|im_end|>", "<pad>"
_MARKS = (_START, _END, _PAD)
_TAGS = ("<answer>", "</answer>")
_WORDS = (*["user", "assistant", "Put", "the", "birds", "in", "order", ".", ",", "The", "is"], *NAMES, *PLACES)
_TEMPLATE = (
    "{% for message in messages %}<|im_start|> {{ message['role'] }} {{ message['content'] }} <|im_end|> {% endfor %}"
    "{% if add_generation_prompt %}<|im_start|> assistant{% endif %}"
)
_BATCH = 64
_LEARNING_RATE = 3e-3


def tokenizer() -> Any:
    """A token for each word of the puzzles."""
    words = Tokenizer(models.WordLevel({word: number for number, word in enumerate((*_MARKS, *_TAGS, *_WORDS))}))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.add_special_tokens([AddedToken(mark, normalized=False) for mark in _MARKS])
    made = PreTrainedTokenizerFast(tokenizer_object=words, eos_token=_END, pad_token=_PAD, padding_side="left")
    made.chat_template = _TEMPLATE
    return made


def model(settings: TinyModel, words: Any, seed: int) -> Any:
    """A Qwen2 that answers in form and at random."""
    # For so little work threads wait for each other longer than they work; where cores are busy, many times longer.
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    made = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(words),
            hidden_size=settings.hidden,
            intermediate_size=2 * settings.hidden,
            num_hidden_layers=settings.layers,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=128,
            tie_word_embeddings=True,
            # The usual 0.02 is for wide models: in one so narrow hardly anything reaches the attention.
            initializer_range=0.1,
            pad_token_id=words.pad_token_id,
            eos_token_id=words.eos_token_id,
            bos_token_id=None,
        )
    )
    _warm_up(made, words, settings.warm_up_steps, seed)
    return made


def _warm_up(made: Any, words: Any, steps: int, seed: int) -> None:
    optimizer = torch.optim.AdamW(made.parameters(), lr=_LEARNING_RATE, weight_decay=0.0)
    examples = _examples(words, seed)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = _LEARNING_RATE * (1 - step / steps)
        tokens, labels = zip(*islice(examples, _BATCH), strict=True)
        loss = made(input_ids=torch.tensor(tokens), labels=torch.tensor(labels)).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(made.parameters(), 1.0)
        optimizer.step()


def _examples(words: Any, seed: int) -> Iterator[tuple[list[int], list[int]]]:
    """Tokens and labels: the prompt's are not learnt."""
    chance = random.Random(seed)
    for row in puzzles(seed, held_out=False):
        names = list(row["reward_model"]["ground_truth"])
        chance.shuffle(names)
        prompt = words.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True)
        question = words(prompt)["input_ids"]
        reply = words(f"{answer(names)} {_END}")["input_ids"]
        yield question + reply, [-100] * len(question) + reply
