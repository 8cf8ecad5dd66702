"""Downloads: files over HTTPS, Debian packages and the Hugging Face hub."""
