"""What the simulation verifiers hand to a sandbox, and what they make of its outcomes; the sandbox is a script here."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest

from reward_service.errors import BadGroundTruth
from reward_service.schema import Item, VerdictName
from reward_service.scoring import steps
from reward_service.verifiers.base import Execute, Execution, Verdict
from reward_service.verifiers.simulation.codeio import Codeio
from reward_service.verifiers.simulation.cruxeval import Cruxeval
from reward_service.verifiers.simulation.quoted import quoted_code, quoted_output
from sandboxes import Call, Description, Input, Limits, Outcome, Program, Report, Returned, Status, Unavailable
from sandboxes import Tests as Checks

pytestmark = pytest.mark.anyio


class Scripted:
    """A sandbox that gives the outcomes it was made with, and remembers what it was asked to run."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = outcomes
        self.program: Program | None = None
        self.calls: list[Input] = []
        self.given = 0

    async def run(
        self, program: Program, inputs: Sequence[Input], limits: Limits, *, patience: float = 60.0
    ) -> AsyncGenerator[Outcome]:
        self.program, self.calls = program, list(inputs)
        if not self.outcomes:
            raise Unavailable("no worker")
        for outcome in self.outcomes:
            self.given += 1
            yield outcome

    async def check(self, program: Program, tests: Checks, limits: Limits, *, patience: float = 60.0) -> Report:
        raise NotImplementedError

    def describe(self) -> Description:
        raise NotImplementedError

    async def start(self) -> None: ...

    async def close(self) -> None: ...


def gave(value: Any) -> Outcome:
    return Outcome(Status.OK, 0, returned=Returned(value))


def raised(name: str, message: str = "") -> Outcome:
    return Outcome(Status.ERROR, 1, returned=Returned(raised=name, message=message))


async def decide(verifier: Any, answer: str, truth: Any, sandbox: Scripted) -> Verdict:
    found = verifier.shortcut(answer, truth) or verifier.compare(answer, truth)
    if isinstance(found, Execute):
        found = await verifier.execute(answer, truth, Execution(sandbox, Limits()))
    assert isinstance(found, Verdict)
    return found


# -- CRUXEval: an asked input --------------------------------------------------------------------------------------

CLASSES = "class Box:\n    def __init__(self, x):\n        self.x = x\ndef f(x, y=0):\n    return Box(x).x"
"""Beyond the interpreter, which knows no classes."""


def asked_input(source: str, output: str) -> Any:
    item = Item(
        data_source="simulation__cruxeval-i",
        response="",
        ground_truth={"functional": source},
        extra_info={"dataset": "cruxeval-i", "reference": output, "original_prompt": f"assert f(??) == {output}"},
    )
    return steps.read_truth(Cruxeval(), item.ground_truth, item.extra_info, item.prompt)


@pytest.mark.parametrize(
    ("outcome", "name"),
    [
        (gave([1]), VerdictName.CORRECT),
        (gave((1,)), VerdictName.WRONG),
        (gave([True]), VerdictName.WRONG),
        (gave("[1]"), VerdictName.WRONG),
        (gave(None), VerdictName.WRONG),
        (raised("ValueError"), VerdictName.WRONG),
        (Outcome(Status.TIMEOUT), VerdictName.WRONG),
        (Outcome(Status.MEMORY), VerdictName.WRONG),
        (Outcome(Status.OUTPUT), VerdictName.WRONG),
        (Outcome(Status.ERROR, 1, detail="gave back what is no plain data"), VerdictName.WRONG),
        (Outcome(Status.OK, 0), VerdictName.WRONG),
    ],
)
async def test_what_an_outcome_means(outcome: Outcome, name: VerdictName) -> None:
    assert (await decide(Cruxeval(), "f([1]) == [1]", asked_input(CLASSES, "[1]"), Scripted(outcome))).name == name


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        ("[1]", Call(([1],))),
        ("'a' * 3, y=list(range(3))", Call(("aaa",), {"y": [0, 1, 2]})),
        ("set(), dict(a=1)", Call((set(), {"a": 1}))),
        ("-1.5, y=(1, b'x', None)", Call((-1.5,), {"y": (1, b"x", None)})),
        ("*[1, 2]", Call((1, 2))),
        ("x={'a': {1}}", Call((), {"x": {"a": {1}}})),
        ("'ab'.upper()[::-1]", Call(("BA",))),
        ("sorted({3, 1}) if 1 < 2 else 0", Call(([1, 3],))),
    ],
)
async def test_arguments_reach_the_sandbox_as_values(arguments: str, call: Call) -> None:
    sandbox = Scripted(gave([1]))
    await decide(Cruxeval(), f"f({arguments}) == [1]", asked_input(CLASSES, "[1]"), sandbox)
    assert sandbox.calls == [call]
    assert sandbox.program == Program(CLASSES, entry_point="f")


