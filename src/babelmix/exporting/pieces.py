"""Which pieces of a vocabulary the wanted languages need.

    pieces = Pieces.of(json.loads(tokenizer.to_str()))
    kept = pieces_to_keep(tokenizer, pieces, {"de": texts})          # ascending ids

Always: special tokens, the pieces of the texts, and single characters of the languages' scripts, so that no new text
of these languages has an unknown character that it had not before. Then up to `rows` in all: pieces of these scripts,
those with the highest score first.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from babelmix.common.errors import UserError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

ROWS = 65_536  # with 12 layers and 384 dimensions: 190 MB in float32
SHARE = 0.02  # of the letters of a language's texts that make a script one of its own
BLOCK = 1024  # texts that are cut at once
MARKS = ("▁", "##")  # where a word begins, and where a piece goes on with one


@dataclass(frozen=True, slots=True)
class Pieces:
    """The vocabulary of a tokenizer."""

    by_id: dict[int, str]
    by_score: tuple[int, ...]  # ids, those with the highest score first; as listed where there are no scores
    always: frozenset[int]  # ids that stay whatever the texts are

    @classmethod
    def of(cls, content: Mapping[str, Any], always: Iterable[int] = ()) -> "Pieces":
        """Read them out of the content of a tokenizer.json; `always` are further ids to keep."""
        vocabulary = content["model"]["vocab"]
        special = {token["id"] for token in content["added_tokens"]} | set(always)
        if isinstance(vocabulary, dict):
            by_id = {number: piece for piece, number in vocabulary.items()}
            special |= {number for number, piece in by_id.items() if piece == content["model"].get("unk_token")}
            return cls(by_id, tuple(sorted(by_id)), frozenset(special))
        by_id = {number: piece for number, (piece, _) in enumerate(vocabulary)}
        scores = [score for _, score in vocabulary]
        by_score = sorted(by_id, key=lambda number: (-scores[number], number))
        return cls(by_id, tuple(by_score), frozenset(special | {content["model"]["unk_id"], by_score[-1]}))


def pieces_to_keep(
    tokenizer: "Tokenizer",
    pieces: Pieces,
    texts: Mapping[str, Iterable[str]],
    rows: int | None,
    *,
    prompts: Sequence[str] = (),
) -> list[int]:
    """Return the ascending ids of the pieces to keep; UserError for a language without a text.

    They are more than `rows` where the texts alone need more. Their pieces are those of the texts by themselves, of the
    prompts that stand before texts, and of both together where a prompt does not end in a blank.
    """
    kept, scripts = set(pieces.always), set[str]()
    kept.update(number for one in tokenizer.encode_batch_fast(list(prompts)) for number in one.ids)
    before = ("", *(prompt for prompt in prompts if not prompt[-1:].isspace()))
    for lang, own in texts.items():
        letters: Counter[str] = Counter()
        stream = iter(own)
        while block := list(islice(stream, BLOCK)):
            whole = [f"{prompt}{text}" for prompt in before for text in block]
            kept.update(number for one in tokenizer.encode_batch_fast(whole) for number in one.ids)
            letters.update(script for text in block for script in scripts_in(text))
        if not letters:
            how = "leave the language out, or give it texts: training pairs or a benchmark"
            raise UserError(f"no texts in {lang!r} to trim by", where="vocabulary", how=how)
        scripts |= {script for script, count in letters.items() if count >= SHARE * letters.total()}
    if not scripts:
        raise UserError("no language to trim to", where="vocabulary", how="name one or more")
    own = [number for number in pieces.by_score if set(scripts_in(pieces.by_id[number])) <= scripts]
    kept.update(number for number in own if len(_bare(pieces.by_id[number])) <= 1)
    kept.update(islice((number for number in own if number not in kept), max(0, (rows or 0) - len(kept))))
    return sorted(kept)


def keep_pieces(content: dict[str, Any], kept: Sequence[int]) -> None:
    """Leave only the kept pieces, by their ascending old ids, in the content of a tokenizer.json; renumber them.

    Raises KeyError where a special token is not among them.
    """
    new = {old: number for number, old in enumerate(kept)}
    vocabulary = content["model"]["vocab"]
    if isinstance(vocabulary, list):  # Unigram: [piece, score] by id
        content["model"]["vocab"] = [vocabulary[old] for old in kept]
        content["model"]["unk_id"] = new[content["model"]["unk_id"]]
    else:
        content["model"]["vocab"] = {piece: new[old] for piece, old in vocabulary.items() if old in new}
    for token in content["added_tokens"]:
        token["id"] = new[token["id"]]
    for processor in _processors(content["post_processor"]):
        for special in processor.get("special_tokens", {}).values():  # TemplateProcessing
            special["ids"] = [new[old] for old in special["ids"]]
        for name in ("sep", "cls"):  # BertProcessing, RobertaProcessing
            if name in processor:
                processor[name][1] = new[processor[name][1]]


def _processors(processor: dict[str, Any] | None) -> Iterable[dict[str, Any]]:
    """Return a post processor, or the parts of a sequence of such."""
    if processor is None:
        return ()
    return processor["processors"] if processor["type"] == "Sequence" else (processor,)


def scripts_in(text: str) -> Iterator[str]:
    """Yield the script of each letter and mark of a text: the first word of its Unicode name.

    >>> sorted(set(scripts_in("Tür 1, дверь")))
    ['CYRILLIC', 'LATIN']
    """
    return filter(None, map(_script, text))


@cache
def _script(character: str) -> str:
    """Return "LATIN", "CJK", ...; nothing for digits, punctuation and what belongs to no script."""
    if unicodedata.category(character)[0] not in "LM":
        return ""
    first = unicodedata.name(character, "").split(" ")[0]
    return "" if first in ("COMBINING", "MODIFIER", "VARIATION") else first


def _bare(piece: str) -> str:
    for mark in MARKS:
        piece = piece.removeprefix(mark)
    return piece
