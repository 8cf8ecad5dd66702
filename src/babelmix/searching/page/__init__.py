"""The page that people search on: one self-contained web app on loopback."""
