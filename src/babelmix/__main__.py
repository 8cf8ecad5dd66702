"""`python -m babelmix` is the `babelmix` command."""

import sys
from typing import NoReturn

from babelmix.common.ending import run_and_exit


def main() -> NoReturn:
    """Run the command line; an error during its import is one line too."""
    run_and_exit(_run, sys.argv[1:])


def _run(arguments: list[str]) -> int:
    from babelmix.cli import run

    return run(arguments)


if __name__ == "__main__":
    main()
