"""Checks of a launched model: drift, freshness, skew, quality; findings, metrics and the page."""