@pytest.mark.parametrize(
    "arguments",
    [
        "lambda x: x",
        "max",
        "str",
        "[int]",
        "''.join",
        "iter([1])",
        "f([1])",
        "open('x')",
        "__import__('os')",
        "exit()",
        "type('E', (), {'__eq__': lambda s, o: True})()",
        "Box([1])",
        "x",
        "1 / 0",
        "[0] * 10 ** 9",
        "9 ** 9 ** 9",
        "'a' * 300_000",
        "sum([1] * 100_000)",
    ],
)
async def test_arguments_that_are_no_data_are_refused_and_nothing_runs(arguments: str) -> None:
    sandbox = Scripted(gave([1]))
    verdict = await decide(Cruxeval(), f"f({arguments}) == [1]", asked_input(CLASSES, "[1]"), sandbox)
    assert (verdict.name, verdict.score, sandbox.calls) == (VerdictName.BAD_FORMAT, 0, [])


@pytest.mark.parametrize(
    "source",
    [
        CLASSES,
        "def f(x):\n    import heapq\n    return heapq.nsmallest(1, x)",
        "def f(x):\n    while x:\n        pass",
        "def f(x):\n    return [0] * 10 ** 9",
        "def f(x, n=500):\n    return x if n == 0 else f(x, n - 1)",
        "def f(x):\n    return eval(x)",
        "async def g():\n    pass\ndef f(x):\n    return x",
        "f = lambda x: x if hash(x[0]) else 0",
        "if True:\n    def f(x):\n        return hash(x)",
        "from heapq import heappop as f",
        "class f(list):\n    pass",
        "x = " + "+".join(["1"] * 200) + "\ndef f(x):\n    return x",
        "def f(x):\n" + "    x = x\n" * 12_000 + "    return x",
    ],
)
async def test_what_the_interpreter_cannot_do_runs_in_the_sandbox(source: str) -> None:
    sandbox = Scripted(gave([1]))
    verdict = await decide(Cruxeval(), "f([1]) == [1]", asked_input(source, "[1]"), sandbox)
    assert (verdict.name, sandbox.calls) == (VerdictName.CORRECT, [Call(([1],))])


async def test_what_the_interpreter_can_do_needs_no_sandbox() -> None:
    truth = asked_input("def f(x):\n    return x[::-1]", "[1]")
    sandbox = Scripted()
    for answer, name in [("f([1]) == [1]", "correct"), ("f([2]) == [1]", "wrong"), ("f(1) == [1]", "wrong")]:
        assert (await decide(Cruxeval(), answer, truth, sandbox)).name == name
    assert sandbox.program is None


async def test_without_a_worker_there_is_no_verdict() -> None:
    with pytest.raises(Unavailable):
        await decide(Cruxeval(), "f([1]) == [1]", asked_input(CLASSES, "[1]"), Scripted())


@pytest.mark.parametrize(
    "outcome", [raised("ModuleNotFoundError", "No module named 'x'"), Outcome(Status.COMPILE_ERROR)]
)
async def test_a_function_that_cannot_run_at_all_is_no_wrong_answer(outcome: Outcome) -> None:
    with pytest.raises(BadGroundTruth):
        await decide(Cruxeval(), "f([1]) == [1]", asked_input(CLASSES, "[1]"), Scripted(outcome))


