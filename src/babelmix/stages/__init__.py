"""What each DVC stage and each command reads, calls and writes. The command line only parses and prints."""
