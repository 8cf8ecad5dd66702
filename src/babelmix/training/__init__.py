"""Training: tokenized pairs, losses, the step, the loop, its checkpoints and processes."""
