"""Retrieval benchmarks: the known ones, and a user's own."""
