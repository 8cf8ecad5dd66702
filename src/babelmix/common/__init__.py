"""What every room may use: texts as they are kept and compared, files as they are read."""
