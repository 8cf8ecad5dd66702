"""Let older releases read a folder: the backends of sentence-transformers need optimum, which needs transformers 4.

    open_to_older(Path("exported"))

transformers 5 and sentence-transformers 6 write names that releases before them do not know, and read the older names
too. An argument for torch's class alone, which both engines refuse, is taken out: then `SentenceTransformer(folder)` by
torch adds a pooler that nothing uses. The vectors stay as they are.
"""

import json
from pathlib import Path
from typing import Any

MODULES = ("Transformer", "Pooling", "Normalize", "Dense", "Router")  # that sentence_transformers.models has


def open_to_older(folder: Path) -> None:
    """Write the older names into a folder that sentence-transformers saved."""
    tokenizer = folder / "tokenizer_config.json"
    config = _read(tokenizer)
    if config.get("tokenizer_class") == "TokenizersBackend":
        _write(tokenizer, config | {"tokenizer_class": "PreTrainedTokenizerFast"})
    settings = folder / "sentence_bert_config.json"
    config = _read(settings)
    if config.get("model_kwargs") == {"add_pooling_layer": False}:
        _write(settings, {name: value for name, value in config.items() if name != "model_kwargs"})
    modules = folder / "modules.json"
    listed = _read(modules)
    for module in listed:
        name = module["type"].rpartition(".")[2]
        if name in MODULES:
            module["type"] = f"sentence_transformers.models.{name}"
    _write(modules, listed)


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _write(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
