"""README and docs are true of the code: links, paths, commands, settings and the places of the tables."""

import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from babelmix.cli import app
from babelmix.reporting.experiments import check_into
from babelmix.settings.params import parse_settings

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "AGENTS.md",
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("data/**/README.md")),
]
PARAMS: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def lines(page: Path) -> list[str]:
    """The shell lines of a page: of its blocks, joined after a backslash, and between backticks."""
    blocks = [text for language, text in FENCE.findall(read(page)) if language == "sh"]
    shown = [line for text in blocks for line in text.replace("\\\n", " ").splitlines()]
    return [*shown, *re.findall(r"`((?:babelmix|make|dvc) [^`\n]+)`", FENCE.sub("", read(page)))]


def words(line: str) -> list[list[str]]:
    """The commands of a shell line as words, without comments."""
    return [shlex.split(part, comments=True) for part in re.split(r"&&|;(?= )", line)]


def anchors(page: Path) -> set[str]:
    """The names of a page's headings in links, as GitHub and the docs site make them."""
    titles = re.findall(r"^#+ (.*)$", FENCE.sub("", read(page)), re.MULTILINE)
    return {re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower()) for title in titles}


@each_page
def test_links_and_paths_exist(page: Path) -> None:
    text = read(page)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
    for path in re.findall(r"`((?:src|tests|docs)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path


@each_page
def test_commands_are_as_they_are_written(page: Path) -> None:
    program: Any = typer.main.get_command(app)
    targets = re.findall(r"^([a-z-]+):", read(ROOT / "Makefile"), re.MULTILINE)
    for command in (found for line in lines(page) for found in words(line) if found):
        if command[0] == "make":
            assert command[1] in targets, command
        if command[0] == "babelmix" and len(command) > 1:
            used, rest = program, command[1:]
            while rest and rest[0] in getattr(used, "commands", {}):
                used, rest = used.commands[rest[0]], rest[1:]
            assert used is not program, command
            if rest or len(command) > 2:  # a name alone, as in a sentence, needs no options
                bare = not any(word.startswith("-") for word in rest)
                used.make_context(command[-1], list(rest), resilient_parsing=bare).close()


@each_page
def test_settings_exist(page: Path) -> None:
    text, used = read(page), set[str]()
    for command in (found for line in lines(page) for found in words(line)):
        used |= {word.partition("=")[0] for flag, word in pairwise(command) if flag == "-S"}
    used |= {name for name in re.findall(r"`([a-z_]+\.[a-z_.]+)[`:]", text) if name.split(".")[0] in PARAMS}
    for name in used:
        value: Any = PARAMS
        for key in name.split("."):
            assert key in value, name
            value = value[key]


@each_page
def test_examples_of_params_yaml_load(page: Path) -> None:
    for text in (text for language, text in FENCE.findall(read(page)) if language == "yaml"):
        shown = yaml.safe_load(text)
        shown["translate"] = PARAMS["translate"] | shown.get("translate", {})
        parse_settings(yaml.safe_dump(PARAMS | shown), "params.yaml")


PLACES = {"rivals": "rivals", "scaling": "scaling", "probe-compare": "probes"}  # command -> its place for tables


@each_page
def test_tables_have_a_place_for_the_commands_that_write_them(page: Path) -> None:
    for command in (found for line in lines(page) for found in words(line) if "--into" in found):
        if "study" in command:  # a folder of records, no place for a table
            continue
        given = dict(pairwise(command))
        name = (
            given.get("--name")
            or given.get("--benchmark")
            or next((place for word, place in PLACES.items() if word in command), "routes")
        )
        check_into([ROOT / given["--into"]], name)


def test_the_readme_takes_three_minutes() -> None:
    assert len((ROOT / "README.md").read_bytes()) <= 10_240
