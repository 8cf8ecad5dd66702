"""The languages of all sources and benchmarks of the project, as ISO 639-1 codes."""

_CODES = (
    "ar bg bn ca cs da de el en es et eu fa fi fr gl he hi hr hu id is it ja ko lt lv nl no pl pt ro ru sk sl sr sv sw "
    "ta te th tr uk ur vi yo zh"
)
LANGUAGES = frozenset(_CODES.split())
