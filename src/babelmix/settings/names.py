"""Names of objectives, sizes, sources and benchmarks: they become names of files, folders and stages."""

import re

from babelmix.common.errors import UserError, quoted

_NAME = re.compile(r"\w[\w.-]{0,99}")
# Names that the pipeline uses itself, for a system, a benchmark or a metric.
SYSTEMS = frozenset(("bm25", "untrained", "start"))
BESIDE_BENCHMARKS = frozenset(("dev", "index", "lir", "model", "train")) | SYSTEMS


def check_name(name: str, where: str, taken: frozenset[str] = frozenset()) -> None:
    """Raise UserError, at `where`, for a name that files cannot have, or that is taken."""
    if not _NAME.fullmatch(name):
        how = "take letters, digits, dots, dashes and underscores, a letter, digit or underscore first"
        raise UserError(f"{quoted(name)} is not a valid name", where=where, how=how)
    if name in taken:
        raise UserError(f"{name!r} is taken", where=where, how="call it something else")
