"""What leaves the project: a model in other forms, its card, data sets, runs and results for other tools."""
