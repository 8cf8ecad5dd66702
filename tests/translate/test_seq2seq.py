import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hub import Hub

from babelmix.common.errors import UserError
from babelmix.common.languages import LANGUAGES
from babelmix.translate.engine import seq2seq
from babelmix.translate.engine.ctranslate2 import CTranslate2
from babelmix.translate.engine.seq2seq_languages import FLORES
from babelmix.translate.engine.transformers import Transformers

TEXTS = [
    "the file menu opens a cell with text and prints every page of your table",
    "a cell",
    "the page prints",
    "every table opens with the text of your file and a menu of cells and pages " * 3,
    "your file",
]
# Words that only a translation has: most of what random weights say are not the 202 names of languages.
MORE = [f"▁{number}" for number in range(600)]
TINY: dict[str, Any] = {
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 512,
}


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentencepiece model of the texts."""
    import sentencepiece

    folder = tmp_path_factory.mktemp("pieces")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 5), model_prefix=str(folder / "p"), vocab_size=50, minloglevel=2,
        hard_vocab_limit=False, num_threads=1,
    )  # fmt: skip
    return folder / "p.model"


def words(pieces: Path, *before: str, after: tuple[str, ...] = ()) -> dict[str, int]:
    import sentencepiece

    model = sentencepiece.SentencePieceProcessor(model_file=str(pieces))
    own = [model.id_to_piece(number) for number in range(model.get_piece_size())]
    names = dict.fromkeys([*before, *(word for word in own if word not in ("<s>", "</s>", "<unk>")), *after])
    return {word: number for number, word in enumerate(names)}


def save_marian(folder: Path, pieces: Path, *languages: str) -> Path:
    """A MarianMTModel with random weights; multilingual if it has `languages`."""
    import torch
    from transformers import MarianConfig, MarianMTModel

    folder.mkdir(parents=True)
    vocabulary = words(pieces, "</s>", "<unk>", after=(*languages, "<pad>"))
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    for name in ("source.spm", "target.spm"):
        (folder / name).write_bytes(pieces.read_bytes())
    settings = {"tokenizer_class": "MarianTokenizer", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    torch.manual_seed(1)
    pad = vocabulary["<pad>"]
    config = MarianConfig(
        vocab_size=len(vocabulary), pad_token_id=pad, decoder_start_token_id=pad, eos_token_id=0, forced_eos_token_id=0,
        scale_embedding=True, static_position_embeddings=True, init_std=0.3, **TINY,
    )  # fmt: skip
    model = MarianMTModel(config)
    model.generation_config.bad_words_ids = [[pad]]  # as all OPUS-MT models have it
    model.save_pretrained(folder)
    return folder


def save_m2m100(folder: Path, pieces: Path) -> Path:
    """An M2M100 with random weights and the tokenizer of its class."""
    import torch
    from transformers import M2M100Config, M2M100ForConditionalGeneration, M2M100Tokenizer

    folder.mkdir(parents=True)
    (folder / "v.json").write_text(json.dumps(words(pieces, "<s>", "<pad>", "</s>", "<unk>")))
    tokenizer = M2M100Tokenizer(str(folder / "v.json"), str(pieces))
    tokenizer.save_pretrained(folder)
    (folder / "v.json").unlink()
    torch.manual_seed(2)
    size = max(tokenizer.lang_code_to_id.values()) + 1 + tokenizer.num_madeup_words
    config = M2M100Config(
        vocab_size=size, bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2, init_std=0.3, **TINY
    )
    M2M100ForConditionalGeneration(config).save_pretrained(folder)
    return folder


def save_nllb(folder: Path) -> Path:
    """An M2M100 with random weights and NLLB's tokenizer."""
    import torch
    from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer

    letters = sorted({letter for text in TEXTS for letter in text.replace(" ", "▁")})
    vocabulary = {word: number for number, word in enumerate(["<s>", "<pad>", "</s>", "<unk>", *letters, *MORE])}
    tokenizer = NllbTokenizer(vocab=vocabulary, merges=[])
    tokenizer.save_pretrained(folder)
    torch.manual_seed(3)
    config = M2M100Config(
        vocab_size=len(tokenizer), bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2,
        init_std=0.3, **TINY,
    )  # fmt: skip
    M2M100ForConditionalGeneration(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, pieces: Path) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {
        "marian": save_marian(root / "marian", pieces),
        "opus": save_marian(root / "opus", pieces, ">>por<<", ">>cmn_Hans<<", ">>fr<<"),
        "m2m100": save_m2m100(root / "m2m100", pieces),
        "nllb": save_nllb(root / "nllb"),
    }


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights seldom end a sentence."""
    monkeypatch.setattr(seq2seq, "MAX_TOKENS", 64)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["marian", "opus", "m2m100", "nllb"])
def test_every_sentence_has_its_own_answer(models: dict[str, Path], kind: str):
    engine = Transformers(str(models[kind]), "en", "pt", threads=1)
    answers = engine.translate(["", *TEXTS, " ", TEXTS[1]])
    assert answers[0] == answers[-2] == ""
    assert answers[-1] == answers[2]
    assert all(answers[1:6]) and len(set(answers[1:6])) > 1
    assert engine.translate(["", *TEXTS, " ", TEXTS[1]]) == answers
    assert [engine.translate([text])[0] for text in TEXTS] == answers[1:6], "neighbours change nothing"
    assert not any(mark in text for text in answers for mark in ("<pad>", "</s>", "__pt__", "por_Latn"))


@pytest.mark.parametrize(("kind", "token"), [("m2m100", "__pt__"), ("nllb", "por_Latn")])
def test_the_target_language_is_the_first_token(models: dict[str, Path], kind: str, token: str):
    engine = Transformers(str(models[kind]), "fr", "pt", threads=1)
    [(batch, longest)] = engine._batches([TEXTS[2]])
    source = {"m2m100": "__fr__", "nllb": "fra_Latn"}[kind]
    assert engine._direction.tokenizer.convert_ids_to_tokens(batch[0][1])[0] == source
    [made] = engine._generate([ids for _, ids in batch], longest)
    assert made[1] == token  # after the token that starts every decoder


@pytest.mark.parametrize(("target", "token"), [("pt", ">>por<<"), ("zh", ">>cmn_Hans<<"), ("fr", ">>fr<<")])
def test_a_multilingual_marian_is_told_the_language_in_the_text(models: dict[str, Path], target: str, token: str):
    engine = Transformers(str(models["opus"]), "en", target, threads=1)
    [(batch, _)] = engine._batches([TEXTS[2]])
    assert engine._direction.tokenizer.convert_ids_to_tokens(batch[0][1])[0] == token


@pytest.mark.parametrize(
    ("kind", "source", "target"), [("opus", "en", "de"), ("m2m100", "en", "eu"), ("m2m100", "te", "en")]
)
def test_a_language_that_the_model_lacks_is_told(models: dict[str, Path], kind: str, source: str, target: str):
    lacking = source if source != "en" else target
    with pytest.raises(
        UserError, match=rf"the model lacks the language '{lacking}'; choose another model; it has \w\w, "
    ):
        Transformers(str(models[kind]), source, target, threads=1).translate(TEXTS)


def test_nllb_knows_every_language_of_the_project():
    from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES

    assert set(FLORES) == LANGUAGES
    assert set(FLORES.values()) <= set(FAIRSEQ_LANGUAGE_CODES)


def test_the_name_says_the_weights(models: dict[str, Path], tmp_path: Path, pieces: Path):
    engine, _, digest, direction = Transformers(str(models["marian"]), "en", "pt", threads=1).name.split()
    assert (engine, direction) == ("transformers", "en-pt")
    assert len(digest) == 12 and set(digest) <= set("0123456789abcdef")
    same = Transformers(str(save_marian(tmp_path / "marian", pieces)), "en", "pt", threads=2)
    assert same.name == f"transformers marian {digest} en-pt"
    (tmp_path / "marian/model.safetensors").write_bytes(b"other")
    assert digest not in Transformers(str(tmp_path / "marian"), "en", "pt", threads=2).name


def test_how_long_a_translation_may_be_depends_on_its_own_sentence(models: dict[str, Path]):
    engine = Transformers(str(models["marian"]), "en", "pt", threads=1)
    lengths = {text: (longest, len(ids)) for batch, longest in engine._batches(TEXTS * 2) for text, ids in batch}
    assert all(longest - seq2seq.STEP < own <= longest for longest, own in lengths.values())
    assert len({longest for longest, _ in lengths.values()}) > 1


def convert(source: Path, folder: Path) -> Path:
    """Convert with CTranslate2's own program and put the tokenizer's files beside."""
    import ctranslate2

    ctranslate2.converters.TransformersConverter(str(source)).convert(str(folder))
    for file in source.iterdir():
        if file.suffix in (".json", ".spm", ".model") and not (folder / file.name).exists():
            (folder / file.name).write_bytes(file.read_bytes())
    return folder


@pytest.mark.filterwarnings("ignore:.*sacremoses")
@pytest.mark.parametrize("kind", ["marian", "opus", "nllb"])  # 4.8.5 cannot convert M2M100 of transformers 5
def test_ctranslate2_gives_what_transformers_gives(
    models: dict[str, Path], tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("ctranslate2")
    monkeypatch.setattr(seq2seq, "BEAMS", 1)  # the two divide by lengths differently in a beam
    engine = CTranslate2(str(convert(models[kind], tmp_path / "ct2")), "en", "pt", threads=1)
    answers = engine.translate(["", *TEXTS])
    assert engine.name.startswith("ctranslate2 ct2 ") and engine.name.endswith(" en-pt")
    expected = Transformers(str(models[kind]), "en", "pt", threads=1).translate(["", *TEXTS])
    alike = [one[:20] == other[:20] for one, other in zip(answers, expected, strict=True)]
    assert sum(alike) >= 5, (answers, expected)
    monkeypatch.setattr(seq2seq, "BEAMS", 4)
    answers = engine.translate(TEXTS)
    assert [engine.translate([text])[0] for text in TEXTS] == answers
    assert not any(mark in text for text in answers for mark in ("</s>", "__pt__", "por_Latn"))


def test_what_is_no_model_is_told(models: dict[str, Path], tmp_path: Path, tiny_transformer: Path):
    def told(model: Path | str, engine: type = Transformers) -> str:
        with pytest.raises(UserError) as caught:
            engine(str(model), "en", "pt", threads=1).translate(TEXTS)
        assert f"{engine.engine}:{model}" in caught.value.where
        return f"{caught.value.what}; {caught.value.how}"

    assert told(tmp_path / "none") == "no such folder; give a folder, or org/name of a model on the hub"
    folder = tmp_path / "model"
    folder.mkdir()
    assert "no weights" in told(folder)
    (folder / "pytorch_model.bin").write_bytes(b"\x80")
    assert "weights only as pickle, which can run code" in told(folder)
    assert "model.bin is missing" in told(folder, CTranslate2)
    (folder / "model.safetensors").write_bytes(b"")
    assert "no config.json" in told(folder)
    assert "not a translation model" in told(tiny_transformer)
    (folder / "config.json").write_text("{}")
    assert "its tokenizer cannot be loaded" in told(folder)
    for name in ("vocab.json", "source.spm", "target.spm", "tokenizer_config.json", "config.json"):
        (folder / name).write_bytes((models["marian"] / name).read_bytes())
    assert "not a translation model" in told(folder)
    (folder / "model.bin").write_bytes(b"no")
    assert "not a model" in told(folder, CTranslate2)


def test_too_little_memory_is_told(models: dict[str, Path], monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(Transformers, "_generate", fail)
    with pytest.raises(UserError, match="not enough memory; choose a smaller model, or its CTranslate2 form in int8"):
        Transformers(str(models["marian"]), "en", "pt", threads=1).translate(TEXTS)


@pytest.mark.slow
def test_a_model_comes_from_the_hub_without_its_pickles(models: dict[str, Path], tmp_path: Path):
    root = tmp_path / "hub/models"
    for name in ("org/marian", "org/pickled"):
        (root / name).mkdir(parents=True)
        for file in models["marian"].iterdir():
            (root / name / file.name).write_bytes(file.read_bytes())
        (root / name / "pytorch_model.bin").write_bytes(b"\x80")
        (root / name / "code.py").write_text("raise SystemExit")
    (root / "org/pickled/model.safetensors").unlink()
    code = f"""
import json
from babelmix.common.errors import UserError
from babelmix.translate.engine import seq2seq
from babelmix.translate.engine.transformers import Transformers
seq2seq.MAX_TOKENS = {seq2seq.MAX_TOKENS}
engine = Transformers("org/marian", "en", "pt", 1)
result = [engine.translate({TEXTS[:2]!r}), engine.name]
try: Transformers("org/pickled", "en", "pt", 1).name
except UserError as error: result.append(str(error))
print(json.dumps(result))"""
    with Hub(tmp_path / "hub") as hub:
        environment = hub.environment(tmp_path / "home", OMP_NUM_THREADS="1")
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=900
        )
        assert done.returncode == 0, done.stderr
        asked = hub.asked
    answers, name, error = json.loads(done.stdout.splitlines()[-1])
    local = Transformers(str(models["marian"]), "en", "pt", threads=1)
    assert answers == local.translate(TEXTS[:2])
    assert name == local.name.replace(" marian ", " org/marian ")
    assert "weights only as pickle" in error and "transformers:org/pickled@" in error
    assert not any("pytorch_model" in line or "code.py" in line for line in asked)
    assert not any("org/pickled/resolve" in line for line in asked)
