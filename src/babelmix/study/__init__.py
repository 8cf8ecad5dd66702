"""The study over sizes: which trainings it has, what each leaves behind, and what all together say."""
