"""Debian packages made by the tests: real archives of made-up pages."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory


def make_package(folder: Path, name: str, files: dict[str, str]) -> None:
    """Write `<folder>/<name>.deb`, which holds `files`: {path: text}."""
    with TemporaryDirectory(prefix="package-") as temporary:
        tree = Path(temporary) / "tree"
        (tree / "DEBIAN").mkdir(parents=True)
        tree.chmod(0o755)
        control = f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: help\n"
        (tree / "DEBIAN" / "control").write_text(control)
        for path, text in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(text, encoding="utf-8")
        deb = str(folder / f"{name}.deb")
        command = ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", str(tree), deb]
        subprocess.run(command, check=True, capture_output=True)
