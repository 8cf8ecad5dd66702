"""What a batch holds: objectives, units, the sampler, and the audit of its batches."""
