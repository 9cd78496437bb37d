"""Pages: draws, computes nothing."""
