"""Machine translation: routes of engines, a cache, a filter of bad translations, and a comparison of routes."""
