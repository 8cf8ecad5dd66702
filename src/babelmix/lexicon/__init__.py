"""Words and dictionaries: published ones, and a user's own."""
