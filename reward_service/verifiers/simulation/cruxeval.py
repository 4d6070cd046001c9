"""CRUXEval (arXiv 2401.03065): complete `assert f(??) == output`, or `assert f(input) == ??`.

The answer is one assertion on `f`. Nothing else that stands beside it is looked at, and no text of the model is
executed. For an asked output, the argument must be the one in the question and the stated value the reference. For an
asked input, any input will do that the function in the truth maps to the output. That function is interpreted, on plain
data and within a budget, by `answers.pure_python`; where that does not get to an end, the function runs in a sandbox on
the arguments' values, and what it gives is compared here.
"""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, field_validator, model_validator

from reward_service.answers.boxed import last_box
from reward_service.answers.fences import blocks
from reward_service.answers.pure_python import (
    Budget,
    Exhausted,
    NotPlain,
    Program,
    ProgramRaised,
    TooMuch,
    Unsupported,
    plain_value,
    same_value,
)
from reward_service.answers.pure_python.syntax import parse, read
from reward_service.answers.tags import last_tag
from reward_service.schema import Domain, Options, VerdictName
from reward_service.verifiers.base import Answer, Execute, Execution, NoAnswer, Truth, Verdict, Verifier, Where
from reward_service.verifiers.simulation.executed import Unknown, limits_of, output_of
from reward_service.verifiers.simulation.quoted import prompt_text
from reward_service.verifiers.truths import unwrap
from sandboxes import Call
from sandboxes import Program as Source

MAX_LOOKED_AT = 32_000
"""An assertion is looked for in this many last characters of a block or a response."""
MAX_ANSWER = 20_000
MAX_SHORT = 2_000
"""Answers up to this length are parsed on the event loop."""
MAX_BLOCKS = 6
MAX_SOURCE = 1_000_000
ARGUMENTS = Budget(steps=20_000, size=200_000, total=1_000_000, depth=20)
"""What working out the arguments may take on the event loop, a few milliseconds, before a sandbox is given them."""
_PYTHON = frozenset({"python", "py", "python3"})

_START = re.compile(
    r"(?<![\w.'\"])assert(?=[\s(])[ \t]*+(?=[('\"\[{\d+\-]|f[ \t]*\(|[rRbBuU]{1,2}['\"]"
    r"|(?:None|True|False|set|dict|frozenset|tuple|list|float)\b)"
)
_BARE_START = re.compile(r"^[ \t>]*+`{0,2}(?=f[ \t]*\()", re.MULTILINE)
# A string that is never closed runs to the end of its line, so that nothing is tried twice.
_TOKEN = re.compile(
    r"\"\"\".*?(?:\"\"\"|\Z)|'''.*?(?:'''|\Z)|\"(?:[^\"\\\n]|\\.)*+\"?|'(?:[^'\\\n]|\\.)*+'?"
    r"|#[^\n]*|\\\n|[\[({]|[\])}]|\n|`|[^\"'#\\\[\](){}\n`]+|.",
    re.DOTALL,
)
_REBINDS_F = re.compile(r"(?:^|;[ \t]*+)f[ \t]*+(?::[^=\n]{0,80})?=(?!=)|\(\s{0,20}f\s{0,20}:=", re.MULTILINE)
_CALLS_F = re.compile(r"(?<![\w.])f[ \t]*\(")
_COMPARES = re.compile(r"==|\bis\b")
_ASKED = "??"


