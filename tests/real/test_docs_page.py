"""The documentation page in a real browser: it loads from this service alone, and "Try it out" works unedited."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reward_service.settings import Settings
from tests.live import serving
from tests.real import chromium

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(chromium.BINARY is None, reason="DID NOT RUN: there is no Chromium on this machine"),
]


def test_try_it_out_works_unedited(tmp_path: Path) -> None:
    with serving(Settings(workers=1)) as client, chromium.page(tmp_path) as page:
        page.call("Page.enable")
        page.call("Page.navigate", url=f"{client.base_url}/docs")
        operation = ".opblock-post"
        page.wait_for(f"{operation} .opblock-summary-control")
        page.evaluate(f"document.querySelector('{operation} .opblock-summary-control').click()")
        page.wait_for(f"{operation} .try-out__btn")
        page.evaluate(f"document.querySelector('{operation} .try-out__btn').click()")
        page.wait_for(f"{operation} .execute")
        page.evaluate(f"document.querySelector('{operation} .execute').click()")
        page.wait_for(f"{operation} .live-responses-table .response .highlight-code")
        status = page.evaluate(
            f"document.querySelector('{operation} .live-responses-table tbody .response-col_status').innerText"
        )
        shown = page.evaluate(
            f"document.querySelector('{operation} .live-responses-table tbody .highlight-code code').innerText"
        )
        assert status.strip().startswith("200")
        answer = json.loads(shown)
        assert [result["status"] for result in answer["results"]] == ["scored"] * 3
        loaded = page.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
        assert loaded
        assert [name for name in loaded if not name.startswith((str(client.base_url), "data:"))] == []
