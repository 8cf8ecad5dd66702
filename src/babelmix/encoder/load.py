"""Load, check and save an encoder: a SentenceTransformer folder on disk.

    model = load_encoder(Path("models/hybrid"))     # plain SentenceTransformer("models/hybrid") loads it too
    save_encoder(model, Path("copy"), card="# A copy")

Loading never asks a hub, never runs code from the folder and never fills missing weights at random.
"""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babelmix.common.errors import UserError
from babelmix.common.reading import parse_json, read_text
from babelmix.encoder.hub import TOKENIZERS

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

WEIGHTS = ("model.safetensors", "model.safetensors.index.json")


def load_encoder(folder: Path) -> "SentenceTransformer":
    """Load a SentenceTransformer folder from disk onto the GPU if there is one, the CPU otherwise.

    Raises UserError if the folder is missing, is not a SentenceTransformer, has no tokenizer, lacks weights or cannot
    be read.
    """
    hide_progress_bars()
    check_encoder(folder)
    return open_encoder(folder)


def save_encoder(model: "SentenceTransformer", folder: Path, card: str) -> None:
    """Save the model into an existing folder, with `card` as its README.md. The same model gives the same bytes.

    The library's own model card is left out because it holds the date. A model without a pooler is marked as such:
    otherwise plain `SentenceTransformer(folder)` would add a pooler with random weights.
    """
    model.save(str(folder), create_model_card=False)
    transformer: Any = model[0]
    if getattr(transformer.model, "pooler", True) is None:
        settings = folder / "sentence_bert_config.json"
        content: dict[str, Any] = json.loads(settings.read_text(encoding="utf-8"))
        content["model_kwargs"] = {"add_pooling_layer": False}
        settings.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(card, encoding="utf-8")
    for file in folder.rglob("*.safetensors"):
        file.chmod(0o644)  # the library writes them readable by the owner only


def check_encoder(folder: Path) -> None:
    """Raise UserError unless the folder is a SentenceTransformer with all weights and a tokenizer, and without code."""
    check_files(folder)
    if not (folder / "modules.json").is_file():
        raise _not_a_model(folder, "modules.json", "give a SentenceTransformer folder, such as a trained model")
    check_weights(folder)


def check_files(folder: Path) -> None:
    """Raise UserError unless the folder has a configuration, a tokenizer and safetensors weights, and no code."""
    if not folder.is_dir():
        raise UserError("no such model folder", where=str(folder), how="give the path of a folder with config.json")
    inner = _transformer_folder(folder)
    if not (inner / "config.json").is_file():
        raise _not_a_model(inner, "config.json", "give a model saved with save_pretrained")
    if not any((inner / name).is_file() for name in TOKENIZERS):
        raise UserError(
            "the model has no tokenizer",
            where=str(inner),
            how="save it there too: AutoTokenizer.from_pretrained(...).save_pretrained(folder)",
        )
    if not any((inner / name).is_file() for name in WEIGHTS):
        pickled = (inner / "pytorch_model.bin").is_file()
        what = "weights only as pickle (pytorch_model.bin), which can run code" if pickled else "no weights"
        raise UserError(what, where=str(inner), how="save them as model.safetensors with save_pretrained")


def check_weights(folder: Path) -> None:
    """Raise UserError if the files lack weights of the model: transformers would fill them at random."""
    from transformers import AutoModel

    inner = str(_transformer_folder(folder))
    load: Any = AutoModel.from_pretrained
    with no_load_reports(), _readable(folder):
        _, found = load(inner, local_files_only=True, device_map="meta", output_loading_info=True)
    missing = sorted(name for name in found["missing_keys"] if not name.startswith("pooler."))
    if missing:
        what = f"{len(missing)} of the model's weights are not in its files (the first is {missing[0]})"
        how = "its config.json belongs to another model, or the weight file is incomplete"
        raise UserError(what, where=str(folder), how=how)


def open_encoder(folder: Path, **options: Any) -> "SentenceTransformer":
    """Open a checked folder with options of SentenceTransformer; UserError if the library cannot read it."""
    from sentence_transformers import SentenceTransformer

    with _readable(folder):
        return SentenceTransformer(str(folder), local_files_only=True, **options)


@contextmanager
def no_load_reports() -> Generator[None]:
    """Silence transformers' report of missing and unused weights; `check_weights` reports those that matter."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def hide_progress_bars() -> None:
    """Turn off transformers' progress bars: loading and saving one file needs none."""
    from transformers.utils import logging

    logging.disable_progress_bar()


@contextmanager
def _readable(folder: Path) -> Generator[None]:
    """Turn any error of the libraries into a UserError: they trust a model's configuration and may raise anything."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if "trust_remote_code" in str(error):
            how = "use a model whose class is part of transformers"
            what = "the model needs code from its folder, which is never run"
            raise UserError(what, where=str(folder), how=how) from error
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        how = "build the folder again; it needs config.json, a tokenizer and complete safetensors weights"
        raise UserError(f"the model cannot be read ({first})", where=str(folder), how=how) from error


def _transformer_folder(folder: Path) -> Path:
    """Return where a SentenceTransformer folder keeps its transformer; for any other folder, the folder itself."""
    modules_file = folder / "modules.json"
    if not modules_file.is_file():
        return folder
    try:
        listed = parse_json(read_text(modules_file), str(modules_file))
        modules = [(str(module["type"]), str(module["path"])) for module in listed]
        first = modules[0][1]
    except (KeyError, TypeError, IndexError) as error:
        how = "save the model again with SentenceTransformer.save"
        raise UserError("not a list of modules", where=str(modules_file), how=how) from error
    for kind, _ in modules:
        if not kind.startswith("sentence_transformers."):
            how = "use a model of sentence-transformers' own modules; code from a model folder is never run"
            raise UserError(f"module {kind!r} is foreign code", where=str(modules_file), how=how)
    return folder / first


def _not_a_model(folder: Path, missing: str, how: str) -> UserError:
    return UserError(f"not a model: {missing} is missing", where=str(folder), how=how)
