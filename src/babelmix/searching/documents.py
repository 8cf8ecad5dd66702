"""A document of an index, and what was left out of an input.

Document("faq-3", "Press Ctrl+P.", title="Printing", language="en").passage     # "Printing Press Ctrl+P."
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """A text that a search may find. `language` is None if no known language was given or recognised."""

    id: str
    text: str
    title: str | None = None
    language: str | None = None

    @property
    def passage(self) -> str:
        """What the encoder reads: title, space, text, as in BEIR."""
        return f"{self.title or ''} {self.text}".strip()
