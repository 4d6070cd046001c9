"""SandboxFusion's wire models, as its documentation and its clients have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

RunStatus = Literal["Success", "Failed", "SandboxError"]
CommandStatus = Literal["Finished", "Error", "TimeLimitExceeded"]
Extracted = Literal["fenced", "incomplete_fenced", "heuristic", "empty"]


class RunCodeRequest(BaseModel):
    """One program and one stdin."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"code": "print(int(input()) + 1)", "language": "python", "stdin": "41\n"}]}
    )

    code: str
    language: str = Field(max_length=64, examples=["python"])
    stdin: str | None = None
    compile_timeout: float = Field(10.0, gt=0, le=86_400, description="CPU seconds of the compile step.")
    run_timeout: float = Field(
        10.0, gt=0, le=86_400, description="CPU seconds of the run, and seconds that it may only wait."
    )
    memory_limit_MB: int = Field(-1, le=1_048_576, description="0 or less: as the service is set.")  # noqa: N815
    files: dict[str, str | None] = Field({}, description="Files beside the program: path to base64.")
    fetch_files: list[str] = Field([], description="Paths of files to hand back.")


class CommandRunResult(BaseModel):
    """How one process ended. `return_code` is null when its time was up."""

    status: CommandStatus
    execution_time: float | None = None
    return_code: int | None = None
    stdout: str | None = None
    stderr: str | None = None


class RunCodeResponse(BaseModel):
    """`Success` says that every process ended with 0, and no more than that."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "Success",
                    "message": "",
                    "compile_result": None,
                    "run_result": {
                        "status": "Finished",
                        "execution_time": 0.006,
                        "return_code": 0,
                        "stdout": "42\n",
                        "stderr": "",
                    },
                    "executor_pod_name": None,
                    "files": {},
                }
            ]
        }
    )

    status: RunStatus
    message: str = ""
    compile_result: CommandRunResult | None = None
    run_result: CommandRunResult | None = None
    executor_pod_name: str | None = None
    files: Mapping[str, str] = {}


class TestConfig(BaseModel):
    """How a submission is tested, and its row."""

    __test__ = False

    dataset_type: str | None = Field(None, examples=["CommonOJDataset"])
    language: str | None = Field(None, max_length=64, examples=["python"])
    compile_timeout: float | None = Field(None, gt=0, le=86_400)
    run_timeout: float | None = Field(None, gt=0, le=86_400)
    custom_extract_logic: str | None = Field(None, description="Refused: code in a request is never executed here.")
    provided_data: dict[str, JsonValue] | list[dict[str, JsonValue]] | None = Field(
        None, description="The row, or rows of which one has the id. This service keeps no datasets of its own."
    )
    extra: dict[str, JsonValue] = {}


_ROW: dict[str, JsonValue] = {
    "id": 1,
    "content": "Print the sum.",
    "test": [{"input": {"stdin": "1 2\n"}, "output": {"stdout": "3\n"}}],
}


class SubmitRequest(BaseModel):
    """A model's completion, to be held against the tests of a row."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "dataset": "sums",
                    "id": 1,
                    "completion": "```python\nprint(sum(map(int, input().split())))\n```",
                    "config": {"dataset_type": "CommonOJDataset", "language": "python", "provided_data": _ROW},
                }
            ]
        }
    )

    dataset: str
    id: int | str
    completion: str
    config: TestConfig


class EvalTestCase(BaseModel):
    """One test."""

    passed: bool
    exec_info: RunCodeResponse
    test_info: dict[str, Any] | None = None


class EvalResult(BaseModel):
    """`accepted`: there was at least one test, all were run, and all passed."""

    id: int | str
    accepted: bool
    extracted_code: str
    full_code: str | None = None
    test_code: str | None = None
    tests: list[EvalTestCase]
    extracted_type: Extracted | None = None
    extra: dict[str, Any] | None = None
