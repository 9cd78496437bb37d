"""Is something wrong with the data, the model or its service? Each check compares one number with its limit."""
