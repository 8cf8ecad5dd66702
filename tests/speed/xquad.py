"""XQuAD's questions and the sentences that answer them, downloaded once a run: what the speed tests encode."""

from pathlib import Path

import pytest

from babelmix.benchmarks.sources.squad import read_squad_file
from babelmix.common.errors import UserError
from babelmix.corpus.records import Pair
from babelmix.stages.raw import fetch_benchmark


def fetch_xquad(folder: Path) -> Path:
    """XQuAD-R's raw files in a folder; the test is skipped where they cannot be downloaded."""
    try:
        fetch_benchmark("xquad-r", folder)
    except UserError as error:
        pytest.skip(str(error))
    return folder


def xquad_pairs(folder: Path, *languages: str) -> list[Pair]:
    """Question and answering sentence, 1,190 of each language, one language after another."""
    return [
        Pair(f"{number:05}", lang, "train", question.text, paragraph.sentences[question.answer], "human")
        for lang in languages
        for number, (paragraph, question) in enumerate(
            (paragraph, question)
            for paragraph in read_squad_file(folder / f"{lang}.json")
            for question in paragraph.questions
        )
    ]
