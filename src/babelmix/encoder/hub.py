"""Encoders of the Hugging Face hub by name: configuration, tokenizer and safetensors, no code and no pickle.

model = load_encoder(hub_sentence_encoder("intfloat/multilingual-e5-base"))
folder = hub_encoder("FacebookAI/xlm-roberta-base")      # of the cache; its name is the commit
"""

from pathlib import Path, PurePosixPath

from babelmix.common.errors import UserError
from babelmix.download.hub import download, hub_model, look_up

# What an encoder is made of. Pickles, code and exports to other formats stay on the hub.
_ENCODER_FILES = (".json", ".txt", ".model", ".safetensors")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_EXPORTS = ("onnx", "openvino")
# A model has one of these, or no tokenizer.
TOKENIZERS = (
    "tokenizer.json",
    "sentencepiece.bpe.model",
    "spiece.model",
    "tokenizer.model",
    "vocab.txt",
    "vocab.json",
)


def hub_sentence_encoder(name: str) -> Path:
    """Return the folder in huggingface_hub's cache with the SentenceTransformer `org/name`, as it was published.

    Only configuration, tokenizer and safetensors are downloaded, and no code of the repository is run. With
    HF_HUB_OFFLINE set by the user, one that was loaded before is taken from the cache.

    UserError: as for `hub_file`; a repository without `modules.json` or with weights as pickles only.
    """
    from huggingface_hub import is_offline_mode

    if not is_offline_mode():
        _download_encoder(name)
    return download(name, "modules.json", "main", "model").parent


def hub_encoder(name: str, *, revision: str = "main") -> Path:
    """Return the folder in huggingface_hub's cache with the encoder `org/name`; the folder's name is the commit.

    A SentenceTransformer or a plain transformer, in one piece of safetensors or several. Only configuration,
    tokenizer and safetensors are downloaded. With HF_HUB_OFFLINE set by the user, one that was used before is taken
    from the cache.

    UserError: as for `hub_file`; a repository without config.json, without a tokenizer or with weights as pickles only.
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
        raise UserError("no SentenceTransformer (modules.json is missing)", where=f"{name} on the hub", how=how)
    for path in _encoder_files(name, names):
        download(name, path, commit, "model")


def _encoder_files(name: str, names: list[str]) -> list[str]:
    """Choose what an encoder is read from; a folder of it with pickled weights alone is refused.

    A plain transformer lies in the repository's own folder; what is below are checkpoints and other matters.
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
            "name a `revision:` that has model.safetensors (pull requests are refs/pr/1 and so on), or load it where "
            "you trust it, save it with save_pretrained and give that as `folder:`"
        )
        other = any(path.suffix in _PICKLES for path in own)
        what = "weights only as pickle, which can run code" if pickled or other else "no weights"
        raise UserError(what, where=f"{name} on the hub", how=how)
    return [str(path) for path in own if path.suffix in _ENCODER_FILES]
