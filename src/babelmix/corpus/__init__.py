"""Question-passage pairs: where they come from."""
