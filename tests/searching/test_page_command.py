"""`babelmix serve` as a user runs it: an index of a tiny encoder, an address, a search, Ctrl-C."""

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from served_page import TEXTS, known_questions

from babelmix.common.errors import UserError
from babelmix.searching.build import index_documents
from babelmix.searching.documents import Document
from babelmix.searching.page.asking import Ask
from babelmix.searching.page.server import listen
from babelmix.searching.queries import passage_encoder
from babelmix.stages import serving

DOCUMENTS = [Document(f"{lang}{n}", text, None, lang) for lang, texts in TEXTS.items() for n, text in enumerate(texts)]


@pytest.fixture(scope="module")
def index(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "my-index"
    index_documents(DOCUMENTS, passage_encoder(tiny_encoder, str(tiny_encoder)), folder)
    return folder


@pytest.mark.slow
def test_it_serves_until_it_is_stopped(index: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "babelmix", "serve", str(index), "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as served:
        try:
            assert served.stderr is not None
            line = served.stderr.readline()
            found = re.fullmatch(r"babelmix: open (http://127\.0\.0\.1:\d+/) in a browser; Ctrl-C ends it\n", line)
            assert found, line
            with urllib.request.urlopen(f"{found[1]}?q=print+a+page") as answer:
                page = answer.read().decode()
            served.send_signal(signal.SIGTERM)
            out, err = served.communicate(timeout=120)
        finally:
            served.kill()
    assert "my-index, as it is" in page and "my-index, debiased" in page and "print a page of a document" in page
    assert (served.returncode, err) == (0, "")
    assert out == f"babelmix: served {index}; next: babelmix serve {index}\n"
    assert list(tmp_path.iterdir()) == []


def test_two_indexes_and_a_benchmark_are_opened(
    index: Path, tiny_encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known_questions(tmp_path)
    fewer = tmp_path / "fewer"
    index_documents(DOCUMENTS[:3], passage_encoder(tiny_encoder, str(tiny_encoder)), fewer)
    page = serving.open_page([index, fewer], [str(tiny_encoder), str(tiny_encoder)], str(tmp_path / "small"))
    assert [side.name for side in page.sides] == ["my-index", "fewer"] and page.debias == 0
    assert f"{fewer}: 3 of 4 right answers are not in it; they get no rank" in capsys.readouterr().err
    left, right = page.answer(Ask("print a page", (), 0.0, False)).sides
    assert len(left.ranks) == 4 and len(right.ranks) == 1 and len(left.hits) == 10 and len(right.hits) == 3
    plain, debiased = serving.open_page([index], [], str(tmp_path / "small")).answer(Ask("a", (), 1.0, True)).sides
    assert (plain.note, debiased.note[:8]) == ("not debiased", "debiased")


def test_what_cannot_be_served_is_told(index: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="3 indexes"):
        serving.serve([index] * 3, [], None, 0)
    with pytest.raises(UserError, match="2 models for 1 indexes"):
        serving.serve([index], ["a", "b"], None, 0)
    with pytest.raises(UserError, match=re.escape(str(tmp_path))):
        serving.serve([tmp_path], [], None, 0)
    with pytest.raises(UserError, match="unknown"):
        serving.open_page([index], [], "no-such-benchmark")
    with listen(0) as taken, pytest.raises(UserError, match="another program listens there"):
        serving.serve([index], [], None, taken.getsockname()[1])


def test_a_benchmark_of_other_passages_is_refused(tiny_encoder: Path, tmp_path: Path) -> None:
    known_questions(tmp_path)
    other = [Document(f"other-{one.id}", one.text, None, one.language) for one in DOCUMENTS]
    index_documents(other, passage_encoder(tiny_encoder, str(tiny_encoder)), tmp_path / "other")
    small = tmp_path / "small"
    with pytest.raises(UserError, match=rf"none of .*small's right answers is in it; .* passages, {small}, with"):
        serving.open_page([tmp_path / "other"], [], str(small))
    (small / ".babelmix-manifest").unlink()  # now it is built in a folder that vanishes
    with pytest.raises(UserError, match=rf"passages, {small}, with their ids"):
        serving.open_page([tmp_path / "other"], [], str(small))


def test_two_indexes_of_one_model_keep_their_prompts(tiny_encoder: Path, tmp_path: Path) -> None:
    folders = [tmp_path / "plain", tmp_path / "other"]
    for folder, prompt in zip(folders, (None, "die datei "), strict=True):
        index_documents(DOCUMENTS, passage_encoder(tiny_encoder, str(tiny_encoder), prompts=(prompt, None)), folder)
    plain, other = (side.encode("print a page") for side in serving.open_page(folders, [], None).sides)
    alone = serving.open_page(folders[:1], [], None).sides[0].encode("print a page")
    assert (plain == alone).all() and (plain != other).any()
