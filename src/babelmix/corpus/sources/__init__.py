"""Question-passage pairs, one module for each origin."""
