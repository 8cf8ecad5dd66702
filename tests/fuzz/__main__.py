"""The command behind `make fuzz`; `--help` says what it takes, the package's first lines what it is for."""

import argparse
import sys
import time
from pathlib import Path


def main() -> int:
    """Run what the arguments ask for; 0 where no input was a fault."""
    sys.dont_write_bytecode = True  # what is written while an input is read is told as a fault
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description="Odd inputs for every reader of babelmix."
    )
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of all inputs; the time without it")
    parser.add_argument("--inputs", type=int, default=200_000, help="how many, over all targets")
    parser.add_argument("--workers", type=int, default=2, help="processes; the inputs are the same for any number")
    parser.add_argument("--target", help="only this one")
    parser.add_argument("--input", type=int, help="only this one of --target, with its traceback")
    parser.add_argument("--again", type=Path, help="an input that was kept in tests/fuzz/found")
    parser.add_argument(
        "--guided", type=int, metavar="SECONDS", help="--target with atheris, led by what code it reaches"
    )
    options = parser.parse_args()
    if options.guided:
        from .guided import guided

        return guided(options.target or "", options.guided, options.seed)
    from .runs import again, once, run
    from .targets import TARGETS

    chosen = tuple(target for target in TARGETS if target.name == (options.target or target.name))
    if not chosen:
        parser.error(f"no target {options.target!r}; there are {', '.join(target.name for target in TARGETS)}")
    if options.again:
        return again(options.again)
    if options.input is not None:
        return once(chosen[0], options.seed, options.input)
    return run(chosen, options.seed, options.inputs, options.workers)


if __name__ == "__main__":
    sys.exit(main())