class CruxevalInfo(BaseModel):
    """What the row says beside the function; `original_prompt` shows the assertion to complete."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    dataset: str | None = Field(None, examples=["cruxeval-i", "cruxeval-o"])
    reference: str | None = Field(None, description="The expected output, as a Python literal.", examples=["'ab'"])
    original_prompt: str | None = Field(None, examples=["def f(s):\n    return s[::-1]\nassert f(??) == 'ab'"])

    @field_validator("reference", mode="before")
    @classmethod
    def _written(cls, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else repr(value)


class Functional(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    functional: str = Field(examples=["def f(s):\n    return s[::-1]"])

    @field_validator("functional")
    @classmethod
    def _defines_f(cls, source: str) -> str:
        try:
            if not _binds_f(read(source, MAX_SOURCE)):
                raise ValueError("the function f is not defined")
        except NotPlain as error:
            raise ValueError(f"the function cannot be read: {error}") from None
        return source


def _binds_f(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name="f") | ast.ClassDef(name="f") | ast.alias(asname="f"):
                return True
            case ast.alias(name="f", asname=None) | ast.Name(id="f", ctx=ast.Store()):
                return True
    return False


class CruxevalTruth(Truth):
    """The function, and what is asked about it."""

    ground_truth: Annotated[Functional, BeforeValidator(unwrap, json_schema_input_type=Functional | str)] = Field(
        examples=['{"functional": "def f(s):\\n    return s[::-1]"}']
    )
    extra_info: CruxevalInfo = CruxevalInfo()
    prompt: Annotated[str | None, BeforeValidator(prompt_text, json_schema_input_type=JsonValue)] = None

    @model_validator(mode="after")
    def _is_complete(self) -> CruxevalTruth:
        try:
            if self.asked == "output":
                self.question_call()
            self.expected()
        except NotPlain as error:
            raise ValueError(f"the question cannot be recovered: {error}") from None
        return self

    @property
    def asked(self) -> Literal["input", "output"]:
        name = (self.extra_info.dataset or "").lower().replace("_", "-")
        if name.endswith(("-i", "-input")):
            return "input"
        if name.endswith(("-o", "-output")):
            return "output"
        call, _ = self._question()
        return "input" if _ASKED in call else "output"

    def _question(self) -> tuple[str, str]:
        """Both sides of the assertion to complete; raises NotPlain."""
        for text in (self.extra_info.original_prompt, self.prompt):
            for assertion in reversed(list(_assertions(text[-MAX_LOOKED_AT:], _START)) if text else []):
                left, _, right = assertion.rpartition("==")
                if _ASKED in right and "?" in right and right.strip() == _ASKED:
                    return left.strip(), _ASKED
                head = re.match(r"f[ \t]*\([ \t]*\?\?[ \t]*\)[ \t]*==", assertion)
                if head:
                    return "f(??)", assertion[head.end() :].strip()
        raise NotPlain("there is no assertion to complete")

    def question_call(self) -> ast.Call:
        """The call whose output is asked; raises NotPlain."""
        return _call_of(_expression(self._question()[0]))

    def expected(self) -> Any:
        """The output that the assertion must state; raises NotPlain."""
        try:
            output = self._question()[1]
        except NotPlain:
            output = _ASKED
        if output == _ASKED:
            if self.extra_info.reference is None:
                raise NotPlain("there is no reference output")
            output = self.extra_info.reference
        return plain_value(_expression(output))


class Cruxeval(Verifier[CruxevalTruth]):
    name = "cruxeval"
    version = "2"
    domain = Domain.SIMULATION
    patterns = ("simulation__cruxeval*",)
    truth = CruxevalTruth
    where = Where.POOL
    executes = True
    summary = "The last assertion `f(...) == value` of the answer; an asked input may be any that gives the output."

    def extract(self, text: str, options: Options) -> Answer | NoAnswer:
        for candidate in _candidates(text):
            if _REBINDS_F.search(candidate):
                return NoAnswer("The answer rebinds f.", VerdictName.BAD_FORMAT, ("rebinds_f",))
            found = _last_assertion(candidate)
            if found is not None:
                return _short(found)
        found = _last_assertion(text[-MAX_LOOKED_AT:])
        return NoAnswer("There is no assertion `f(...) == value`.") if found is None else _short(found)

    def shortcut(self, answer: str, truth: CruxevalTruth) -> Verdict | None:
        return _without_running(answer, truth)[0] if len(answer) <= MAX_SHORT else None

    def compare(self, answer: str, truth: CruxevalTruth) -> Verdict | Execute:
        verdict, call = _without_running(answer, truth)
        if verdict is not None:
            return verdict
        assert call is not None
        return _interpret(call, truth)

    async def execute(self, answer: str, truth: CruxevalTruth, means: Execution) -> Verdict:
        source = truth.ground_truth.functional
        try:
            given, named = _arguments_of(_sides(answer)[0], source)
        except NotPlain as error:
            return Verdict.bad_format(f"The arguments are not plain data: {error}.")
        runs = means.sandbox.run(
            Source(source, entry_point="f"), [Call(tuple(given), named)], limits_of(means), patience=means.patience
        )
        async with contextlib.aclosing(runs):
            outcome = await anext(runs)
        output = output_of(outcome)
        if isinstance(output, Unknown):
            return Verdict.wrong(f"The function {output.why} on this input.")
        return _held(output.value, truth)


def _short(found: str) -> Answer | NoAnswer:
    if len(found) > MAX_ANSWER:
        return NoAnswer("The assertion is too long.", VerdictName.BAD_FORMAT)
    return Answer(found)


def _without_running(answer: str, truth: CruxevalTruth) -> tuple[Verdict | None, ast.Call | None]:
    """A verdict, or the call that must be run to find it."""
    try:
        call, stated = _sides(answer)
    except NotPlain as error:
        return Verdict.bad_format(f"The assertion is not `f(...) == value` with a plain value: {error}."), None
    if not same_value(stated, truth.expected()):
        return Verdict.wrong("The assertion states another output."), None
    if truth.asked == "output":
        if _same_call(call, truth.question_call(), truth.ground_truth.functional):
            return Verdict.correct("The assertion is the one asked for, with the right output."), None
        return Verdict.wrong("The assertion is about another input."), None
    if not _is_input(call):
        return Verdict.bad_format("The arguments are not plain data."), None
    return None, call


def _interpret(call: ast.Call, truth: CruxevalTruth) -> Verdict | Execute:
    source = truth.ground_truth.functional
    try:
        try:
            return _held(Program(source).run(call), truth)
        except TooMuch as error:
            why = f"the function is not interpreted: {error}"
        except Unsupported as error:
            why = f"the function uses {error}"
        except Exhausted as error:
            why = f"the function is not interpreted to its end: {error}"
        _arguments_of(call, source)
    except NotPlain as error:
        return Verdict.bad_format(f"The arguments are not plain data: {error}.")
    except ProgramRaised as error:
        return Verdict.wrong(f"The function raises {error} on this input.")
    return Execute(why)


def _held(output: Any, truth: CruxevalTruth) -> Verdict:
    if same_value(output, truth.expected()):
        return Verdict.correct("The function gives the output on this input.")
    return Verdict.wrong("The function gives another output on this input.")


def _arguments_of(call: ast.Call, source: str) -> tuple[list[Any], dict[str, Any]]:
    """The values that a call passes; raises NotPlain."""
    if all(keyword.arg for keyword in call.keywords):
        with contextlib.suppress(NotPlain):
            given = [plain_value(argument) for argument in call.args]
            return given, {keyword.arg or "": plain_value(keyword.value) for keyword in call.keywords}
    try:
        program = Program(source, ARGUMENTS)
    except TooMuch:  # literal arguments need no names of the program
        program = Program("", ARGUMENTS)
    return program.arguments(call)


def _candidates(text: str) -> Iterator[str]:
    """Where the assertion may stand, the most explicit place first; at most MAX_LOOKED_AT characters of each."""
    yield from (place[-MAX_LOOKED_AT:] for place in _places(text) if place)


def _places(text: str) -> Iterator[str | None]:
    closing = text.rfind("[/ANSWER]")
    opening = text.rfind("[ANSWER]", 0, closing) if closing >= 0 else -1
    if opening >= 0:
        yield text[opening + len("[ANSWER]") : closing]
    yield last_tag(text)
    fenced = blocks(text)
    for wanted in (True, False):
        found = [block.code for block in fenced if (block.label in _PYTHON) is wanted]
        yield from reversed(found[-MAX_BLOCKS:])
    box = last_box(text)
    yield None if box is None else box.content


def _last_assertion(text: str) -> str | None:
    """The last assertion of `text` on f, without the word `assert`; failing that, the last bare comparison."""
    for start in (_START, _BARE_START):
        found = [assertion for assertion in _assertions(text, start) if _CALLS_F.search(assertion)]
        found = [assertion for assertion in found if _COMPARES.search(assertion)]
        if found:
            return found[-1]
    return None


def _assertions(text: str, start: re.Pattern[str]) -> Iterator[str]:
    position = 0
    while (match := start.search(text, position)) is not None:
        line = text.rfind("\n", max(0, match.start() - 200), match.start()) + 1 or max(0, match.start() - 200)
        end = _statement_end(text, match.end())
        position = max(end, match.end() + 1)
        if "#" not in text[line : match.start()]:
            yield text[match.end() : end].strip()


def _statement_end(text: str, position: int) -> int:
    """Where the logical line that holds `position` ends: a newline or a backtick outside brackets and strings."""
    level = 0
    for token in _TOKEN.finditer(text, position):
        mark = token.group()
        if mark in "([{":
            level += 1
        elif mark in ")]}":
            level -= 1
        elif mark[0] == "#":
            if level <= 0:
                return token.start()
        elif mark == "`" or (mark == "\n" and (level <= 0 or text.startswith("assert ", token.end()))):
            return token.start()
        if level < 0:
            return token.start()
    return len(text)


def _expression(text: str) -> ast.expr:
    """The one expression that `text` is; raises NotPlain."""
    body = parse(text.strip()).body
    if len(body) != 1 or not isinstance(body[0], ast.Expr):
        raise NotPlain("it is not one expression")
    return body[0].value


def _call_of(node: ast.expr) -> ast.Call:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "f":
        return node
    raise NotPlain("it does not call f")


def _sides(assertion: str) -> tuple[ast.Call, Any]:
    """The call and the value that an assertion holds equal; raises NotPlain."""
    try:
        statement = parse("assert " + assertion).body
    except NotPlain:
        statement = parse("assert " + assertion.rstrip(" .*,;")).body
    if len(statement) != 1 or not isinstance(statement[0], ast.Assert):
        raise NotPlain("it is not one assertion")
    test = statement[0].test
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        raise NotPlain("it is not one comparison")
    left, right = test.left, test.comparators[0]
    if (
        isinstance(test.ops[0], ast.Is)
        and isinstance(right, ast.Constant)
        and (right.value is None or isinstance(right.value, bool))
    ):
        return _call_of(left), right.value
    if not isinstance(test.ops[0], ast.Eq):
        raise NotPlain("it does not compare with ==")
    try:
        return _call_of(left), plain_value(right)
    except NotPlain:
        return _call_of(right), plain_value(left)


def _same_call(given: ast.Call, asked: ast.Call, source: str) -> bool:
    """Whether two calls of f pass the same arguments, by value where both are plain data, else by their text."""
    parameters = _parameters(source) if given.keywords or asked.keywords else []
    one, other = _arguments(given, parameters), _arguments(asked, parameters)
    return one.keys() == other.keys() and all(_same_argument(one[name], other[name]) for name in other)


def _parameters(source: str) -> list[str]:
    """The names of the positional parameters of f."""
    for node in reversed(read(source, MAX_SOURCE).body):
        if isinstance(node, ast.FunctionDef) and node.name == "f":
            return [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    return []


def _arguments(call: ast.Call, parameters: list[str]) -> dict[str, ast.expr]:
    """The arguments by parameter; those beyond the parameters by their place."""
    found: dict[str, ast.expr] = {}
    for place, argument in enumerate(call.args):
        found[parameters[place] if place < len(parameters) else f"*{place}"] = argument
    for keyword in call.keywords:
        name = keyword.arg or "**"
        found[name if name not in found else f"{name} again"] = keyword.value
    return found


def _same_argument(one: ast.expr, other: ast.expr) -> bool:
    if ast.dump(one) == ast.dump(other):
        return True
    try:
        return same_value(plain_value(one), plain_value(other))
    except NotPlain:
        return False


_INPUT_NODES = (
    *(ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare),
    *(ast.IfExp, ast.Lambda, ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Call, ast.Starred, ast.keyword),
    *(ast.arguments, ast.arg, ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context),
)
"""What an input may be written with: no names are bound but a lambda's own, and nothing is repeated."""


def _is_input(call: ast.Call) -> bool:
    parts = [node for part in (*call.args, *call.keywords) for node in ast.walk(part)]
    return all(isinstance(node, _INPUT_NODES) for node in parts) and not any(
        isinstance(node, ast.Name) and node.id == "f" for node in parts
    )
