"""The report of the study: a document of blocks, made from its records, and written as a page and as Markdown."""
