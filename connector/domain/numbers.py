"""Subscribers' numbers in E.164, whichever way a person writes them; the only import of `phonenumbers`.

The rule: a number becomes the one that was meant, or nothing. Digits alone are read as a number of the region first and
in international format second, because that is how the region's own people read them: a number of another country is
safe with its +. Next station: `kinds`, which asks where an account has a `default_region`.
"""

import re
from functools import lru_cache
from typing import Final

from phonenumbers import (
    SUPPORTED_REGIONS,
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    ValidationResult,
    country_code_for_region,
    format_number,
    is_possible_number_with_reason,
    is_valid_number,
    parse,
)

REGIONS: Final = frozenset(SUPPORTED_REGIONS)
"""The regions that have a numbering plan, as two capital letters (ISO 3166-1)."""

_WRITTEN: Final = re.compile(r"\+?[0-9 ().-]{3,40}")


def is_written_number(text: str) -> bool:
    """Whether this is how people write a number: ASCII digits, a + before them, blanks, dots, hyphens, brackets."""
    return _WRITTEN.fullmatch(text) is not None


# A message is asked about twice in a row (its address, its slot), a mailing's subscriber hardly ever again.
@lru_cache(maxsize=256)
def international(number: str, region: str) -> str | None:
    """The E.164 form, with its +, of a number as `is_written_number` takes it; None for one that cannot be.

    A number that a numbering plan has room for is taken even where no operator is known to use it: ranges are opened
    faster than any table learns of them. One that can be dialled only within its town is not.
    """
    if number.startswith("+"):
        return _written(_possible(_parsed(number, None)))
    digits = re.sub(r"[^0-9]", "", number)
    readings = [_parsed(number, region), _parsed("+" + digits, None)]
    likely = readings
    if digits.startswith(str(country_code_for_region(region))):
        # In some plans nearly any digits are a number: the region's own country code in front is none by accident.
        readings.reverse()
        likely = readings[:1]
    valid = (found for found in readings if found is not None and is_valid_number(found))
    possible = (found for found in map(_possible, likely) if found is not None)
    return _written(next(valid, None) or next(possible, None))


def _possible(found: PhoneNumber | None) -> PhoneNumber | None:
    if found is None or is_possible_number_with_reason(found) != ValidationResult.IS_POSSIBLE:
        return None
    return found


def _written(found: PhoneNumber | None) -> str | None:
    return None if found is None else format_number(found, PhoneNumberFormat.E164)


def _parsed(number: str, region: str | None) -> PhoneNumber | None:
    try:
        return parse(number, region)
    except NumberParseException:
        return None
