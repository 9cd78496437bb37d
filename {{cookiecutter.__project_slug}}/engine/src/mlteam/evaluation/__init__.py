"""Metrics, bootstrap intervals and the evaluator."""
