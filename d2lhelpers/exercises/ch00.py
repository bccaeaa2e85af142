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
def describe_machine(answer) -> None:
    import torch  # here, so that the other checks of this chapter answer at once

    wanted = "three things are wanted: version, number of threads, whether there is a CUDA GPU"
    threads = torch.get_num_threads()
    try:
        for number in (threads, 2, 1):
            torch.set_num_threads(number)
            found = answer()
            require(isinstance(found, tuple | list) and len(found) == 3, wanted)
            version, said, cuda = found
            require(str(version) == torch.__version__, f"the version is not {version!r}")
            require(
                said == number,
                f"PyTorch now uses {number} threads and not {said}: ask it each time, "
                "with torch.get_num_threads",
            )
            require(
                cuda is torch.cuda.is_available(),
                "whether there is a CUDA GPU is True or False, and torch.cuda can tell",
            )
    finally:
        torch.set_num_threads(threads)
