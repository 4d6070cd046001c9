"""Programs: the code of a response against the tests of a row, in a sandbox."""

from __future__ import annotations

from reward_service.answers.fences import blocks
from reward_service.schema import Domain, Options, VerdictName
from reward_service.verifiers.base import Answer, Execution, NoAnswer, Verdict, Verifier, Where
from reward_service.verifiers.code import runs
from reward_service.verifiers.code.blocks import (
    PYTHON,
    Code,
    callable_name,
    candidates,
    choose,
    join,
    language,
    looks_like_python,
    split,
)
from reward_service.verifiers.code.truth import CallTests, ProgramTruth, PytestTests, StreamTests
from sandboxes import Program as Source
from sandboxes import TestKind, Tests

MAX_PROGRAM_CHARS = 200_000
_USUAL_IMPORTS = (
    "".join(
        f"from {module} import *\n"
        for module in ("typing", "collections", "functools", "itertools", "heapq", "bisect", "string", "math")
    )
    + "import collections, functools, heapq, bisect, itertools, math, random, re, string, sys\n"
)
"""What goes before a program whose function is called, where the row says nothing: judges of such tasks all have it."""


class Program(Verifier[ProgramTruth]):
    name = "program"
    version = "2"
    domain = Domain.CODE
    patterns = ("codegen__*", "codecontests", "apps", "codeforces", "taco")
    truth = ProgramTruth
    where = Where.SANDBOX
    executes = True
    summary = "The fenced program passes every test, in a sandbox."

    def extract(self, text: str, options: Options) -> Answer | NoAnswer:
        fenced = blocks(text)
        found = candidates(fenced)
        flags = ("unclosed_block",) if found and not fenced[-1].closed else ()
        if not found and looks_like_python(text):
            found = [Code("", text.strip())]
        if not found:
            return NoAnswer("There is no code block with a program.")
        code = join(_by_policy(found, options), MAX_PROGRAM_CHARS)
        if code is None:
            return NoAnswer(
                f"The program is longer than {MAX_PROGRAM_CHARS} characters.", VerdictName.BAD_FORMAT, flags
            )
        return Answer(code, flags)

    def shortcut(self, answer: str, truth: ProgramTruth) -> Verdict | None:
        code, wanted = _chosen(answer, truth), _language(truth)
        if code is None:
            return Verdict.bad_format(f"There is no program in {wanted or PYTHON}.")
        if code.language == "bash" and wanted != "bash":
            return Verdict(VerdictName.NO_ANSWER, 0.0, "There is no code block with a program, only commands.")
        if code.language != PYTHON and not isinstance(truth.ground_truth, StreamTests):
            return Verdict.bad_format(f"The tests are in Python, and the program is in {code.language}.")
        if not _writable(code.text):
            return Verdict(VerdictName.PROGRAM_ERROR, 0.0, "The program holds characters that no source file can.")
        return None

    async def execute(self, answer: str, truth: ProgramTruth, means: Execution) -> Verdict:
        code = _chosen(answer, truth)
        assert code is not None  # the shortcut told otherwise
        tests, prefix = truth.ground_truth, truth.extra_info.prefix
        if isinstance(tests, StreamTests):
            # While no worker is up none is known, which says nothing of the program: the sandbox tells.
            known = means.sandbox.describe().languages
            if known and not _language(truth) and known.get(code.language) != "":
                return Verdict.bad_format(
                    f"The program is in {code.language}, which is not asked for and does not run here."
                )
            return await runs.on_streams(Source(code.text, code.language, prefix), tests, means)
        if isinstance(tests, CallTests):
            name = callable_name(code.text, tests.fn_name.strip())
            source = Source(code.text, PYTHON, prefix or _USUAL_IMPORTS, entry_point=name)
            return await runs.on_calls(source, tests, means)
        kind = TestKind.PYTEST if isinstance(tests, PytestTests) else TestKind.SCRIPT
        point = callable_name(code.text, truth.entry_point) if truth.entry_point else None
        wanted = Tests(truth.source, kind, point)
        return await runs.on_tests(Source(code.text, PYTHON, prefix), wanted, means)


def _by_policy(found: list[Code], options: Options) -> list[Code]:
    """What the options leave of the blocks: under `last` all, for the truth to choose from; else one."""
    if options.code_blocks == "first":
        return found[:1]
    if options.code_blocks == "longest":
        return [max(found, key=lambda code: len(code.text))]
    if options.code_blocks == "all":
        return [Code(found[-1].language, "\n".join(code.text for code in found))]
    return found


def _chosen(answer: str, truth: ProgramTruth) -> Code | None:
    tests = truth.ground_truth
    point = "" if isinstance(tests, StreamTests) else truth.entry_point
    return choose(split(answer), _language(truth), truth.source, point)


def _language(truth: ProgramTruth) -> str:
    """The language that the row asks for; empty where it does not say."""
    return language(truth.extra_info.language)


def _writable(code: str) -> bool:
    """Whether a file can hold it, and a compiler read it."""
    try:
        code.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in code
