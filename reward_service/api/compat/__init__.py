"""Other services' wire formats, one file per dialect, so that their clients work by changing one URL.

A module in this folder that has a `router` is a dialect, and is found by being here. See docs/drop-in.md.
"""

from __future__ import annotations

import importlib
import pkgutil

from fastapi import APIRouter

_MODULES = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
routers: tuple[APIRouter, ...] = tuple(module.router for module in _MODULES if hasattr(module, "router"))
