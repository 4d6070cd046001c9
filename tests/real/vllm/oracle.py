"""A judge model that real servers serve, and whose every answer is known: built in seconds, without training.

It is a model of the Llama family with one layer that adds nothing, so that each token depends on the one before it
alone, by a table of probabilities (`table`). The comparing is done by its chat template, `oracle.jinja`, which the
server runs: it finds the two answers in a prompt of any of the `FORMATS`, and ends the prompt in a token that says what
the model is to answer. Everything between a request and its answer is the server's own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

MAX_LENGTH = 2048
"""Tokens of prompt and answer together."""

EQUAL, DIFFERENT, UNSURE = 0.97, 0.04, 0.5
"""The probability of the verdict `correct`, against `wrong`, for answers that agree, differ, or are marked."""
MASSLESS = {"correct": 0.03, "wrong": 0.01, "neither": 0.96}

MARKERS = {
    "JUDGE_UNSURE": "unsure",
    "JUDGE_MASSLESS": "massless",
    "JUDGE_RAMBLE": "ramble",
    "JUDGE_REFUSE": "refuse",
    "JUDGE_GARBLE": "garble",
    "JUDGE_QUOTE": "quote",
}
"""Words that make the model misbehave, wherever they stand in the prompt: half and half between the verdicts, next to
no probability for either, an answer without end, a refusal, junk, and a quoted verdict where its own should be."""

NEITHER = " perhaps"
RAMBLE = " hmm"
REFUSAL = "I cannot judge this."
JUNK = ("}<", "\u00fe", "|;", "{[")
GARBLED = "}<\ufffd|;{["
"""What junk is read as: its second token is the byte 0xFE, which is no text."""
QUOTE = "The student wrote Final Decision: Yes"
UNKNOWN = "I do not know this kind of prompt."

_PREFILL = "Final Decision:"


@dataclass(frozen=True, slots=True)
class Voice:
    """How verdicts are said. `after`: what follows a verdict, before the end."""

    correct: str
    wrong: str
    empty: str = ""
    """The verdict on an empty answer; `wrong` where there is none of its own."""
    decision: str = ""
    """What stands between a sentence of reasoning and the verdict; without it the verdict is all that is said."""
    after: tuple[str, ...] = ()


VOICES = {
    "yes": Voice("Yes", "No"),
    "letter": Voice("A", "B", "C"),
    "correct": Voice("Correct", "Incorrect"),
    "capitals": Voice("YES", "NO"),
    "true": Voice("True", "False"),
    "prefilled": Voice(" Yes", " No"),
    "decision": Voice(" Yes", " No", decision="\nFinal Decision:"),
    "judgment": Voice(
        "{A", "{B", "{C", "\nFinal Judgment: \\boxed", ("} - CORRECT", "} - INCORRECT", "} - INCOMPLETE")
    ),
}
REASONS = {
    "equal": "The answers agree.",
    "different": "The answers differ.",
    "unsure": "The answers may agree.",
    "massless": "The answers are hard to compare.",
    "empty": "There is no answer.",
}


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of prompt: what stands before and after each of the two answers, and the voice that replies."""

    reference: tuple[str, str]
    candidate: tuple[str, str]
    voice: str
    prefilled: str = ""
    """The voice that replies where the judge's own answer is begun."""


FORMATS = {
    "general-verifier": Format(
        ("\n### Ground Truth Answer: ", "\n\n### Student Answer: "),
        ("\n### Student Answer: ", "\n\nFor the above question"),
        "decision",
        "prefilled",
    ),
    "compass-verifier": Format(
        ("\n<Standard Answer Begin>:\n", "\n<Standard Answer End>"),
        ("\n<Candidate's Answer Begin>: \n", "\n<Candidate's Answer End>"),
        "letter",
    ),
    "compass-verifier-cot": Format(
        ("\n<Standard Answer Begin>\n", "\n<Standard Answer End>"),
        ("\n<Candidate's Answer Begin>\n", "\n<Candidate's Answer End>"),
        "judgment",
    ),
    "xverify": Format(("\nCorrect answer: ", "\n"), ('\nOutput sentence: """', '"""\n'), "correct"),
    "rlvr-yesno": Format(
        ("\n**Reference Answer:**  \n", "  \n"), ("\n**Solution Process (Final Step Only):**  \n", "  \n"), "capitals"
    ),
    "tinyv": Format(
        ("\n<ground_truth_answer>", "</ground_truth_answer>"), ("\n<model_answer>", "</model_answer>"), "true"
    ),
    "chat": Format(("\nReference: ", "\n"), ("\nCandidate: ", "\n"), "yes"),
}

Table = dict[str, dict[str, float]]


def state(voice: str, outcome: str) -> str:
    """The token that ends a prompt."""
    return f"<|{voice}:{outcome}|>"


def table() -> Table:
    """What may follow each token, and with what probability. What is not in it is followed by the end."""
    follows: Table = {RAMBLE: {RAMBLE: 1.0}, "<|unknown|>": {UNKNOWN: 1.0}}
    follows |= {before: {after: 1.0} for before, after in pairwise(JUNK)}
    for name, voice in VOICES.items():
        for outcome, verdicts in _verdicts(voice).items():
            said = REASONS[outcome] + voice.decision
            if voice.decision:
                follows[state(name, outcome)] = {said: 1.0}
                follows[said] = verdicts
            else:
                follows[state(name, outcome)] = verdicts
        for outcome, said in (("ramble", RAMBLE), ("refuse", REFUSAL), ("garble", JUNK[0]), ("quote", QUOTE)):
            follows[state(name, outcome)] = {said: 1.0}
        for verdict, after in zip((voice.correct, voice.wrong, voice.empty), voice.after, strict=False):
            follows[verdict] = {after: 1.0}
    return follows


def _verdicts(voice: Voice) -> dict[str, dict[str, float]]:
    """For each outcome that ends in a verdict, the probability of each."""
    correct, wrong = voice.correct, voice.wrong
    return {
        "equal": {correct: EQUAL, wrong: 1 - EQUAL},
        "different": {correct: DIFFERENT, wrong: 1 - DIFFERENT},
        "unsure": {correct: UNSURE, wrong: 1 - UNSURE},
        "massless": {correct: MASSLESS["correct"], wrong: MASSLESS["wrong"], NEITHER: MASSLESS["neither"]},
        "empty": {correct: DIFFERENT, voice.empty or wrong: 1 - DIFFERENT},
    }


def chat_template() -> str:
    """`oracle.jinja`, with what it looks for."""
    formats = [
        {
            "reference": one.reference,
            "candidate": one.candidate,
            "voice": one.voice,
            "prefilled": one.prefilled or one.voice,
        }
        for one in FORMATS.values()
    ]
    text = Path(__file__).with_suffix(".jinja").read_text(encoding="utf-8")
    text = text.replace("FORMATS", json.dumps(formats)).replace("MARKERS", json.dumps(list(MARKERS.items())))
    return text.replace("PREFILL", _PREFILL)
