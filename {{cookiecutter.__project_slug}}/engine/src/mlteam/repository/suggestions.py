"""Hints for words that are not known: the nearest known one, or a few of them."""

import difflib
from collections.abc import Iterable
from functools import cache

LISTED_CHOICES = 8


def find_nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return the known word that is spelled most like `word` without being the same, or an empty text."""
    return _find_nearest(word, frozenset(known), cutoff)


@cache
def _find_nearest(word: str, known: frozenset[str], cutoff: float) -> str:
    by_lower = {choice.lower(): choice for choice in sorted(known) if choice != word}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[near[0]] if near else ""


def suggest(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest known word, or lists a few of them."""
    near = find_nearest(word, known := frozenset(known))
    if near:
        return f"did you mean {near}?"
    choices = sorted(known)
    more = f" and {len(choices) - LISTED_CHOICES} more" if len(choices) > LISTED_CHOICES else ""
    return f"known: {', '.join(choices[:LISTED_CHOICES]) or 'none'}{more}"
