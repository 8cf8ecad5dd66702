"""`python -m babelmix` is the `babelmix` command."""

from babelmix.cli import main

main()
