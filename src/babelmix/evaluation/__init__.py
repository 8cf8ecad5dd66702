"""Scores: ranks, measures, language bias, and whether a difference is significant."""
