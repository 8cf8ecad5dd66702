"""The encoder: what is known of it without running it."""
