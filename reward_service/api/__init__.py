"""The HTTP surface: one file per group of paths."""
