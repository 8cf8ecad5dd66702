"""Rule-based translation between related languages by Apertium, from Debian packages and without an installation.

    engine = Apertium("pt", "es")
    engine.translate(["Insira uma folha."])     # ["Inserte una hoja."]
    engine.name                                 # "apertium-es-pt 1.1.6-1 pt-es"

A translation is a chain of small programs; the mode, a file of the pair, describes it as a shell command. This runs
them without a shell on many sentences at once, with NUL after each. Every sentence gets its own answer, the one that it
would get alone:

- the input of a sentence is `text[number].[]`: brackets hold formatting, which passes through unchanged and identifies
  the answer; the full stop (Apertium's own front end adds it too) ends the sentence for all programs;
- halving finds a sentence that makes a program fail; it has no translation;
- the tagger restarts after a kind of ambiguity that its model lacks, because it tags differently from there on.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from filelock import FileLock

from babelmix.common.errors import UserError, unknown_name
from babelmix.common.files import cache_dir, new_folder, temporary_folder
from babelmix.common.reading import parse_json, read_text
from babelmix.download.debian import fetch_packages, needed_packages, unpack_packages
from babelmix.translate.engine.apertium_programs import FIRST, Stage
from babelmix.translate.engine.known import KnownEngine

# The package and the mode of each direction.
DIRECTIONS = {
    ("en", "es"): ("apertium-eng-spa", "eng-spa"),
    ("en", "ca"): ("apertium-eng-cat", "eng-cat"),
    ("en", "gl"): ("apertium-en-gl", "en-gl"),
    ("pt", "es"): ("apertium-es-pt", "pt-es"),
    ("es", "pt"): ("apertium-es-pt", "es-pt"),
    ("pt", "ca"): ("apertium-por-cat", "por-cat"),
    ("ca", "pt"): ("apertium-por-cat", "cat-por"),
    ("pt", "gl"): ("apertium-pt-gl", "pt-gl"),
    ("gl", "pt"): ("apertium-pt-gl", "gl-pt"),
    ("es", "ca"): ("apertium-spa-cat", "spa-cat"),
    ("ca", "es"): ("apertium-spa-cat", "cat-spa"),
    ("es", "gl"): ("apertium-es-gl", "es-gl"),
    ("gl", "es"): ("apertium-es-gl", "gl-es"),
    ("es", "it"): ("apertium-spa-ita", "spa-ita"),
    ("it", "es"): ("apertium-spa-ita", "ita-spa"),
    ("es", "fr"): ("apertium-fr-es", "es-fr"),
    ("fr", "es"): ("apertium-fr-es", "fr-es"),
    ("ca", "fr"): ("apertium-fra-cat", "cat-fra"),
    ("fr", "ca"): ("apertium-fra-cat", "fra-cat"),
    ("ca", "it"): ("apertium-cat-ita", "cat-ita"),
    ("it", "ca"): ("apertium-cat-ita", "ita-cat"),
}
# Programs that some pairs use without declaring them.
TOOLS = ("apertium-lex-tools", "apertium-separable", "cg3")
DATA = "usr/share/apertium"
_MARKS = re.compile(r"[\^$/<>{}\[\]@\\]")
# The programs drop "~", even escaped, so a private character replaces it.
_TILDE = "\ue07e"


def escape(text: str) -> str:
    """Return text as Apertium's programs read it: with a backslash before their own marks."""
    return _MARKS.sub(r"\\\g<0>", text).replace("~", _TILDE)


def unescape(text: str) -> str:
    """Return the text that `escape` got."""
    return re.sub(r"\\(.)", r"\1", text.replace(_TILDE, "~"), flags=re.DOTALL)


class Apertium:
    """One direction of a language pair; the first use downloads its packages into the project's cache."""

    def __init__(self, source: str, target: str) -> None:
        """Check the direction and fetch nothing yet; UserError, with the valid ones, for an unknown one."""
        self.direction = f"{source}-{target}"
        if (source, target) not in DIRECTIONS:
            valid = [f"{one}-{other}" for one, other in DIRECTIONS]
            raise unknown_name("direction", self.direction, valid, where="translate.routes, apertium")
        self.package, self.mode = DIRECTIONS[source, target]
        self.install = f"`apt-get install {' '.join((self.package, *TOOLS))}`"
        self.where = f"translate.routes, apertium {self.direction}"

    @property
    def name(self) -> str:
        """The package, its version and the direction; UserError if the download fails."""
        return f"{self.package} {self._pair.version} {self.direction}"

    def translate(self, sentences: Sequence[str]) -> list[str]:
        """Return one translation for each sentence, empty if the programs fail on it.

        UserError if they fail on everything: a failed download, a missing library or dictionary.
        """
        texts = [" ".join(sentence.replace("\0", " ").split()) for sentence in sentences]
        done = dict.fromkeys(text for text in texts if text)
        if done:
            done = dict(zip(done, self._solve(list(done)), strict=True))
        return [done.get(text) or "" for text in texts]

    def _solve(self, texts: Sequence[str]) -> list[str]:
        """Return the translations; halve the texts until each that makes a program fail is alone."""
        found = self._attempt(texts)
        missing = [place for place, text in enumerate(found) if text is None]
        if missing and len(texts) == 1:
            self._healthy  # noqa: B018 -- raises if it is not the sentence's fault
            return [""]
        half = (len(missing) + 1) // 2
        # The first one without an answer is mostly the one that took the others with it.
        for places in (missing[:1], missing[1:half], missing[max(1, half) :]):
            if places:
                for place, text in zip(places, self._solve([texts[place] for place in places]), strict=True):
                    found[place] = text
        return [text or "" for text in found]

    @cached_property
    def _healthy(self) -> bool:
        if self._attempt(["1"])[0] is None:
            how = f"delete {cache_dir()}/apertium, or install it: {self.install}"
            raise UserError(
                f"its programs do not run ({self._pair.complaint or 'no answer'})", where=self.where, how=how
            )
        return True

    def _attempt(self, texts: Sequence[str]) -> list[str | None]:
        """Send all texts through the programs once; None for a text without its own answer."""
        messages = [FIRST, *(f"{escape(text)}[{place}].[]" for place, text in enumerate(texts))]
        places = list(range(-1, len(texts)))  # whose message each is
        for stage in self._pair.stages:
            answers = stage.run(messages)
            kept = [
                (place, answer)
                for place, answer in zip(places, answers, strict=False)
                if answer is not None and (place < 0 or f"[{place}]" in answer)
            ]
            places, messages = [place for place, _ in kept], [answer for _, answer in kept]
        found: list[str | None] = [None] * len(texts)
        for place, answer in zip(places, messages, strict=True):
            ours = re.fullmatch(rf"(.*)\[{place}\]\s*\.\s*\[\]\s*", answer, re.DOTALL)
            if ours:
                found[place] = " ".join(unescape(ours[1]).split())
        return found

    @cached_property
    def _pair(self) -> "_Pair":
        return _Pair.load(self._root(), self.package, self.mode, self.where, self.install)

    def _root(self) -> Path:
        """Return the folder of the pair's packages, downloaded if neither it nor the machine has them."""
        folder = cache_dir() / "apertium" / self.package
        if not (folder / "manifest.json").is_file() and (Path("/") / DATA / f"modes/{self.mode}.mode").is_file():
            return Path("/")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f".{self.package}.lock"):
            if not (folder / "manifest.json").is_file():
                try:
                    _fetch(self.package, folder)
                except UserError as error:
                    how = f"{error.how}; or install it: {self.install}"
                    raise UserError(error.what, where=f"{self.where}, {error.where}", how=how) from error
        return folder / "root"


