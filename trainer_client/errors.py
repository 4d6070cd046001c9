"""Every error of the client.

ClientError
├── Misconfigured   a setting that cannot be, or that this trainer has no way to express
├── Refused         the service will not take the request, however often it is sent
└── NoVerdict       items have no verdict, and the caller wants that to stop the run

All can be pickled, as trainers send errors between processes. Outages are none of them: they are waited for and tried
again, and what is left without a verdict when the time is up is a `Result` whose status is `failed`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from reward_service.schema import Result


class ClientError(Exception):
    """Root of all."""


class Misconfigured(ClientError): ...


class Refused(ClientError):
    """`status` is HTTP's; `detail` is what the service said."""

    def __init__(self, status: int, detail: str, url: str) -> None:
        super().__init__(f"{url} answers {status}: {detail}")
        self.status = status
        self.detail = detail
        self.url = url

    def __reduce__(self) -> tuple[type[Refused], tuple[int, str, str]]:
        return type(self), (self.status, self.detail, self.url)


class NoVerdict(ClientError):
    """`failed`: the results without a score, at least one."""

    def __init__(self, failed: Sequence[Result]) -> None:
        kinds = Counter(str(result.failure.kind) for result in failed if result.failure)
        counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        first = next((result.failure.detail for result in failed if result.failure), "")
        super().__init__(f"{len(failed)} without a verdict ({counts}); the first: {first}")
        self.failed = list(failed)

    def __reduce__(self) -> tuple[type[NoVerdict], tuple[list[Result]]]:
        return type(self), (self.failed,)
