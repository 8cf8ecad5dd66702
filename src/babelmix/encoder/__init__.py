"""The encoder: where it comes from, how it is built and loaded, and how texts become vectors."""
