"""Finding and comparing answers: pure functions that verifiers share. Nothing here evaluates text."""
