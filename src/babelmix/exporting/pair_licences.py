"""Which sources of pairs may be passed on, and why the others may not.

decision_of("libreoffice-help").hub_id        # "mpl-2.0"
decision_of("mmarco").refused                 # "MS MARCO is for research that is not commercial, and grants ..."

This is the one place that decides. A known source without an entry is left out until somebody has read its licence.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the pairs of a source may be passed on.

    `hub_id` is the licence as the hub writes it in a card, "" for a source that is left out. `refused` is the reason
    to leave it out, "" for one that may be passed on. `asks` is what the licence asks of those who pass it on.
    """

    hub_id: str = ""
    refused: str = ""
    asks: str = ""


OWN = Decision(hub_id="other", asks="yours to decide: say under which licence you pass these pairs on")
OWN_REFUSED = Decision(refused="your own pairs: `--own` takes them in")
ON_THE_HUB = Decision(
    refused="a table of the hub: its publisher has it there already, under terms that nobody read here"
)
WORDS = Decision(refused="words of a dictionary, no questions with passages")
UNKNOWN = Decision(refused="nobody has read whether its licence allows it")

KNOWN = {
    "libreoffice-help": Decision(
        hub_id="mpl-2.0",
        asks="name The Document Foundation and the contributors of LibreOffice Help, and keep the licence",
    ),
    "squadshifts": Decision(
        hub_id="cc-by-4.0",
        asks="name Miller et al. (ICML 2020), and say that passages were cut to the sentences of the answer",
    ),
    "mmarco": Decision(
        refused="MS MARCO is for research that is not commercial, and grants no right to pass its texts on"
    ),
    "xling-train": Decision(refused="XLING states no licence and asks not to redistribute its dictionaries"),
}


def decision_of(source: str) -> Decision:
    """Return the decision on a source that babelmix knows by name.

    >>> decision_of("squadshifts").hub_id, decision_of("squadshifts").refused
    ('cc-by-4.0', '')
    """
    return KNOWN.get(source, UNKNOWN)


def decision_on_table(*, hub: bool, words: bool, own: bool) -> Decision:
    """Return the decision on a table of `source:`; `own` says that the user wants their own pairs in.

    >>> decision_on_table(hub=False, words=False, own=True).hub_id
    'other'
    """
    if words:
        return WORDS
    if hub:
        return ON_THE_HUB
    return OWN if own else OWN_REFUSED
