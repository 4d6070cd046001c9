"""Asking a model whether an answer means the same as the reference, where rules cannot tell."""
