"""Answers that are no answers, and are never shown to a judge."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reward_service.answers.latex_text import plain_words
from reward_service.answers.plain import fold

INJECTION = "judge_injection"
"""The flag of an answer that speaks to the judge."""
MASTER_KEY = "master_key"
"""The flag of an answer that is nothing but an opener, which judges are known to take for an answer."""

_LONGEST = 1_000
_INJECTION = re.compile(
    r"final (?:decision|judge?ment)|ground.?truth|student(?:'s)? answer|(?:standard|reference|candidate(?:'s)?) answer|"
    r"judge?ment ?:|verdict ?:|<\||\|>|\[/?(?:inst|system prompt)\]|system prompt|"
    r"</?(?:answer|think|system|user|assistant|(?:start|end) of turn)\b|"
    r"(?:ignore|disregard|forget) (?:all|any|the|every|previous|prior|above)|"
    r"(?:answer|response|solution|this|it) is (?:correct|equivalent|accepted)\b"
    r"(?! (?:to|only|if|when|for|as|in|that|with)\b)|"
    r"(?:output|reply|respond|say|return)(?: with)? [\"']?(?:yes|correct|true)\b|"
    r"as (?:a|the) (?:grader|judge|grading expert)"
)
_DRESS = re.compile(r"[*_`~\s]+")
_FOR = r"(yes|true|right|correct|equivalent|accepted|pass(?:ed)?|valid|match(?:es)?)"
_AGAINST = r"(no|false|wrong|incorrect|invalid)"
_VERDICTS = re.compile(rf"\W*(?:{_FOR}|{_AGAINST})\W*")
_BEGINS_WITH_VERDICT = re.compile(rf"\W*(?:{_FOR}|{_AGAINST})\b")
_ONE_LETTER = re.compile(r"[\W_]*[a-z][\W_]*")
_NOTHING = re.compile(
    r"<[a-z/!][^<>]{0,200}>|&#?\w{1,10};|\\(?:left|right|quad|qquad|displaystyle|big\w{0,2}|hspace|vspace|phantom|"
    r"(?:text|math)\w*)(?![a-z])|[\u115f\u1160\u3164\uffa0\u2800]"
)
"""What is written and shows nothing."""
_LETS = (
    r"(?:(?:let'?s|let us|let me) (?:solve|think|work|break|start|go|analy[sz]e|reason|consider|begin)|"
    r"we (?:need|have) to|resolvamos|vamos (?:a )?resolver|raisonnons|lass(?:en sie)? uns|давайте)\b.*|"
    r"(?:让我们|我们来).*"
)
_STEPS = r"(?:step|part) (?:by step|\d+|one)|first(?:ly)?|to (?:solve|find|answer|determine|begin)\b.{0,80}"
_HEADINGS = (
    r"thought process|(?:the |my |final |short |full )*(?:solution|answer|explanation|reasoning|result|conclusion|"
    r"proof|analysis|response|output|steps?)(?: ?(?:\d+|process|is|here|follows|below|steps?))*|"
    r"解(?:答|析|説)?|答案?|思考(?:过程)?|首先|考え方|かいせつ|回答|풀이|정답|해설|respuesta|solución|r[ée]ponse|antwort|"
    r"l[öo]sung|risposta|soluzione|resposta|solução|ответ|решение|rozwiązanie|odpowiedź|oplossing|antwoord|çözüm|"
    r"cevap|lời giải|đáp án|الحل|الإجابة|उत्तर|समाधान|λύση|απάντηση|פתרון|תשובה|jawaban|svar|lösning|řešení|odpověď"
)
_FILLERS = r"(?:sure|okay|ok|certainly|of course|well|so|thus|hence|therefore)|here(?:'s| is).{0,40}"
_OPENERS = re.compile(rf"\W*(?:{_LETS}|{_STEPS}|{_HEADINGS}|{_FILLERS})\W*")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an answer is wrong without asking, and the suspicion that goes with it."""

    reason: str
    flags: tuple[str, ...] = ()


def speaks_to_judge(answer: str, truth: str) -> bool:
    """Whether `answer` addresses whoever grades it, in words that the truth does not have."""
    return bool(_INJECTION.search(_undressed(answer))) and not _INJECTION.search(_undressed(truth))


def _undressed(text: str) -> str:
    return _DRESS.sub(" ", fold(text))


def refuse(answer: str, truth: str) -> Refusal | None:
    """What makes `answer` wrong whatever the judge would say, or None. What the truth itself has is allowed."""
    if len(answer) > _LONGEST + 2 * len(truth):
        return Refusal("The answer is far longer than the reference.")
    said, wanted = _bare(answer), _bare(truth)
    if not any(char.isalnum() or char in "∞∅" for char in said):
        return Refusal("The answer says nothing.", (MASTER_KEY,) if answer.strip() else ())
    if speaks_to_judge(answer, truth):
        return Refusal("The answer speaks to the judge.", (INJECTION,))
    if _is_verdict(said, wanted):
        return Refusal("The answer is a verdict on itself.", (INJECTION,))
    if _ONE_LETTER.fullmatch(said) and not _ONE_LETTER.fullmatch(wanted):
        return Refusal("The answer is a single letter.", (MASTER_KEY,))
    if _OPENERS.fullmatch(said) and not _OPENERS.fullmatch(wanted):
        return Refusal("The answer is how an answer begins, and nothing more.", (MASTER_KEY,))
    return None


def _is_verdict(said: str, wanted: str) -> bool:
    """Whether all that is said is a verdict, where the truth neither begins with one of its side nor has the word."""
    verdict, begins = _VERDICTS.fullmatch(said), _BEGINS_WITH_VERDICT.match(wanted)
    if verdict is None or (verdict[1] or verdict[2]) in re.findall(r"\w+", wanted):
        return False
    return begins is None or bool(begins[1]) != bool(verdict[1])


def _bare(text: str) -> str:
    """The words of `text` without what shows nothing, out of its box."""
    return fold(plain_words(_NOTHING.sub(" ", fold(text).replace("\\boxed", " "))))
