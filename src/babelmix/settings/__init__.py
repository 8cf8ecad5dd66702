"""params.yaml as a whole: composed of the rooms' sections, read, and checked across them."""
