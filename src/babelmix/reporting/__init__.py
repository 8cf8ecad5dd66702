"""Results for people: tables, figures, the report, MLflow and single queries."""
