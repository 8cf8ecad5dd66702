"""What this machine can do, and what is missing, each with its remedy."""
