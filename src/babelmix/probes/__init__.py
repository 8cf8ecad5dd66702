"""What an encoder knows of words: probes without any training."""
