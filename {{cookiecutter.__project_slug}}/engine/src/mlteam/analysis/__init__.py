"""Questions about a model: computes, draws nothing."""
