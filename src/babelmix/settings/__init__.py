"""What params.yaml may say beyond the form of each of its sections: routes, names, and what goes with what."""
