"""Scores: ranks, measures, language bias, and the significance of differences."""
