"""What a batch holds: the objective, units, language pairs, the sampler, and the audit of its batches."""
