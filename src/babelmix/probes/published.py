"""Published scores, to hold ours against: accuracy on Tatoeba in percent, a sentence to its English translation.

>>> TATOEBA["multilingual-e5-small"]["de"]
98.0

Source: github.com/embeddings-benchmark/results, commit f4cc6c8b365a3c779dbc708d6affe0b0355b2ddf,
results/<model>/<revision>/Tatoeba.json. Their prompt for this task is not recorded.
"""

_LANGUAGES = ["ar", "de", "el", "es", "fr", "hi", "it", "ja", "ko", "nl", "pt", "ru", "th", "tr", "vi", "zh"]
_ROWS = {
    "multilingual-e5-small": "80.7 98.0 89.7 95.4 93.0 95.8 90.9 87.5 79.9 93.8 91.5 92.3 91.2 92.6 91.7 92.4",
    "multilingual-e5-base": "86.1 97.7 92.2 97.7 94.3 94.7 92.3 92.3 86.8 94.7 94.1 93.7 95.4 94.2 95.7 94.7",
    "LaBSE": "91.1 99.4 96.5 98.8 96.0 97.6 94.0 96.5 92.9 97.0 95.4 95.3 97.1 98.5 97.9 96.3",
}
TATOEBA = {model: dict(zip(_LANGUAGES, map(float, row.split()), strict=True)) for model, row in _ROWS.items()}
