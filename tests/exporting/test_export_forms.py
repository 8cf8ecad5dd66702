"""ONNX and OpenVINO forms against the original: equal vectors in float32, near ones in int8, the same bytes twice."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from babelmix.common.errors import UserError
from babelmix.corpus.records import Pair
from babelmix.encoder.load import load_encoder
from babelmix.exporting import int8
from babelmix.exporting.engine import encode_with, load_engine
from babelmix.exporting.form_files import Prompted, Wanted, size_of, write_forms
from babelmix.exporting.names import FILES, ONNX, OPENVINO, Form, Kind

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # the engines' own warnings
WANTED = Wanted(tuple(Kind), int8=True)


@pytest.fixture(scope="module")
def texts(parallel_pairs: list[Pair]) -> list[str]:
    """Short and long ones in three languages, two of them equal."""
    pairs = parallel_pairs[:9]
    return [pair.query for pair in pairs] + [pair.passage for pair in pairs] + [pairs[0].query]


def written(encoder: Path, folder: Path, texts: list[str]) -> Path:
    shutil.copytree(encoder, folder)
    halves = [{"query": texts[half::4], "passage": texts[half + 2 :: 4]} for half in (0, 1)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(int8, "ROWS", 64)  # so that the tiny vocabulary counts as large
        write_forms(load_encoder(folder).cpu().eval(), folder, WANTED, Prompted(*halves), threads=1)
    return folder


@pytest.fixture(scope="module")
def exported(tiny_encoder: Path, texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tiny_encoder, tmp_path_factory.mktemp("exported") / "model", texts)


def stock(folder: Path, texts: list[str]) -> NDArray[np.float32]:
    return SentenceTransformer(str(folder), device="cpu", local_files_only=True).encode_query(texts)


@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_vectors_of_float32_are_those_of_sentence_transformers(form: Form, exported: Path, texts: list[str]) -> None:
    model = load_engine(exported, form, threads=1)
    assert np.abs(encode_with(model, texts, prompt="query") - stock(exported, texts)).max() < 1e-5
    assert np.abs(model.encode_query(texts) - stock(exported, texts)).max() < 1e-5  # by the library's own loop


@pytest.mark.parametrize("form", ["onnx-int8", "openvino-int8"])
def test_int8_is_near_and_smaller(form: Form, exported: Path, texts: list[str]) -> None:
    found = encode_with(load_engine(exported, form, threads=1), texts, prompt="query")
    assert (found * stock(exported, texts)).sum(axis=1).min() > 0.999
    weights = "openvino" in form
    file, whole = (exported / FILES[name] for name in (form, form.removesuffix("-int8")))
    small, large = ((one.with_suffix(".bin") if weights else one).stat().st_size for one in (file, whole))
    assert small < 0.7 * large


def test_the_prompt_is_the_models_own(exported: Path, texts: list[str]) -> None:
    model = load_engine(exported, "onnx", threads=1)
    plain = SentenceTransformer(str(exported), device="cpu", local_files_only=True)
    found = encode_with(model, texts, prompt="passage")
    assert np.abs(found - plain.encode_document(texts)).max() < 1e-5
    assert np.abs(found - encode_with(model, texts, prompt="query")).max() > 1e-3


@pytest.mark.parametrize("form", ["onnx", "openvino", "openvino-int8"])
def test_a_vector_does_not_depend_on_the_texts_beside_it(form: Form, exported: Path, texts: list[str]) -> None:
    """ONNX's dynamic int8 is left out: it scales by the batch, as its docstring says."""
    model = load_engine(exported, form, threads=1)
    together, alone = (encode_with(model, texts, prompt="query", tokens_per_forward=number) for number in (10_000, 1))
    assert np.abs(together - alone).max() < (1e-5 if form != "openvino-int8" else 0.02)


def test_two_exports_have_the_same_bytes(tiny_encoder: Path, exported: Path, texts: list[str], tmp_path: Path) -> None:
    again = written(tiny_encoder, tmp_path / "again", texts)

    def sums(folder: Path) -> dict[str, str]:
        files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        return {file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

    assert sums(again) == sums(exported)


def test_files_lie_where_the_librarys_own_backends_look(exported: Path) -> None:
    import onnx
    import openvino

    graph = onnx.load(str(exported / "onnx/model.onnx")).graph
    network = openvino.Core().read_model(str(exported / "openvino/openvino_model.xml"))
    assert [part.name for part in graph.input] == ["input_ids", "attention_mask"]
    assert [part.name for part in graph.output] == ["last_hidden_state"]
    assert [part.any_name for part in network.inputs] == ["input_ids", "attention_mask"]
    assert [part.any_name for part in network.outputs] == ["last_hidden_state"]
    assert all(size_of(exported, form) > 10_000 for form in (*ONNX, *OPENVINO))


def test_names_are_those_that_older_releases_know(exported: Path) -> None:
    """Tried once with sentence-transformers 5.7.0, optimum-onnx 0.1.0 and optimum-intel 1.27.0: docs/export.md."""
    assert "sentence_transformers.base" not in (exported / "modules.json").read_text()
    assert "TokenizersBackend" not in (exported / "tokenizer_config.json").read_text()
    assert "model_kwargs" not in (exported / "sentence_bert_config.json").read_text()


def test_no_trace_of_the_machine_in_a_file(exported: Path) -> None:
    for form in (*ONNX, *OPENVINO):
        content = (exported / FILES[form]).read_bytes()
        assert b"/site-packages/" not in content and str(exported).encode() not in content and b".py" not in content


def test_a_form_that_is_not_there(tiny_encoder: Path) -> None:
    with pytest.raises(UserError, match="unknown form 'onnx'"):
        load_engine(tiny_encoder, "onnx", threads=1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("sentence_transformers.models.Normalize", "evil.Normalize", "foreign code", id="code"),
        pytest.param('"2_Normalize"', '"../outside"', "not in the folder", id="path"),
    ],
)
def test_nothing_from_outside_a_folder_is_run(old: str, new: str, message: str, exported: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(exported, tmp_path / "foreign")
    listed = (folder / "modules.json").read_text()
    assert old in listed
    (folder / "modules.json").write_text(listed.replace(old, new))
    with pytest.raises(UserError, match=message):
        load_engine(folder, "onnx", threads=1)


def test_a_baked_debiasing_takes_the_route_of_the_prompt(tiny_encoder: Path, texts: list[str], tmp_path: Path) -> None:
    from babelmix.encoder.load import save_encoder
    from babelmix.exporting.debiasing import bake_debiasing
    from babelmix.retrieval.language_means import LanguageMeans, Means

    model = load_encoder(tiny_encoder).cpu().eval()
    axes = np.eye(32)
    of = {kind: LanguageMeans({"de": axes[number]}, axes[number + 1]) for number, kind in enumerate("qp")}
    bake_debiasing(model, "centre", means=Means(of["q"], of["p"]), strength=0.5)
    (tmp_path / "model").mkdir()
    save_encoder(model, tmp_path / "model", "")
    write_forms(model, tmp_path / "model", Wanted((Kind.ONNX,)), None, threads=1)
    engine, plain = load_engine(tmp_path / "model", "onnx", threads=1), load_encoder(tmp_path / "model")
    assert np.abs(encode_with(engine, texts, prompt="query") - plain.encode_query(texts)).max() < 1e-5
    assert np.abs(encode_with(engine, texts, prompt="passage") - plain.encode_document(texts)).max() < 1e-5
