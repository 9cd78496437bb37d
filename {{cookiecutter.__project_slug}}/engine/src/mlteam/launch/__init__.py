"""Promotion: gates, the evidence for them, and the bundle that is published."""
