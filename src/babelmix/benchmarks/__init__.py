"""Retrieval benchmarks: those that are known by name, and those of the user's own."""
