"""What this machine can do for babelmix, and what is missing, each with its remedy; one file a group of checks."""
