"""A wrong field of a file that pydantic read is an error that names file and field.

with fields_checked("scores.json"):
    Scores.model_validate(value)
"""

from collections.abc import Generator
from contextlib import contextmanager

from pydantic import ValidationError

from babelmix.common.errors import UserError


@contextmanager
def fields_checked(where: str) -> Generator[None]:
    """Turn pydantic's first complaint about a file into a UserError that names the field."""
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "all of it"
        what = first["msg"][:1].lower() + first["msg"][1:]
        raise UserError(what, where=f"{where}, {field}", how="make the file again") from error