def _fetch(package: str, folder: Path) -> None:
    """Make `folder` of a package and its dependencies: their files in `root`, their versions in manifest.json."""
    with new_folder(folder) as staging, temporary_folder() as scratch:
        debs = scratch / "deb"
        fetch_packages(needed_packages(package, *TOOLS), debs)
        unpack_packages(sorted(debs.glob("*.deb")), staging / "root")
        shutil.copyfile(debs / "manifest.json", staging / "manifest.json")


@dataclass(frozen=True, slots=True)
class _Pair:
    """The programs of a direction on this machine, and the version of the pair."""

    stages: "tuple[Stage, ...]"
    version: str

    @property
    def complaint(self) -> str:
        """The last message of the last program in the pipe; when one ends, those before it complain too."""
        return next((stage.complaint for stage in reversed(self.stages) if stage.complaint), "")

    @classmethod
    def load(cls, root: Path, package: str, mode: str, where: str, install: str) -> "_Pair":
        """Read the mode below `root` and find its programs and data; UserError for a missing one."""
        environment = _environment(root)
        file = root / DATA / f"modes/{mode}.mode"
        if not file.is_file():
            raise UserError(
                "no such mode", where=str(file), how=f"`apt-get install {package}`, or delete {root.parent}"
            )
        commands = read_mode(read_text(file), root, str(file))
        for program in {command[0] for command in commands}:
            if not shutil.which(program, path=environment["PATH"]):
                how = f"delete {root.parent} and try again, put all it needs under $BABELMIX_MIRROR/deb, or {install}"
                raise UserError(f"{package} needs the program {program}", where=where, how=how)
        stages: list[Stage] = []
        for command in commands:
            # A perceptron (-x) has no classes of ambiguity and learns none.
            tagger = command[0] == "apertium-tagger" and not any(re.match(r"-\w*x", word) for word in command[1:])
            if tagger or not stages or stages[-1].tagger:
                stages.append(Stage([], environment, tagger))
            stages[-1].commands.append(command)
        return cls(tuple(stages), _version(root, package))


def read_mode(text: str, root: Path, where: str) -> list[list[str]]:
    """Return the commands of a mode: its data below `root`, unknown words unmarked, answers flushed at each NUL.

    UserError, at `where`, for anything else than a line of programs with bars between them.
    """
    commands: list[list[str]] = []
    for part in text.strip().split("|"):
        try:
            program, *words = shlex.split(part)
        except ValueError as error:  # a quote that is not closed, or no program
            how = "install the language pair again"
            raise UserError(f"not a mode of Apertium ({error})", where=where, how=how) from error
        words = ["-n" if word == "$1" else word for word in words if word != "$2"]
        commands.append(
            [program, "-z", *(re.sub("^/(?=usr/share/)", f"{root}".rstrip("/") + "/", word) for word in words)]
        )
    return commands


def _environment(root: Path) -> dict[str, str]:
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    if root != Path("/"):
        libraries = [*sorted((root / "usr/lib").glob("*-linux-*")), root / "usr/lib"]
        found = {"PATH": [root / "usr/bin"], "LD_LIBRARY_PATH": libraries}
        for key, folders in found.items():
            environment[key] = ":".join(filter(None, [*map(str, folders), os.environ.get(key, "")]))
    return environment


def _version(root: Path, package: str) -> str:
    if root != Path("/"):
        file = root.parent / "manifest.json"
        try:
            return str(parse_json(read_text(file), str(file))[package]["version"])
        except (KeyError, TypeError, IndexError) as error:
            how = f"delete {root.parent} and try again"
            raise UserError(f"no version of {package}", where=str(file), how=how) from error
    command = ["dpkg-query", "--show", "--showformat", "${Version}", package]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "installed"


ENGINES = (KnownEngine(name="apertium", make=lambda model, source, target, threads: Apertium(source, target)),)
