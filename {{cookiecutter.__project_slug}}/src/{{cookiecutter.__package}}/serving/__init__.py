"""The service: answers with the champion's bundle, and needs neither registry nor warehouse."""