async def test_an_asked_output_needs_no_run_however_large_the_function() -> None:
    source = "x = " + "+".join(["1"] * 200) + "\ndef f(x):\n    return x"
    info = {"dataset": "cruxeval-o", "reference": "[1]", "original_prompt": "assert f(x=[1]) == ??"}
    truth = steps.read_truth(Cruxeval(), {"functional": source}, info, None)
    assert (await decide(Cruxeval(), "f([1]) == [1]", truth, Scripted())).name == "correct"
    assert (await decide(Cruxeval(), "f([2]) == [1]", truth, Scripted())).name == "wrong"


# -- CodeI/O: an asked input ---------------------------------------------------------------------------------------

SQUARE = "def main_solution(n):\n    return n * n"
PROMPT = """Given a number, what is its square?

Given the following output:

16

Can you predict a feasible input without writing any code?

Tip: Here is a reference code snippet for this question.

# import necessary packages
import math

# main function
def main_solution(n):
    return n * n
"""


def asked(recorded: str = '"input": {"n": 4}', prompt: Any = None, **info: Any) -> Any:
    return steps.read_truth(Codeio(), recorded, info, prompt)


@pytest.mark.parametrize(
    ("answer", "outcomes", "name", "runs"),
    [
        ('{"input": {"n": 4}}', [], "correct", 0),
        ('{"n": 4}', [], "correct", 0),
        ('{"input": {"n": -4}}', [gave(16)], "correct", 1),
        ('{"n": -4}', [gave(16)], "correct", 1),
        ('{"input": {"n": -4.0}}', [gave(16.0)], "correct", 1),
        ('{"input": {"n": 5}}', [gave(25), gave(16)], "wrong", 2),
        ('{"input": {"n": 5}}', [gave("16"), gave(16)], "wrong", 2),
        ('{"input": {"m": 5}}', [raised("TypeError"), gave(16)], "wrong", 2),
        ('{"input": {"n": 5}}', [Outcome(Status.TIMEOUT), gave(16)], "wrong", 2),
        ('{"input": {"n": 5}}', [gave(15.9), gave(15.9)], "correct", 2),
        ('{"input": {"n": 5}}', [raised("KeyError"), raised("KeyError")], "wrong", 2),
        ('{"input": {"n": 5}}', [gave(None), raised("KeyError")], "wrong", 2),
        ('{"input": {}}', [gave(25), gave(16)], "wrong", 2),
        ("{}", [], "wrong", 0),
        ('{"m": 5}', [], "wrong", 0),
        ("[4]", [], "wrong", 0),
        ("16", [], "wrong", 0),
        ('{"output": 16}', [], "wrong", 0),
        ('{"input": "~none~"}', [], "wrong", 0),
        ('{"input": null}', [], "wrong", 0),
    ],
)
async def test_another_input_is_right_when_the_code_gives_the_output(
    answer: str, outcomes: list[Outcome], name: str, runs: int
) -> None:
    sandbox = Scripted(*outcomes)
    verdict = await decide(Codeio(), answer, asked(reference_code=SQUARE, output=16), sandbox)
    assert (verdict.name, sandbox.given) == (name, runs)


async def test_the_predicted_and_the_recorded_input_are_called_by_name() -> None:
    sandbox = Scripted(gave([1]))
    truth = asked('"input": {"a": [1, 2], "b": "x"}', refcode=SQUARE, output=[1])
    await decide(Codeio(), "{'input': {'a': (1, 2, {3: 4}), 'b': 'y'}}", truth, sandbox)
    assert sandbox.calls == [Call(kwargs={"a": [1, 2, {"3": 4}], "b": "y"}), Call(kwargs={"a": [1, 2], "b": "x"})]
    assert sandbox.program == Program(SQUARE, entry_point="main_solution")


@pytest.mark.parametrize("key", ["reference_code", "refcode", "code", "solution"])
async def test_where_the_code_may_stand(key: str) -> None:
    sandbox = Scripted(gave(16))
    assert (await decide(Codeio(), '{"input": {"n": -4}}', asked(**{key: SQUARE, "output": 16}), sandbox)).score == 1


