"""Install the pinned requirements and babelmix into the environment of the Python that runs this: a part of make setup.

    .venv/bin/python scripts/install.py

uv installs them in a fraction of pip's time. pip brings uv, and does the whole work if uv fails. Hashes check every
package but torch. uv does not read pip's configuration, so what `pip config list` says of indexes and folders of
packages becomes uv's options.
"""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
HASHED, TORCH = "requirements.txt", "requirements-torch.txt"
# requirements.txt is complete, so nothing is resolved: what has no hash there is not installed. torch comes last.
STEPS = (
    ("--no-deps", "--require-hashes", "--requirement", HASHED),
    ("--requirement", TORCH),
    ("--no-deps", "--editable", "."),
)
# pip says so for every package: a folder or index of its configuration does not have it.
_NOISE = re.compile(r"WARNING: Location .* is ignored: it is (neither a file nor|either a non-existing path or) ")
_LISTS = {"extra-index-url": "--extra-index-url", "find-links": "--find-links", "trusted-host": "--allow-insecure-host"}


def main() -> int:
    """Install everything and return the exit code of the installer."""
    with TemporaryDirectory() as scratch:
        uv_alone = Path(scratch) / HASHED
        uv_alone.write_text(block_of("uv", (ROOT / HASHED).read_text(encoding="utf-8")), encoding="utf-8")
        code = pip("--no-deps", "--require-hashes", "--requirement", str(uv_alone))
    if code == 0 and by_uv(Path(sys.prefix) / "bin" / "uv"):
        return 0
    print("uv did not install everything: pip does, which takes longer", file=sys.stderr)
    return next((code for step in STEPS if (code := pip(*step))), 0)


def by_uv(uv: Path) -> bool:
    """Install everything with uv, from where pip's configuration says; return whether it succeeded."""
    settings = configuration()
    environment = os.environ | variables(settings)
    install = [str(uv), "pip", "install", "--quiet", "--python", sys.executable, *options(settings)]
    return all(
        subprocess.run([*install, *step], cwd=ROOT, env=environment, check=False).returncode == 0 for step in STEPS
    )


def pip(*arguments: str) -> int:
    """Run `pip install` without compiling, and without the warnings that say nothing; return its exit code."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-compile"]
    with subprocess.Popen([*command, *arguments], cwd=ROOT, stderr=subprocess.PIPE, text=True, errors="replace") as run:
        for line in run.stderr or ():
            if not _NOISE.match(line):
                print(line, end="", file=sys.stderr, flush=True)
        return run.wait()


def configuration() -> dict[str, str]:
    """Return pip's settings by name, of its files and of the environment, which wins."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, errors="replace", check=False
    )
    return read_configuration(listed.stdout)


def read_configuration(text: str) -> dict[str, str]:
    """Return the settings that apply to `pip install`: {"index-url": "https://example.org/simple"}.

    `text` is what `pip config list` prints. A setting for `install` wins over one for all commands, and the environment
    over both.
    """
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in text.splitlines():
        if match := re.fullmatch(r"(global|install|:env:)\.([\w-]+)=(.+)", line):
            found[match[1]][match[2]] = str(ast.literal_eval(match[3]))
    return {name: value for section in found.values() for name, value in section.items() if value}


def options(settings: Mapping[str, str]) -> list[str]:
    """Return uv's options for pip's settings.

    Like pip, uv then takes the best version of all indexes; the hashes decide whose files are right. A folder of
    packages that is not here is left out, since uv would fail on it.
    """
    found = ["--index-strategy", "unsafe-best-match"]
    if "index-url" in settings:
        found += ["--default-index", settings["index-url"]]
    if settings.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        found.append("--no-index")
    for name, option in _LISTS.items():
        for value in settings.get(name, "").split():
            if name != "find-links" or "://" in value or Path(value).expanduser().exists():
                found += [option, value]
    return found


def variables(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables by which uv gets pip's certificates, proxy and patience."""
    names = {
        "cert": ("SSL_CERT_FILE",),
        "proxy": ("HTTPS_PROXY", "HTTP_PROXY"),
        "default-timeout": ("UV_HTTP_TIMEOUT",),
    }
    names["timeout"] = names["default-timeout"]
    return {variable: settings[name] for name in names if name in settings for variable in names[name]}


def block_of(package: str, requirements: str) -> str:
    """Return the lines of one package, with its hashes, of a requirements file; ValueError if it has none."""
    found = re.search(rf"^{package}==(?:.*\\\n)*.*\n", requirements, re.MULTILINE)
    if not found:
        raise ValueError(f"requirements.txt has no {package}")
    return found[0]


if __name__ == "__main__":
    sys.exit(main())
