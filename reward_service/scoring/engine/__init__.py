"""Where comparisons run when they do not run inline."""
