"""The names that translation models have for languages, and a tokenizer set to a direction.

direction = set_languages(tokenizer, "en", "sw", "translate.routes, transformers:facebook/nllb-200-distilled-600M")
direction.first                # "swh_Latn": the token that every translation has to begin with
"""

import re
from dataclasses import dataclass
from typing import Any

from babelmix.common.errors import UserError

_FLORES = (
    "ar:arb_Arab bg:bul_Cyrl bn:ben_Beng ca:cat_Latn cs:ces_Latn da:dan_Latn de:deu_Latn el:ell_Grek en:eng_Latn "
    "es:spa_Latn et:est_Latn eu:eus_Latn fa:pes_Arab fi:fin_Latn fr:fra_Latn gl:glg_Latn he:heb_Hebr hi:hin_Deva "
    "hr:hrv_Latn hu:hun_Latn id:ind_Latn is:isl_Latn it:ita_Latn ja:jpn_Jpan ko:kor_Hang lt:lit_Latn lv:lvs_Latn "
    "nl:nld_Latn no:nob_Latn pl:pol_Latn pt:por_Latn ro:ron_Latn ru:rus_Cyrl sk:slk_Latn sl:slv_Latn sr:srp_Cyrl "
    "sv:swe_Latn sw:swh_Latn ta:tam_Taml te:tel_Telu th:tha_Thai tr:tur_Latn uk:ukr_Cyrl ur:urd_Arab vi:vie_Latn "
    "yo:yor_Latn zh:zho_Hans"
)
# ISO 639-1 to what NLLB calls a language.
FLORES = {word[:2]: word[3:] for word in _FLORES.split()}
# Further names that multilingual OPUS-MT models have for a language.
_OPUS = {"ar": "ara", "fa": "fas", "lv": "lav", "no": "nor", "sw": "swa", "zh": "cmn_Hans"}


@dataclass(frozen=True, slots=True)
class Direction:
    """A tokenizer set to the source language, and how a text names the target language."""

    tokenizer: Any
    prefix: str  # before every source text
    first: str | None  # the token that every translation has to begin with


def set_languages(tokenizer: Any, source: str, target: str, where: str) -> Direction:
    """Set the tokenizer to `source`, and find how a model of its class names `target`."""
    kind, known = type(tokenizer).__name__, tokenizer.get_vocab()
    if kind.startswith("Nllb"):
        valid = {lang: code for lang, code in FLORES.items() if code in known}
    elif kind.startswith("M2M100"):
        valid = {lang: lang for lang in tokenizer.lang_code_to_token}
    else:
        forms = [form for form in (">>{}<<", "<2{}>") if any(re.fullmatch(form.format(r"\w+"), word) for word in known)]
        if not forms:
            return Direction(tokenizer, "", None)  # a model of one pair
        valid = {
            lang: form.format(name)
            for form in forms
            for lang, code in FLORES.items()
            for name in (_OPUS.get(lang, code), code, code[:3], lang)
            if form.format(name) in known
        }
        if target not in valid:
            raise _lacking(target, valid, where)
        return Direction(tokenizer, f"{valid[target]} ", None)
    for lang in (source, target):
        if lang not in valid:
            raise _lacking(lang, valid, where)
    tokenizer.src_lang = valid[source]
    return Direction(tokenizer, "", getattr(tokenizer, "lang_code_to_token", valid).get(valid[target], valid[target]))


def _lacking(lang: str, valid: dict[str, str], where: str) -> UserError:
    shown = ", ".join(sorted(valid)[:8])
    return UserError(f"the model lacks the language {lang!r}", where=where, how=f"choose another model; it has {shown}")
