"""Pre-training on the order of a page's texts, before `train`: pages, blocks of texts, batches of blocks."""
