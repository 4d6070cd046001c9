"""SandboxFusion's `POST /run_code` and `POST /submit`, which verl, tinker-cookbook and ROLL send.

Statuses as in its documentation: `Success` when every process ended with 0, `Failed` otherwise, `SandboxError` for what
is not offered here. No verdict is 504, the one status that verl's client sends a request again for.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from pathlib import PurePosixPath
from typing import ClassVar

from fastapi import APIRouter, HTTPException, Request

from reward_service.api.compat.exchange import Route, Wait, limits, serve, sound
from reward_service.api.compat.fusion_models import (
    EvalResult,
    EvalTestCase,
    RunCodeRequest,
    RunCodeResponse,
    SubmitRequest,
)
from reward_service.api.compat.fusion_results import of_outcome, of_report
from reward_service.api.compat.fusion_rows import Asserts, Streams, extract, row_of, same_output
from reward_service.api.score import refusals
from reward_service.errors import InvalidRequest
from reward_service.verifiers.base import Execution
from sandboxes import Limits, Program, TestKind, Unsupported
from sandboxes import Tests as Checks

_ALIASES = {"nodejs": "javascript"}
_CLIENT_SLACK = 8.0
"""verl's client waits 10 s longer than both of its limits together, and takes no answer in time for a wrong one."""
_COMPILE_SECONDS = 10.0
_LONGEST_PATH = 500
_RUN_SECONDS = 10.0


class _Route(Route):
    again: ClassVar[int] = 504


router = APIRouter(tags=["SandboxFusion"], route_class=_Route)
_REFUSALS = {**refusals(), 504: {**refusals()[503], "description": "There is no verdict now; send it again"}}


@router.get("/v1/ping", summary="The process answers")
async def ping() -> str:
    """Always `pong`."""
    return "pong"


@router.post("/run_code", summary="Run one program on one stdin", responses=_REFUSALS)
async def run_code(request: Request, body: RunCodeRequest, wait: Wait = None) -> RunCodeResponse:
    """Run it in the sandbox, and tell how it ended. What its output is worth is the caller's to say."""
    files = _files(body)
    fetch = tuple(_path(path) for path in body.fetch_files)
    seconds = wait or body.compile_timeout + body.run_timeout + _CLIENT_SLACK

    async def work(means: Execution) -> RunCodeResponse:
        most = limits(means, body.run_timeout, body.compile_timeout, body.memory_limit_MB)
        try:
            if body.language == "pytest":
                return await _pytest(means, body.code, files, most, seconds)
            language = _language(body.language, means)
            program = Program(body.code, language, files=files, fetch=fetch)
            stdin = (body.stdin or "").encode()
            runs = means.sandbox.run(program, [stdin], most, patience=seconds)
            async with contextlib.aclosing(runs):
                return of_outcome(await anext(runs), language)
        except Unsupported as error:
            return RunCodeResponse(status="SandboxError", message=str(error))

    return await serve(request, work, 1, seconds)


@router.post("/submit", summary="Hold a completion against a row's tests", responses=_REFUSALS)
async def submit(request: Request, body: SubmitRequest, wait: Wait = None) -> EvalResult:
    """Take the program from the completion and run the row's tests, up to the first that fails."""
    row = row_of(body)
    code, kind = extract(body.completion, row.language)
    found = EvalResult(id=body.id, accepted=False, extracted_code=code, extracted_type=kind, tests=[])
    if not code.strip():
        return found
    seconds = wait or request.app.state.service.settings.request_seconds

    async def work(means: Execution) -> EvalResult:
        most = limits(means, body.config.run_timeout or _RUN_SECONDS, body.config.compile_timeout or _COMPILE_SECONDS)
        if isinstance(row, Asserts):
            return await _hold_asserts(means, row, found, most, seconds)
        return await _hold_streams(means, row, found, most, seconds)

    return await serve(request, work, len(row.cases) if isinstance(row, Streams) else 1, seconds)


async def _hold_streams(means: Execution, row: Streams, found: EvalResult, most: Limits, patience: float) -> EvalResult:
    language = _language_of_row(row.language, means)
    program = Program(found.extracted_code, language)
    runs = means.sandbox.run(program, [case.stdin.encode() for case in row.cases], most, patience=patience)
    async with contextlib.aclosing(runs):
        for case in row.cases:
            outcome = await anext(runs, None)
            if outcome is None:  # it was not compiled, which the first outcome said
                break
            told = of_outcome(outcome, language)
            said = told.run_result.stdout if told.run_result else None
            passed = told.status == "Success" and await asyncio.to_thread(same_output, said or "", case.stdout)
            found.tests.append(EvalTestCase(passed=passed, exec_info=told, test_info=row.shown(case)))
            if not passed and not row.run_all:
                break
    found.accepted = len(found.tests) == len(row.cases) and all(test.passed for test in found.tests)
    return found


async def _hold_asserts(means: Execution, row: Asserts, found: EvalResult, most: Limits, patience: float) -> EvalResult:
    program = Program(found.extracted_code)
    tests = Checks(row.code, TestKind.PYTEST if row.pytest else TestKind.SCRIPT, shared=means.shared_tests)
    report = sound(await means.sandbox.check(program, tests, most, patience=patience))
    found.test_code = row.code
    found.tests.append(EvalTestCase(passed=report.passed, exec_info=of_report(report)))
    found.accepted = report.passed
    return found


async def _pytest(
    means: Execution, code: str, files: dict[str, bytes], most: Limits, patience: float
) -> RunCodeResponse:
    """A file of tests; what they test stands in `solution.py`, if not beside them in the same file."""
    if files.keys() - {"solution.py"}:
        raise Unsupported("tests are given no files but solution.py")
    program = Program(files.get("solution.py", b"").decode("utf-8", "replace"))
    tests = Checks(code, TestKind.PYTEST, shared=means.shared_tests, standalone=not files)
    return of_report(await means.sandbox.check(program, tests, most, patience=patience))


def _language(name: str, means: Execution) -> str:
    """Our name of a language; raises Unsupported."""
    offered = means.sandbox.describe().languages
    ours = _ALIASES.get(name, name)
    if ours not in offered:
        there = ", ".join(sorted(language for language, lack in offered.items() if not lack))
        raise Unsupported(f"programs in {name[:40]} are not run here; those in {there} are")
    if offered[ours]:
        raise Unsupported(offered[ours])
    return ours


def _language_of_row(name: str, means: Execution) -> str:
    try:
        return _language(name, means)
    except Unsupported as error:
        raise HTTPException(400, str(error)) from None


def _files(body: RunCodeRequest) -> dict[str, bytes]:
    try:
        given = {_path(path): data for path, data in body.files.items() if data is not None}
        return {path: base64.b64decode(data, validate=True) for path, data in given.items()}
    except ValueError:
        raise InvalidRequest("files: the contents of a file must be base64") from None


def _path(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or parts[0] == "/" or ".." in parts or "\0" in path or len(path) > _LONGEST_PATH:
        raise InvalidRequest("files: a path must be relative and must not lead out of the program's directory")
    return "/".join(parts)
