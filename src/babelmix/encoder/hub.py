"""Download encoders from the Hugging Face hub: configuration, tokenizer and safetensors, no code and no pickles.

model = load_encoder(hub_sentence_encoder("intfloat/multilingual-e5-base"))
folder = hub_encoder("FacebookAI/xlm-roberta-base")      # in the cache; the folder's name is the commit
"""

from pathlib import Path, PurePosixPath

from babelmix.common.errors import UserError
from babelmix.download.hub import download, hub_model, look_up

# Suffixes of the files that an encoder needs. Pickles, code and exports to other formats stay on the hub.
_ENCODER_FILES = (".json", ".txt", ".model", ".safetensors")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_EXPORTS = ("onnx", "openvino")
# A model without any of these files has no tokenizer.
TOKENIZERS = (
    "tokenizer.json",
    "sentencepiece.bpe.model",
    "spiece.model",
    "tokenizer.model",
    "vocab.txt",
    "vocab.json",
)


def hub_sentence_encoder(name: str) -> Path:
    """Download the published SentenceTransformer `org/name`; return its folder in huggingface_hub's cache.

    Only configuration, tokenizer and safetensors are downloaded, and no code of the repository is run. If the user has
    set HF_HUB_OFFLINE, a model that was loaded before is taken from the cache.

    UserError: as for `hub_file`; a repository without `modules.json` or with pickled weights only.
    """
    from huggingface_hub import is_offline_mode

    if not is_offline_mode():
        _download_encoder(name)
    return download(name, "modules.json", "main", "model").parent


def hub_encoder(name: str, *, revision: str = "main") -> Path:
    """Download the encoder `org/name`; return its folder in huggingface_hub's cache, whose name is the commit.

    The encoder is a SentenceTransformer or a plain transformer, in one safetensors file or several. Only configuration,
    tokenizer and safetensors are downloaded. If the user has set HF_HUB_OFFLINE, a model that was used before is taken
    from the cache.

    UserError: as for `hub_file`; a repository without config.json, without a tokenizer or with pickled weights only.
    """

    def choose(names: list[str]) -> list[str]:
        where = f"{name} on the hub"
        if "config.json" not in names:
            how = "give the name of a model in transformers form"
            raise UserError("not a model: config.json is missing", where=where, how=how)
        if not any(tokenizer in names for tokenizer in TOKENIZERS):
            how = "save the model and its tokenizer with save_pretrained, and give that as `folder:`"
            raise UserError("the model has no tokenizer", where=where, how=how)
        return _encoder_files(name, names)

    return hub_model(name, choose, revision=revision)


def _download_encoder(name: str) -> None:
    commit, names = look_up(name, "main", "model")
    if "modules.json" not in names:
        how = "give the name of a SentenceTransformer, or make a folder of one with `babelmix encoder`"
        raise UserError("not a SentenceTransformer: modules.json is missing", where=f"{name} on the hub", how=how)
    for path in _encoder_files(name, names):
        download(name, path, commit, "model")


def _encoder_files(name: str, names: list[str]) -> list[str]:
    """Return the files that the encoder needs; UserError if any of its folders has pickled weights only.

    A plain transformer is in the repository's top folder; the folders below hold checkpoints and the like.
    """
    plain = "modules.json" not in names
    own = [
        path
        for path in map(PurePosixPath, names)
        if not (path.parts[1:] and plain) and not set(path.parts[:-1]) & set(_EXPORTS)
    ]
    safe = {path.parent for path in own if path.suffix == ".safetensors"}
    pickled = {path.parent for path in own if path.match("pytorch_model*.bin")}
    if pickled - safe or not safe:
        how = (
            "name a `revision:` that has model.safetensors (pull requests are refs/pr/1 and so on), or load the model "
            "where you trust it, save it with save_pretrained and give that as `folder:`"
        )
        other = any(path.suffix in _PICKLES for path in own)
        what = "weights only as pickle, which can run code" if pickled or other else "no weights"
        raise UserError(what, where=f"{name} on the hub", how=how)
    return [str(path) for path in own if path.suffix in _ENCODER_FILES]
