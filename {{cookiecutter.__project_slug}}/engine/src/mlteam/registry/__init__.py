"""Registered versions, launches and evaluations, kept by MLflow."""
