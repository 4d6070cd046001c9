"""Metrics and logs. Verifiers never import from here."""
