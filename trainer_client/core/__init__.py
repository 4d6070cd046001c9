"""What the client decides, without a byte of input or output: both shells stand on it."""
