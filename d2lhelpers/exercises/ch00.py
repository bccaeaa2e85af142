"""Checks of chapter 00, Start here."""

from .registry import exercise, require


@exercise("00.1")
def days_of_a_leap_year(answer) -> None:
    require(answer != 365, "that is a common year; a leap year has one day more")
    require(answer == 366, "a common year has 365 days, and February gets one more in a leap year")


@exercise("00.2")
def order_of_cells(answer) -> None:
    require(isinstance(answer, tuple) and len(answer) == 2, "two numbers are wanted, as a tuple")
    as_run, from_the_top = answer
    require(as_run != from_the_top, "C ran twice, and before B: the two results differ")
    require(as_run == 14, "follow x through A, C, C, B, one cell at a time")
    require(from_the_top == 22, "from the top means A, B, C, once each")


@exercise("00.3")
def mean(answer) -> None:
    found = answer([2, 4, 9])
    require(found is not None, "your function returns nothing: is there a `return`?")
    require(found != 15, "that is the sum; the mean divides it by how many numbers there are")
    require(found == 5, f"the mean of 2, 4 and 9 is 5, and your function returns {found}")
    require(answer([1, 2]) == 1.5, "the mean of 1 and 2 is 1.5: divide with / and not with //")
    require(answer([7]) == 7, "the mean of a single number is that number")


@exercise("00.4")
def describe_device(answer) -> None:
    require(answer(True, 4) == "GPU", 'with a GPU the text is "GPU"')
    require(answer(False, 8) == "CPU, 8 threads", f"for 8 threads it says {answer(False, 8)!r}")
    require(answer(False, 1) != "CPU, 1 threads", "one thread is singular")
    require(answer(False, 1) == "CPU, 1 thread", f"for 1 thread it says {answer(False, 1)!r}")
    for cuda in (False, True):
        for threads in (0, -2):
            try:
                answer(cuda, threads)
            except ValueError as error:
                require(
                    str(threads) in str(error), "the message should contain the number that came"
                )
            else:
                require(False, f"{threads} threads with cuda={cuda} should raise a ValueError")
