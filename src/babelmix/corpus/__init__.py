"""Question-passage pairs: their sources, their files, and their index."""
