"""A search over one's own texts: documents, the index, hits, and a page to search on."""
