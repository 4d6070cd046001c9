"""A real vLLM server on this machine's processors, a judge model whose answers are known, and faults between them."""
