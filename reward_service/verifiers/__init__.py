"""Plug-ins: one file per verifier in a folder per domain, found by scanning, each with its case file beside it."""
