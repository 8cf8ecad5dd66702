"""OpenVINO and NNCF without their telemetry.

    openvino, nncf = import_openvino(), import_nncf()

Both report to their maker on import, through the package openvino-telemetry, unless a file in the user's home declines.
They do without where the package is missing. So it counts as missing here: no request is sent and no file is written.
"""

import sys
import warnings
from importlib import import_module
from typing import Any

from babelmix.common.errors import UserError
from babelmix.common.extras import install

TELEMETRY = "openvino_telemetry"


def import_openvino() -> Any:
    """Return the module openvino, which reports nothing; UserError if it is not installed."""
    return _quietly("openvino")


def import_nncf() -> Any:
    """Return the module nncf, which reports nothing; UserError if it is not installed."""
    _quietly("openvino")
    return _quietly("nncf")


def import_libraries(*modules: str) -> list[Any]:
    """Return modules that come with the extra `export`; UserError if one is not installed."""
    return [_quietly(module) for module in modules]


def _quietly(module: str) -> Any:
    """Import a module while the telemetry package counts as missing."""
    sys.modules[TELEMETRY] = None  # pyright: ignore[reportArgumentType]  # Python's own way to say that a module is not there
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the libraries' own
            return import_module(module)
    except ModuleNotFoundError as error:
        top = (error.name or module).partition(".")[0]
        how = install(top) or "pip install 'babelmix[export]'"
        raise UserError(f"{top} is not installed", where="--form", how=how) from error
