"""What was measured, for people: tables, figures, the report, MLflow and single questions."""
