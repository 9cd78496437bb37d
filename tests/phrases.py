"""Phrases that sound translated, each with what an engineer would write instead."""

import re

PHRASES = {
    r"(?<!here )\bis no (?!longer\b|more\b)\w+": "is not a …, or: no such …",
    r"\bstands?\b(?! for\b| in for\b)(?!-)": "is in, see",
    r"\bstood\b": "was in",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\bmade void\b|\bmake void\b": "revoke",
    r"\bmay be said again\b|\bsay --|\bbe said again\b": "repeatable; try --…",
    r"\btells? (?:\w+ ){1,3}apart\b": "distinguishes; the unique key",
    r"\bnobody of the team\b": "no such person in team.toml",
    r"\bgives? no answer\b": "no response",
    r"\b[Ww]hoever\b": "to … , do …",
    r"\bbeyond chance\b|\bmore than chance\b": "above sampling noise",
    r"\bhangs? on\b": "depends on",
    r"\bleads? nowhere\b": "broken link",
    r"\brings?\b(?! buffer)": "alerts",
    r"\bthe team's menu\b": "all team commands",
    r"\bwhole way of\b": "end-to-end data flow",
    r"\bfor ever\b": "permanently",
    r"\banswers? again\b": "roll back to",
    r"\bno longer true\b": "out of date",
    r"\bwho knows more\b": "the owner",
    r"\bknow otherwise\b|\botherwise than\b": "differently from",
    r"\bNot goals\b": "Non-goals",
    r"\bas if it were then\b": "as of this time",
    r"\bis a model already\b|\balready a model already\b": "already is a model",
    r"\ba key stands\b": "duplicate key",
    r"\bheard out\b": "drained",
    r"\bWhat can be done\b": "Commands",
    r"\bjudge?ments?\b|\bjudged\b(?!\|)": "evaluation, result, evaluated",
    r"\bwas not \w+ yet\b|\bwere not \w+ yet\b": "has not been … yet",
    r"\bcan be gone back to\b": "can be restored",
    r"\b(?:is|are|be) refused\b(?! a\b)": "rejected",
}
PATTERNS = {re.compile(pattern): better for pattern, better in PHRASES.items()}
