"""Weight averages: one encoder whose weights lie on the line between those of two others.

    both = match(Path("models/hybrid"), Path("models/untrained"))
    average(both, 0.5, Path("halfway"), title="halfway", reason="by hand")

Two encoders that were trained from one start can be averaged weight by weight (Model soups, arXiv 2203.05482). The line
from the start to the trained encoder keeps much of what either is good at (WiSE-FT, arXiv 2109.01903), as does the line
from a monolingual retriever to a cross-lingual one (arXiv 2507.08480).
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babelmix.common.errors import UserError
from babelmix.common.files import new_folder
from babelmix.common.outputs import claim_folder
from babelmix.common.reading import parse_json, read_text
from babelmix.encoder.fingerprint import hash_model
from babelmix.encoder.load import check_encoder, hide_progress_bars

if TYPE_CHECKING:
    import torch

WEIGHTS = ".safetensors"
# What of a folder decides vectors: configuration, tokenizer and weights. Anything else is neither compared nor copied.
_KINDS = (".json", ".model", ".txt", WEIGHTS)
# What libraries write into JSON files and no vector depends on: their versions, the folder that a model was loaded
# from, and how the last texts before saving were padded and cut.
_IGNORED = ("__version__", "transformers_version", "_name_or_path", "name_or_path", "padding", "truncation")
_HOW = "average two encoders that were trained from one start"

CARD = """\
---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
---
# {title}

Averaged by babelmix, weight by weight, of two encoders. What their own cards say of training data, licences and
zero-shot scores holds here too.

- {share:g} of `{first}`, sha256 {first_hash}.
- {rest:g} of `{second}`, sha256 {second_hash}.
- The share: {reason}.

```python
from sentence_transformers import SentenceTransformer
model = SentenceTransformer("path/to/this/folder")
scores = model.encode_query(["wie drucke ich?"]) @ model.encode_document(["Choose File - Print."]).T
```
"""


@dataclass(frozen=True, slots=True)
class Matching:
    """Two encoders that can be averaged, the files of each, relative to its folder, and the sha256 of both."""

    first: Path
    second: Path
    files: tuple[str, ...]
    first_hash: str
    second_hash: str


def match(first: Path, second: Path) -> Matching:
    """Check and hash two encoders once, for any number of shares.

    Args:
        first: a SentenceTransformer folder.
        second: another one, of the same architecture, vocabulary, pooling and prompts.

    Raises:
        UserError: a folder is not a complete encoder, or the two do not match, which names the first difference.
    """
    hide_progress_bars()
    for folder in (first, second):
        check_encoder(folder)
    return Matching(first, second, tuple(_matching_files(first, second)), hash_model(first), hash_model(second))


def average(both: Matching, share: float, output: Path, *, title: str, reason: str) -> None:
    """Write the encoder whose weights are `share` of the first's and `1 - share` of the second's.

    Each weight is share * first + (1 - share) * second, computed in float32 and stored as the first stores it. Weights
    that are equal in both are copied bit for bit, and so is all of the first at share 1 and all of the second at share
    0. Tokenizer and configuration are the first's. Equal inputs give equal bytes.

    Args:
        both: the two encoders.
        share: of the first, 0 to 1.
        output: folder to write or replace.
        title: of the model card.
        reason: how the share was chosen, for the model card.

    Raises:
        UserError: the weights do not match, which names the first difference; the share is not between 0 and 1; or
            `claim_folder` refuses the output.
    """
    first, second = both.first, both.second
    claim_folder(output, inputs=(first, second))
    if not 0 <= share <= 1:
        raise UserError(f"the share {share:g} is not between 0 and 1", where="--share", how="take one, such as 0.5")
    card = CARD.format(
        title=title, share=share, rest=1 - share, reason=reason,
        first=first.name, first_hash=both.first_hash, second=second.name, second_hash=both.second_hash,
    )  # fmt: skip
    with new_folder(output) as folder:
        for name in both.files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if name.endswith(WEIGHTS):
                _average_file(first / name, second / name, share, folder / name)
            else:
                shutil.copyfile(first / name, folder / name)
        (folder / "README.md").write_text(card, encoding="utf-8")


def average_tensor(first: "torch.Tensor", second: "torch.Tensor", share: float) -> "torch.Tensor":
    """Return share * first + (1 - share) * second, computed in float32, in the first's dtype and shape."""
    import torch

    if share == 1 or torch.equal(first, second):
        return first
    if share == 0:
        return second
    return (first.float() * share + second.float() * (1 - share)).to(first.dtype)


def _average_file(first: Path, second: Path, share: float, output: Path) -> None:
    """Average two files of weights; of the two inputs one weight at a time is in memory."""
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(first, framework="pt") as one, safe_open(second, framework="pt") as other:
        names: list[str] = sorted(one.keys())
        if lacking := sorted({*names} ^ {*other.keys()}):
            owner = first if lacking[0] in names else second
            raise _mismatch(f"only {owner.parent} has the weight {lacking[0]}", second)
        averaged: dict[str, Any] = {}
        for name in names:
            here, there = one.get_tensor(name), other.get_tensor(name)
            for what, mine, others in (
                ("shape", list(here.shape), list(there.shape)),
                ("type", str(here.dtype).removeprefix("torch."), str(there.dtype).removeprefix("torch.")),
            ):
                if mine != others:
                    raise _mismatch(f"the {what} of {name} is {others}, not {mine}", second)
            if not here.is_floating_point() and not here.equal(there):
                raise _mismatch(f"{name} holds other whole numbers", second)
            averaged[name] = average_tensor(here, there, share)
        save_file(averaged, output, metadata=one.metadata())
    output.chmod(0o644)  # the library writes it readable by the owner only


def _matching_files(first: Path, second: Path) -> list[str]:
    """Return an encoder's files, relative to its folder; UserError names the first that the other has not equal."""
    names, others = _files(first), _files(second)
    if lacking := sorted({*names} ^ {*others}):
        raise _mismatch(f"only {first if lacking[0] in names else second} has {lacking[0]}", second)
    for name in names:
        if name.endswith(WEIGHTS) or (first / name).read_bytes() == (second / name).read_bytes():
            continue
        if name.endswith(".json"):
            here, there = _settings(first / name), _settings(second / name)
            differing = sorted(key for key in {*here, *there} if here.get(key) != there.get(key))
            if differing:
                raise _mismatch(f"{differing[0] or 'the content'} is another", second / name)
        else:
            raise _mismatch("the content is another", second / name)
    return names


def _files(folder: Path) -> list[str]:
    found = (file for file in folder.rglob("*") if file.suffix in _KINDS and file.is_file())
    return sorted(file.relative_to(folder).as_posix() for file in found)


def _settings(file: Path) -> dict[str, Any]:
    """Return what a JSON file says, by key; the whole of a file that holds no mapping is under an empty key."""
    content: Any = parse_json(read_text(file), str(file))
    if not isinstance(content, dict):
        return {"": json.dumps(content)}
    return {str(key): value for key, value in content.items() if key not in _IGNORED}


def _mismatch(what: str, where: Path) -> UserError:
    return UserError(f"the encoders do not match: {what}", where=str(where), how=_HOW)
