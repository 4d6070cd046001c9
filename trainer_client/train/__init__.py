"""Training by GRPO against a reward service, with TRL's own trainer: `trainer-client train CONFIG`."""