@pytest.mark.parametrize("key", ["funcname", "entry_point", "function"])
async def test_the_function_may_have_another_name(key: str) -> None:
    sandbox = Scripted(gave(16), gave(16))
    code = SQUARE.replace("main_solution", "square")
    await decide(Codeio(), '{"input": {"n": -4}}', asked(code=code, **{key: "square"}), sandbox)
    assert sandbox.program == Program(code, entry_point="square")


@pytest.mark.parametrize(
    "info",
    [{}, {"code": "square it"}, {"solution": ["x"]}, {"code": "main_solution = 5"}, {"code": SQUARE, "funcname": "g"}],
)
async def test_without_code_only_the_recorded_input_is_right(info: dict[str, Any]) -> None:
    sandbox = Scripted()
    assert (await decide(Codeio(), '{"input": {"n": -4}}', asked(**info), sandbox)).name == "wrong"
    assert (await decide(Codeio(), '{"input": {"n": 4}}', asked(**info), sandbox)).name == "correct"
    assert sandbox.program is None


async def test_an_asked_output_is_never_run() -> None:
    sandbox = Scripted()
    truth = asked('"output": {"n": 16}', code=SQUARE, output={"n": 16})
    assert (await decide(Codeio(), '{"output": {"n": 25}}', truth, sandbox)).name == "wrong"
    assert sandbox.program is None


async def test_without_a_recorded_output_the_recorded_input_tells_it() -> None:
    right, wrong = Scripted(gave(16), gave(16)), Scripted(gave(25), gave(16))
    assert (await decide(Codeio(), '{"input": {"n": -4}}', asked(code=SQUARE), right)).name == "correct"
    assert (await decide(Codeio(), '{"input": {"n": 5}}', asked(code=SQUARE), wrong)).name == "wrong"


async def test_code_that_lacks_a_package_gives_no_verdict() -> None:
    with pytest.raises(BadGroundTruth):
        await decide(Codeio(), '{"input": {"n": 5}}', asked(code=SQUARE), Scripted(raised("ModuleNotFoundError")))


@pytest.mark.parametrize("prompt", [PROMPT, [{"role": "system", "content": "x"}, {"role": "user", "content": PROMPT}]])
async def test_the_code_and_the_output_may_stand_in_the_prompt(prompt: Any) -> None:
    sandbox = Scripted(gave(16))
    verdict = await decide(Codeio(), '{"input": {"n": -4}}', asked(prompt=prompt), sandbox)
    assert (verdict.name, sandbox.given) == ("correct", 1)
    assert sandbox.program is not None
    assert sandbox.program.source.startswith("# import necessary packages\nimport math\n")


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        (f"What?\n\n{SQUARE}", SQUARE),
        (f"What?\n```python\n{SQUARE}\n```\nThink first.", SQUARE),
        (f"# A title\nof prose\n{SQUARE}", SQUARE),
        (f"What?\nimport math\n{SQUARE}", f"import math\n{SQUARE}"),
        (f"What?\n{SQUARE}\nNow answer.", None),
        (f"What?\n{SQUARE.replace('main_', '')}", None),
        ("What is def main_solution?", None),
        ("", None),
        ("#\n" * 40_000 + SQUARE + "\nNow answer.", None),
    ],
)
def test_the_code_that_a_prompt_ends_with(prompt: str, code: str | None) -> None:
    assert quoted_code(prompt, "main_solution") == code


@pytest.mark.parametrize(
    ("prompt", "output"),
    [
        ("Given the following output:\n\n[1, 2]\n\nCan you predict", [[1, 2]]),
        ('Given the following output:\n"ab"\nPredict the input.', ["ab"]),
        ("Given the following output:\nnull\nPredict the input.", [None]),
        ("Given the following output:\nab cd\nPredict the input.", []),
        ("Given the following input:\n1\nPredict the output.", []),
        ("Given the following output:" * 3_000, []),
    ],
)
def test_the_output_that_a_prompt_states(prompt: str, output: list[Any]) -> None:
    assert quoted_output(prompt) == output
