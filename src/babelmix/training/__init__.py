"""Training: tokenized pairs, losses, one step, the loop, checkpoints, processes, teachers and hard negatives."""
