"""OpenRLHF's executors, and what its sample generator makes of their output: all rollouts of an engine in one loop.

`agent`, `function`, or an address as `remote_rm_url`. Ray and vLLM are not there: generation is played.
"""

import asyncio
import json
import sys
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

for name in ("ray", "ray.util", "ray.util.placement_group", "ray.util.scheduling_strategies"):
    sys.modules[name] = MagicMock()
for name in ("vllm", "vllm.inputs", "vllm.utils"):
    sys.modules[name] = MagicMock()

from openrlhf.trainer.ppo_utils.samples_generator import SamplesGenerator  # noqa: E402
from openrlhf.trainer.ray.vllm_engine import _load_agent_executor  # noqa: E402
from openrlhf.utils.agent import SingleTurnAgentExecutor  # noqa: E402

from trainer_client import ClientError  # noqa: E402

END = "<|im_end|>"


class Engine:
    """Says to each prompt what it is to say."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, responses: dict[str, str]) -> None:
        self._tokenizer = tokenizer
        self._responses = responses

    async def generate(self, prompt_ids: list[int], sampling_params: Any, multi_modal_data: Any = None) -> Any:
        text = self._responses[self._tokenizer.decode(prompt_ids)] + END
        ids = self._tokenizer(text=text, add_special_tokens=False)["input_ids"]
        return SimpleNamespace(outputs=[SimpleNamespace(token_ids=ids, finish_reason="stop", logprobs=None, text=text)])


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """A token for each byte, and one that ends a turn."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: place for place, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(END, special=True)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END)


async def main(form: str) -> None:
    rollouts = json.load(sys.stdin)
    prompts = [f"<|im_start|>user\nQuestion {n}: \\boxed{{17}}?{END}\n" for n in range(len(rollouts))]
    tokenizer = byte_tokenizer()
    responses = {prompt: rollout["response"] for prompt, rollout in zip(prompts, rollouts, strict=True)}
    engine = Engine(tokenizer, responses)
    executor = _executor(form)

    async def outcome(prompt: str, row: Any) -> dict[str, Any]:
        parameters = SimpleNamespace(max_tokens=1024, logprobs=None)
        try:
            output = await executor.execute(
                prompt=prompt, label=row, sampling_params=parameters, max_length=4096, hf_tokenizer=tokenizer,
                llm_engine=engine, images=None,
            )  # fmt: skip
        except ClientError as error:
            return {"raised": type(error).__name__}
        return _experience(output)

    labels = [json.dumps(rollout["row"]) for rollout in rollouts]
    json.dump(await asyncio.gather(*map(outcome, prompts, labels)), sys.stdout)


def _executor(form: str) -> Any:
    plugin = __file__.replace("tests/real/trainers/openrlhf_run.py", "trainer_client/plugins/openrlhf.py")
    if form == "agent":
        return _load_agent_executor(plugin)
    return SingleTurnAgentExecutor([plugin if form == "function" else form])


def _experience(output: dict[str, Any]) -> dict[str, Any]:
    """What is trained on; `rewards` is None where OpenRLHF has none, and then stops."""
    made = SamplesGenerator._process_response_into_experience(SimpleNamespace(), output)
    info = {key: value.tolist() for key, value in made.info.items()}
    return {
        "rewards": None if made.rewards is None else made.rewards.tolist(),
        "scores": None if made.scores is None else made.scores.tolist(),
        "no_verdict": info.get("reward_service/no_verdict") or info.get("no_verdict"),
        "info": sorted(info),
    }


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
