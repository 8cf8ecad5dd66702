"""What comes from other machines: files over HTTPS, Debian packages and the Hugging Face hub."""
