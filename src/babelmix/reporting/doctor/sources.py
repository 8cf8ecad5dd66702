"""Checks of what downloads need: apt, dpkg, a mirror, the hub; and of the programs that tests and pictures need."""

import os
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from babelmix.reporting.doctor import facts
from babelmix.reporting.doctor.check import Check, Verdict, program_check

GROUP = "downloads"
SECONDS = 5.0  # to wait for the hub
HUB = "https://huggingface.co"
OFF = ("1", "on", "yes", "true")


def apt() -> Check:
    """Check for apt-get, which a mirror with packages replaces."""
    path, packages = facts.program("apt-get"), _packages()
    found = path or "not on PATH"
    verdict: Verdict = "ok" if path or packages else "missing"
    return Check(
        group=GROUP,
        what="apt-get",
        found=found if path or not packages else f"{found}, but in the mirror: {packages} .deb",
        verdict=verdict,
        purpose="fetch: LibreOffice Help, GNOME Help, the Debian handbook, Apertium",
        remedy=""
        if verdict == "ok"
        else "use a Debian or Ubuntu container, or put .deb files under $BABELMIX_MIRROR/deb",
        needed=True,
    )


def dpkg() -> Check:
    """Check for dpkg-deb, which unpacks packages of apt and of a mirror."""
    return program_check(
        GROUP,
        "dpkg-deb",
        facts.program("dpkg-deb"),
        purpose="pairs, benchmark: what the packages hold",
        remedy="install dpkg: on macOS, brew install dpkg",
        needed=True,
    )


def mirror() -> Check:
    """Check the folder that BABELMIX_MIRROR names, and what it has."""
    name = os.environ.get("BABELMIX_MIRROR")
    verdict: Verdict = "ok"
    found, remedy = "BABELMIX_MIRROR is not set, none is needed", ""
    if name and not Path(name).is_dir():
        found, verdict, remedy = f"no such folder: {name}", "missing", "correct BABELMIX_MIRROR, or unset it"
    elif name:
        hosts = sorted(path.name for path in Path(name).iterdir() if path.is_dir() and "." in path.name)
        found = f"{name}: {_packages()} .deb, files of {', '.join(hosts) or 'no host'}"
    return Check(
        group=GROUP,
        what="mirror",
        found=found,
        verdict=verdict,
        purpose="fetch without a network",
        remedy=remedy,
        needed=bool(name),
    )


def hub(*, online: bool) -> Check:
    """Check whether the Hugging Face hub answers; it is asked only `online`, with one request and no token."""
    endpoint = os.environ.get("HF_ENDPOINT") or HUB
    ours = os.environ.get("BABELMIX_HUB_OFF")
    off = next(
        (
            name
            for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
            if os.environ.get(name, "").lower() in OFF and not (ours and name == "HF_HUB_OFFLINE")
        ),
        None,
    )
    verdict: Verdict = "unknown"
    found, remedy = f"not asked: {endpoint}", "babelmix doctor --online asks it"
    if off:
        found, remedy = f"switched off by {off}", f"unset {off}"
    elif online and (problem := _unreachable(endpoint)):
        found, verdict = f"{endpoint} does not answer ({problem})", "missing"
        remedy = "connect to the network, or set HF_ENDPOINT to a mirror of the hub that answers"
    elif online:
        found, verdict, remedy = f"{endpoint} answers", "ok", ""
    return Check(
        group=GROUP,
        what="hub",
        found=found,
        verdict=verdict,
        purpose="mmarco, miracl, nanobeir, models by name, --push",
        remedy=remedy,
    )


def chromium() -> Check:
    """Check for chromium, which tests and pictures of pages need."""
    path = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := facts.program(name))), None
    )
    purpose = "make test: the report's page and the page for searches"
    remedy = "apt-get install chromium; without it these tests are skipped"
    return program_check(GROUP, "chromium", path, purpose=purpose, remedy=remedy)


def _packages() -> int:
    name = os.environ.get("BABELMIX_MIRROR")
    return sum(1 for _ in (Path(name) / "deb").glob("*.deb")) if name else 0


def _unreachable(endpoint: str) -> str:
    """Return why an address gives no answer, "" for any answer of a server; a proxy is used as HTTPS_PROXY says."""
    if not endpoint.startswith(("https://", "http://")):
        return "not an address of the web"
    try:
        with urlopen(Request(endpoint, method="HEAD"), timeout=SECONDS):  # noqa: S310 -- checked above
            return ""
    except HTTPError:
        return ""
    except (OSError, HTTPException, ValueError) as error:
        return str(getattr(error, "reason", None) or error) or type(error).__name__
