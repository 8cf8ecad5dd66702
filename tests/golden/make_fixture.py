"""Cut 60 questions out of XQuAD-R, the same in five languages: what the golden test scores without a network.

    python tests/golden/make_fixture.py

The published files come from their pinned commit, or from $BABELMIX_MIRROR, each checked by sha256. Of the paragraphs
with three questions or more, every eleventh is taken, twenty in all, with its sentences and their breaks and its first
three questions. The same files give the same bytes.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from babelmix.benchmarks.sources.lareqa import ADDRESS, RELEASES
from babelmix.common.errors import UserError
from babelmix.download.https import fetch_file

FIXTURE = Path(__file__).with_name("xquad-r-60")
LANGUAGES = ("ar", "de", "en", "th", "zh")
PARAGRAPHS, STEP, QUESTIONS = 20, 11, 3


def make_fixture(folder: Path) -> None:
    """Write `<folder>/<lang>.json` for every language, over what is there."""
    with TemporaryDirectory() as scratch:
        published = {lang: _fetched(lang, Path(scratch)) for lang in LANGUAGES}
    enough = [paragraph for _, paragraph in _paragraphs(published["en"]) if len(paragraph["qas"]) >= QUESTIONS]
    chosen = {item["id"] for paragraph in enough[::STEP][:PARAGRAPHS] for item in paragraph["qas"][:QUESTIONS]}
    folder.mkdir(exist_ok=True)
    for lang, root in published.items():
        lines = [
            json.dumps({"title": title, "paragraphs": [paragraph | {"qas": asked}]}, ensure_ascii=False)
            for title, paragraph in _paragraphs(root)
            if (asked := [item for item in paragraph["qas"] if item["id"] in chosen])
        ]
        text = '{"version": "xquad-r, 60 questions", "data": [\n' + ",\n".join(lines) + "\n]}\n"
        (folder / f"{lang}.json").write_bytes(text.encode())


def _fetched(lang: str, folder: Path) -> dict[str, Any]:
    release, file = RELEASES["xquad-r"], folder / f"{lang}.json"
    url = f"{ADDRESS}/{release.commit}/{release.folder}/{lang}.json"
    fetch_file(url, release.languages[lang].sha256, file)
    return json.loads(file.read_bytes())


def _paragraphs(root: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for article in root["data"]:
        for paragraph in article["paragraphs"]:
            yield article["title"], paragraph


if __name__ == "__main__":
    try:
        make_fixture(FIXTURE)
    except UserError as error:
        sys.exit(str(error))
    print(f"wrote {FIXTURE}, {sum(file.stat().st_size for file in FIXTURE.glob('*.json')):,} bytes", file=sys.stderr)
