"""Rollouts that are scored while others are being generated."""
