"""The version of babelmix that wrote what leaves the project.

release()       # "0.2.0"; None where the sources run without an installation
"""

from importlib.metadata import PackageNotFoundError, version


def release() -> str | None:
    """Return the installed version of babelmix; None if it is not installed."""
    try:
        return version("babelmix")
    except PackageNotFoundError:
        return None
