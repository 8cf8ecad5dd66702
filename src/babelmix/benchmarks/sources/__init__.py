"""Benchmarks, one module for each origin."""
