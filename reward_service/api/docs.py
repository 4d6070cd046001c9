"""/docs: the interactive page, from files on this machine: clusters without internet need it too."""

from __future__ import annotations

import fastapi_offline
from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from pydantic.json_schema import models_json_schema

from reward_service.api.score import DOCUMENTED

_STATIC = "/docs-assets"
router = APIRouter(include_in_schema=False)


@router.get("/")
async def start() -> RedirectResponse:
    """People who open the address in a browser want the documentation page."""
    return RedirectResponse("docs")


@router.get("/docs")
async def docs() -> HTMLResponse:
    """Swagger UI over this service's own OpenAPI document."""
    return get_swagger_ui_html(
        openapi_url="openapi.json",
        title="Reward service",
        swagger_js_url=f".{_STATIC}/swagger-ui-bundle.js",
        swagger_css_url=f".{_STATIC}/swagger-ui.css",
        swagger_favicon_url="data:,",
        swagger_ui_parameters={"defaultModelsExpandDepth": 0, "displayRequestDuration": True, "validatorUrl": None},
    )


def install(app: FastAPI, secured: bool) -> None:
    """Serve the page, and complete the OpenAPI document: models named by hand, keys where they are required."""
    folder = fastapi_offline.__path__[0] + "/static"
    app.mount(_STATIC, StaticFiles(directory=folder), name="docs-assets")
    app.include_router(router)

    def document() -> dict[str, object]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, secured)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI, secured: bool) -> dict[str, object]:
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    _, models = models_json_schema(
        [(model, "validation") for model in DOCUMENTED], ref_template="#/components/schemas/{model}"
    )
    components = found.setdefault("components", {})
    components.setdefault("schemas", {}).update(models["$defs"])
    if secured:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        for path in ("/score", "/verifiers"):
            for operation in found["paths"][path].values():
                operation["security"] = [{"key": []}]
    return found
