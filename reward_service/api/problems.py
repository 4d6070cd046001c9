"""Errors of whole requests as RFC 9457 documents, whoever raised them."""

from __future__ import annotations

import logging
import math

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from reward_service.errors import BodyTooLarge, InvalidRequest, Later, RequestError, Unauthorized, problem
from reward_service.schema import Problem

log = logging.getLogger(__name__)
CLIENT_LEFT = 499
"""Nobody reads this status; metrics and logs tell it from the others."""
MEDIA_TYPE = "application/problem+json"


def _response(document: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(document.model_dump(), document.status, headers, media_type=MEDIA_TYPE)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestError)
    headers: dict[str, str] = {}
    if isinstance(error, Later):
        headers["Retry-After"] = f"{math.ceil(error.retry_after)}"
    if isinstance(error, BodyTooLarge):
        headers["Connection"] = "close"  # the rest of the body is not wanted
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return _response(problem(error), headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return _response(problem(InvalidRequest(f"{where}: {first['msg']}")))


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    title = str(error.detail)
    document = Problem(type="about:blank", title=title, status=error.status_code, detail=title, retryable=False)
    return _response(document, dict(error.headers or {}))


async def _defect(request: Request, error: Exception) -> JSONResponse:
    log.exception("a request failed through a defect of the service", exc_info=error)
    detail = "This is a defect of the service; its log says more."
    return _response(
        Problem(type="/problems/internal", title="Internal error", status=500, detail=detail, retryable=True)
    )


async def _left(request: Request, error: Exception) -> Response:
    log.debug("a client left before it was answered")
    return Response(status_code=CLIENT_LEFT)


def install(app: FastAPI) -> None:
    """Have every error of `app` answered as a problem document."""
    app.add_exception_handler(ClientDisconnect, _left)
    app.add_exception_handler(RequestError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _defect)
