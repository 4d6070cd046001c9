"""How a run ended, in SandboxFusion's words."""

from __future__ import annotations

import base64

from reward_service.api.compat.fusion_models import CommandRunResult, RunCodeResponse
from sandboxes import Outcome, Report, Status

_SIGNALLED = 128
"""What a shell adds to a signal's number, as there."""
_CANNOT_RUN = 2
"""pytest's own exit code for tests that it could not collect."""


def of_outcome(outcome: Outcome, language: str) -> RunCodeResponse:
    """`Success` exactly for a run that ended by itself with exit code 0, its whole output told."""
    result = CommandRunResult(
        status="TimeLimitExceeded" if outcome.status is Status.TIMEOUT else "Finished",
        execution_time=round(outcome.wall_seconds, 6),
        return_code=_return_code(outcome),
        stdout=outcome.stdout.decode("utf-8", "replace"),
        stderr=_stderr(outcome),
    )
    if outcome.status is Status.COMPILE_ERROR and language != "python":  # which has no compile step there
        return RunCodeResponse(status="Failed", compile_result=result)
    return RunCodeResponse(
        status="Success" if outcome.status is Status.OK else "Failed",
        run_result=result,
        files={path: base64.b64encode(data).decode() for path, data in outcome.files.items()},
    )


def of_report(report: Report) -> RunCodeResponse:
    """What tests found out, as if one process had run them."""
    late = report.program.status is Status.TIMEOUT and not report.passed
    if report.passed:
        code: int | None = 0
    else:
        code = None if late else _CANNOT_RUN if report.broken else 1
    result = CommandRunResult(
        status="TimeLimitExceeded" if late else "Finished",
        execution_time=round(max(report.program.wall_seconds, report.cpu_seconds), 6),
        return_code=code,
        stdout=f"{report.tests_passed} of {report.tests_total} tests passed\n",
        stderr=report.broken or report.failure,
    )
    return RunCodeResponse(status="Success" if report.passed else "Failed", run_result=result)


def _return_code(outcome: Outcome) -> int | None:
    if outcome.status is Status.TIMEOUT:
        return None
    if outcome.status is Status.OK:
        return 0
    return (outcome.exit_code if outcome.signal is None else _SIGNALLED + outcome.signal) or 1


def _stderr(outcome: Outcome) -> str:
    text = outcome.stderr.decode("utf-8", "replace")
    return f"{text}\n{outcome.detail}\n".lstrip("\n") if outcome.detail else text
