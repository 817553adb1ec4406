"""Comparisons without rounding: a float is a fraction, and fractions compare exactly."""

from fractions import Fraction

HALF_A_PLACE = Fraction(1, 2**53)
"""By at most this share does a quotient of two floats differ from the true one."""


def holds_and_one_fewer_does_not(count, each, needed):
    """Whether `count` pieces hold what is needed, and one fewer does not.

    `count` is a quotient rounded up. If count - 1 pieces held it all, the quotient would be at
    most count - 1, rounded or not; but it may itself be rounded down, to a whole number.
    """
    count, each, needed = Fraction(count), Fraction(each), Fraction(needed)
    return (count - 1) * each < needed and count * each >= needed * (1 - HALF_A_PLACE)
