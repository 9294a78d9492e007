"""Formats the numbers of the report for people."""


def percent(value: float) -> str:
    """Formats a fraction as per cent."""
    return f"{100 * value:.1f} %"


def duration(seconds: float) -> str:
    """Formats seconds in the one or two largest units."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def integer(value: float) -> str:
    """Formats a count with commas between the thousands."""
    return f"{value:,.0f}"


def three_digits(value: float) -> str:
    """Formats a number with three digits after the point."""
    return f"{value:.3f}"


def gibibytes(value: float) -> str:
    """Formats a number of bytes in GiB."""
    return f"{value / 2**30:.2f} GiB"
