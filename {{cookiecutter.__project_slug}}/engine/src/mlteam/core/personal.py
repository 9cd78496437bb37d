"""What the name of a column, and its values, say about persons."""

import re

MIN_SUSPECT_SHARE = 0.2
# A column that says no more than yes or no, such as whether there is a phone, identifies nobody.
YES_OR_NO = ("yes", "no", "y", "n", "true", "false", "t", "f", "0", "1")
NAME_PARTS = {
    "an e-mail address": {"email", "mail", "emailaddress"},
    "a phone number": {"phone", "telephone", "mobile", "cellphone", "fax", "msisdn"},
    "a person's name": {"firstname", "lastname", "surname", "fullname", "givenname", "familyname", "middlename"},
    "an official number": {"ssn", "passport", "iban", "nationalid", "taxid", "nino", "driverlicence", "driverlicense"},
    "a day of birth": {"birthday", "birthdate", "dateofbirth", "dob"},
    "a home address": {"street", "streetaddress", "homeaddress", "postaladdress"},
    "a device": {"ipaddress", "macaddress", "deviceid", "imei"},
}
# Protected attributes: the grounds of Directive 2000/78/EC and of the Equality Act 2010, and what stands for them.
PROTECTED_WORDS = set(
    """
    agegroup birthyear caste citizenship civilstatus disability disabled ethnic ethnicity female foreigner
    foreignworker gender male marital maritalstatus nationality nativecountry occupation orientation personalstatus
    pregnant profession religion salary seniorcitizen sex yearofbirth
    """.split()  # noqa: SIM905
)
# These are about a person only if nothing else is in the name: an account has an age as well.
PROTECTED_NAMES = {"age", "black", "foreign", "income", "job", "married", "minority", "race", "senior", "white"}
PERSON_WORDS = {"applicant", "client", "customer", "driver", "employee", "patient", "person", "user", "years", "in"}
GIVEN_NAMES = "|".join(
    """
    ahmed aisha alexander ali ana andrea anna anthony antonio barbara carlos chen christopher daniel david elena
    elizabeth emily emma fatima francesco george hans hiroshi hui ivan james jean jennifer jessica jin joao john
    jose joseph juan julia karen kate laura li linda luis maria mark martin mary matthew mehmet michael mohamed
    mohammed nancy olga patricia paul pedro peter pierre priya raj richard robert rosa sandra sara sarah sergei
    sofia susan thomas wang wei william yusuf
    """.split()  # noqa: SIM905
)
VALUE_PATTERNS = {
    "an e-mail address": r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}",
    "a phone number": r"(\+|00)\d{1,3}([ ./()-]*\d){7,13}|\(\d{2,5}\)([ ./-]*\d){5,10}|\d{3}([ ./-])\d{3}[ ./-]\d{4}",
    "a day of birth and person's number": r"\d{3}-\d{2}-\d{4}",
    "a bank account": r"[A-Z]{2}\d{2}( ?[A-Z0-9]{4}){3,7}( ?[A-Z0-9]{1,3})?",
    "a person's name": rf"(?i)({GIVEN_NAMES})( [a-z]\.?)?( [a-zà-ÿ'-]{{2,}}){{1,2}}",
}


def detect_personal_kind(column: str) -> str:
    """Return the kind of data that a column's name suggests, or None; underscores, hyphens and capitals part words."""
    runs = _list_words(column)
    return next((kind for kind, names in NAME_PARTS.items() if runs & names), "")


def is_protected(column: str) -> bool:
    """Return whether a column's name is about a protected attribute, such as sex, age or religion."""
    words = _list_words(column)
    return bool(words & PROTECTED_WORDS or any(words <= {name} | _pair(name) for name in PROTECTED_NAMES & words))


def _pair(name: str) -> set[str]:
    """Return the words of a name beside one that says whose it is, written apart and as one."""
    return {part for word in PERSON_WORDS for part in (word, f"{word}{name}", f"{name}{word}")}


def _list_words(column: str) -> set[str]:
    """Return the words of a column's name, and up to three of them written as one."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column).lower()
    parts = [part for part in re.split(r"[^a-z0-9]+", words) if part]
    return {"".join(parts[i:j]) for i in range(len(parts)) for j in range(i + 1, min(i + 3, len(parts)) + 1)}
