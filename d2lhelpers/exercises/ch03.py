"""Checks of chapter 03, Data preprocessing."""

import warnings

import pandas as pd
import torch

from .compare import agree, values
from .registry import exercise, require


@exercise("03.1")
def gaps_by_hand(answer) -> None:
    require(isinstance(answer, tuple) and len(answer) == 5, "five answers are wanted")
    rows_left, fill, color_columns, sold_is_bool, error = answer
    require(rows_left != 3, "a row goes if any of its values is missing, in whichever column")
    require(rows_left == 2, "count the rows of the file in which nothing is missing")
    require(
        abs(float(fill) - 18 / 4) > 1e-9,
        "a missing value is not a 0: divide by the number of values that are there",
    )
    require(abs(float(fill) - 6) < 1e-9, "the mean of the sizes that are known")
    require(color_columns != 2, "with dummy_na=True a gap has a column too")
    require(color_columns == 3, "one column for each different word, and one more for what?")
    require(
        isinstance(sold_is_bool, bool),
        "the fourth answer is True or False, not the name of a dtype",
    )
    require(
        not sold_is_bool,
        "one of the four values is a gap: has pandas' default dtype for booleans a place for it?",
    )
    require(
        abs(float(error) + 8) > 1e-9,
        "6 - 14 is the error of the filled value; compare the means of the whole column",
    )
    require(abs(float(error) - 2) > 1e-9, "filled minus true: which sign has the error?")
    require(
        abs(float(error) + 2) < 1e-9,
        "the mean of the filled column, minus the mean of 3, 14, 5 and 10",
    )


@exercise("03.2")
def to_tensor(answer) -> None:
    plain = pd.DataFrame({"a": [1.5, 2.5], "b": [-1.0, 4.0]}).astype("float32")
    mixed = pd.DataFrame({"a": [1.5, 2.5, 0.0], "b": [3, 4, 5], "c": [True, False, True]})
    for table in (plain, mixed):
        before = table.copy()
        try:
            found = answer(table)
        except TypeError:
            found = None
        require(
            found is not None,
            "a table with a boolean column ended in a TypeError: which dtype has the array that "
            "to_numpy() makes of numbers and booleans?",
        )
        require(isinstance(found, torch.Tensor), f"a tensor is wanted, not {type(found).__name__}")
        require(
            found.dtype == torch.float32, f"the tensor holds {found.dtype}; float32 was asked for"
        )
        require(
            tuple(found.shape) == table.shape,
            f"the table has the shape {table.shape}, your tensor {tuple(found.shape)}",
        )
        wanted = [[float(value) for value in row] for row in before.to_numpy().tolist()]
        require(found.tolist() == wanted, "the values differ from those of the table")
        found.zero_()
        require(
            table.equals(before),
            "your tensor lives in the table's memory, so that changing one changes the other: "
            "which call copies?",
        )


@exercise("03.3")
def standardize(answer) -> None:
    generator = torch.Generator().manual_seed(0)
    X = 100 + 5 * torch.randn(30, 5, generator=generator)
    X[:, 2] = 0.1
    X[:, 4] = 0.001 * torch.randn(30, generator=generator)
    X_test = 103 + 5 * torch.randn(8, 5, generator=generator)
    X_test[:, 2] = 0.6
    X_test[:, 4] = 0.001 * torch.randn(8, generator=generator)
    before = X.clone(), X_test.clone()
    found = answer(X, X_test)
    require(isinstance(found, tuple | list) and len(found) == 2, "return both parts")
    require(
        torch.equal(X, before[0]) and torch.equal(X_test, before[1]),
        "the tensors given were changed; compute new ones instead of writing into them",
    )
    Z, Z_test = (values(part) for part in found)
    require(
        Z.shape == X.shape and Z_test.shape == X_test.shape,
        f"the shapes are {tuple(Z.shape)} and {tuple(Z_test.shape)}; they should stay as they were",
    )
    require(not Z.isnan().any(), "there is NaN: what is the standard deviation of a constant?")
    require(
        agree(answer(X, X_test[:1])[1], Z_test[:1], atol=1e-4),
        "the same test row gets other numbers when it comes alone: with which rows' mean and "
        "standard deviation was it measured?",
    )
    require(
        Z[:, 2].abs().max() < 1e-3 and (Z_test[:, 2] - 0.5).abs().max() < 1e-3,
        "where all training rows hold 0.1, a test value of 0.6 should become 0.5: shifted, and not "
        "scaled by a deviation that is 0, or tiny",
    )
    varied = [0, 1, 3]
    require(
        Z[:, varied].mean(0).abs().max() < 1e-3,
        "the training columns do not have mean 0: use the mean of each column, over these rows",
    )
    require(
        (Z[:, varied].std(0) - 1).abs().max() < 1e-3,
        "the training columns do not have standard deviation 1",
    )
    require(
        abs(Z[:, 4].std().item() - 1) < 1e-3,
        "a column that varies by 0.001 only is not constant, and its deviation should become 1",
    )
    wanted = (X_test.double() - X.double().mean(0)) / X.double().std(0)
    varied = [0, 1, 3, 4]
    require(
        agree(Z_test[:, varied], wanted[:, varied], atol=1e-3),
        "the training part is right; measure the test rows with the same mean and deviation",
    )
    constant = _constant_with_deviation()
    Z, Z_test = (values(part) for part in answer(constant, constant[:2] + 0.5))
    require(
        Z.abs().max() < 1e-3 and (Z_test - 0.5).abs().max() < 1e-3,
        f"a column of {len(constant)} times {constant[0].item():.1f} is scaled, because rounding "
        "makes its deviation tiny instead of 0: how else can you find a constant column?",
    )


def _constant_with_deviation() -> torch.Tensor:
    """One column (n, 1) of equal numbers whose standard deviation is not 0, for want of digits.

    For which numbers this happens depends on how a machine adds up.
    """
    columns = (torch.full((n, 1), c) for n in range(5, 50) for c in (0.3, 0.1, 0.7))
    return next((column for column in columns if column.std() > 0), torch.full((6, 1), 0.3))


def _coin_table(seed: int, signal: float = 0.0):
    """Features (100, 200), labels (100,), and the positions of 50 training and 50 test rows."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 2, (100,), generator=generator)
    X = 3 + 2 * torch.randn(100, 200, generator=generator)
    X[:, :10] += signal * y.reshape(-1, 1)
    order = torch.randperm(100, generator=generator)
    return X, y, order[:50], order[50:]


def _nearest_mean(X_train, y_train, X):
    to_0 = ((X - X_train[y_train == 0].mean(0)) ** 2).sum(1)
    to_1 = ((X - X_train[y_train == 1].mean(0)) ** 2).sum(1)
    return (to_1 < to_0).long()


def _honest(X, y, train, test):
    X_train, y_train = X[train], y[train]
    mean, std = X_train.mean(0), X_train.std(0)
    Z_train, Z_test = (X_train - mean) / std, (X[test] - mean) / std
    best = (Z_train[y_train == 1].mean(0) - Z_train[y_train == 0].mean(0)).abs().topk(10).indices
    return _nearest_mean(Z_train[:, best], y_train, Z_test[:, best])


@exercise("03.4")
def honest_predictions(answer) -> None:
    require(
        isinstance(answer, tuple) and len(answer) == 2 and all(callable(part) for part in answer),
        "two functions are wanted: (predict, measure)",
    )
    predict, measure = answer
    _check_predictions(predict)
    _check_measure(measure)


def _check_predictions(answer) -> None:
    X, y, train, test = _coin_table(0, signal=2.0)
    before = X.clone(), y.clone()
    found = answer(X, y, train, test)
    require(
        isinstance(found, torch.Tensor) and found.numel() == len(test),
        "one prediction for each test row is wanted",
    )
    require(
        found.shape == (len(test),),
        f"your predictions have the shape {tuple(found.shape)}; compared with y[test], of shape "
        f"({len(test)},), they would be broadcast",
    )
    require(
        torch.equal(X, before[0]) and torch.equal(y, before[1]), "X or y was changed on the way"
    )
    for seed in range(3):
        X, y, train, test = _coin_table(seed)
        found = answer(X, y, train, test)
        other = y.clone()
        other[test] = 1 - y[test]
        require(
            torch.equal(found, answer(X, other, train, test)),
            "with other labels of the test rows your predictions are others: "
            "where do y[test] and X[test] meet before the end?",
        )
        shifted = X.clone()
        shifted[test[25:]] = 10 * shifted[test[25:]] + 100
        require(
            torch.equal(found[:25], answer(shifted, y, train, test)[:25]),
            "the predictions for some test rows change with the features of *other* test rows: "
            "which statistic still sees them?",
        )
        scaled = X * torch.linspace(1, 1000, X.shape[1])
        require(
            torch.equal(found, answer(scaled, y, train, test)),
            "in other units of the columns the predictions are others: what is missing?",
        )
        require(
            not torch.equal(found, answer(X, 1 - y, train, test)),
            "with all labels exchanged the predictions stay: the labels are not used",
        )
    right = []
    for seed in range(10):
        X, y, train, test = _coin_table(seed, signal=2.0)
        right.append((answer(X, y, train, test) == y[test]).float().mean().item())
    require(
        sum(right) / len(right) > 0.85,
        f"where 10 of 200 columns do tell the labels apart, you get {sum(right) / len(right):.0%} "
        "right: have you kept the ten columns with the largest differences?",
    )
    others = 0
    for seed in range(10):
        table = _coin_table(seed)
        others += int((values(answer(*table)) != values(_honest(*table))).sum())
    require(
        others <= 2,  # a tie, or a rounding, may turn one
        f"{others} of 500 predictions are not those of the method: standardize with mean and "
        "standard deviation, keep exactly ten columns, answer by nearest_mean",
    )


def _check_measure(measure) -> None:
    tables = [_coin_table(seed, signal=0.3 * (seed % 3)) for seed in range(9)]

    def program(X, y, train, test):
        return _nearest_mean(X[train], y[train], X[test])

    scores = torch.tensor(
        [
            (program(X, y, train, test) == y[test]).double().mean().item()
            for X, y, train, test in tables
        ],
        dtype=torch.float64,
    )
    found = measure(program, tables)
    require(
        values(found).shape == (2,),
        "measure should return two numbers: the mean accuracy and its standard error",
    )
    mean, error = values(found).tolist()
    require(
        abs(mean - scores.mean().item()) < 1e-4,
        f"measure finds a mean accuracy of {mean:.3f} where it is {scores.mean().item():.3f}: "
        "the share of right answers on the test rows, averaged over all tables",
    )
    deviation = scores.std().item()
    require(
        abs(error - deviation) > 0.01 * deviation,
        "the second number is the standard deviation over the tables: how much less does the mean "
        "of several spread?",
    )
    wanted = deviation / len(tables) ** 0.5
    # Dividing by n or by n - 1 in the deviation: with nine tables 6%, both are accepted.
    require(
        abs(error - wanted) < 0.08 * wanted,
        f"for {len(tables)} tables the standard error is {wanted:.4f}, measure finds {error:.4f}: "
        "the standard deviation of the accuracies, divided by the root of their number",
    )
    require(
        abs(float(measure(program, tables[:4])[0]) - scores[:4].mean().item()) < 1e-4,
        "with four tables measure is wrong: does it count on a certain number of them?",
    )
    honest = measure(lambda X, y, train, test: y[test], tables)
    require(
        abs(float(honest[0]) - 1) < 1e-6 and abs(float(honest[1])) < 1e-6,
        "measure does not ask the program it is given",
    )


def _tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    train = pd.DataFrame(
        {
            "color": ["red", None, "blue", "red", "red"],
            "size": [1.0, 5.0, None, 9.0, None],
            "wheels": [2, 2, 2, 2, 2],
            "new": [True, False, True, True, False],
            "place": ["north", "south", "south", "north", "south"],
        }
    )
    later = pd.DataFrame(
        {
            "color": ["green", "blue", None],
            "size": [11.0, None, 5.0],
            "wheels": [2, 3, 2],
            "new": [True, True, True],
            "place": [None, "south", "west"],
        }
    )
    return train, later


@exercise("03.5")
def fit_preparation(answer) -> None:
    train, later = _tables()
    before = train.copy(), later.copy()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # PyTorch says only once, whoever asks first, that pandas' arrays are read-only.
        warnings.filterwarnings("ignore", message=".*not writable")
        prepare = answer(train)
        require(callable(prepare), "return a function, to be called with a table")
        Z, Z_later, one = prepare(train), prepare(later), prepare(later[1:2])
    require(
        train.equals(before[0]) and later.equals(before[1]),
        "a table was changed; fill and encode a new one",
    )
    for found, rows in ((Z, 5), (Z_later, 3), (one, 1)):
        require(
            isinstance(found, torch.Tensor) and found.dtype == torch.float32,
            "prepare should return a float32 tensor",
        )
        require(
            found.dim() == 2 and len(found) == rows,
            f"a table of {rows} rows became a tensor of shape {tuple(found.shape)}",
        )
    widths = {found.shape[1] for found in (Z, Z_later, one)}
    require(
        len(widths) == 1,
        "tables with other words became tensors of other widths: whose columns count?",
    )
    require(
        widths == {9},
        f"{widths.pop()} columns instead of 9 for the check's table: three of numbers or booleans, "
        "and two of text with two words each; has every gap a column?",
    )
    require(
        not Z.isnan().any() and not Z_later.isnan().any(),
        "there is NaN: a gap that was not filled, or a constant column divided by 0",
    )
    require(
        not one.isnan().any(),
        "a row that comes alone, with a gap, holds NaN: it has no mean and no deviation of its "
        "own; whose are to be used?",
    )
    require(
        torch.allclose(Z[:, :3].mean(0), torch.zeros(3), atol=1e-5),
        "the first columns, the numbers and booleans, do not have mean 0 in the training table",
    )
    deviations = Z[:, [0, 2]].std(0)
    require(
        torch.allclose(deviations, torch.ones(2), atol=1e-5),
        "the standard deviations of the filled training columns are not 1 (with n − 1)",
    )
    # Filled with 5, the sizes are 1, 5, 5, 9, 5: deviation √8.
    wanted = torch.tensor([6.0, 0.0, 0.0]) / 8**0.5
    require(
        torch.allclose(Z_later[:, 0], wanted, atol=1e-4),
        "the later table is not measured, or not filled, with the training table's mean",
    )
    require(
        agree(Z_later[:, 1], [0.0, 1.0, 0.0], atol=1e-3),
        "a column that was constant in training is shifted and not scaled, in later tables too",
    )
    # color: blue, red, missing; place: north, south, missing.
    words = [[0, 1, 0, 1, 0, 0], [0, 0, 1, 0, 1, 0], [1, 0, 0, 0, 1, 0]]
    require(
        Z[:3, 3:].tolist() == words,
        "the words of the training table are encoded otherwise than get_dummies does",
    )
    later_words = [[0, 0, 0, 0, 0, 1], [1, 0, 0, 0, 1, 0], [0, 0, 1, 0, 0, 0]]
    require(
        Z_later[:, 3:].tolist() == later_words,
        "in the later table a word stands in another column than in training, or a new word is "
        "a 1 somewhere: compare the names of the columns",
    )
    require(
        torch.allclose(one, Z_later[1:2], atol=1e-6),
        "a row alone becomes other numbers than the same row in company",
    )
    require(not caught, f"a warning was raised: {caught[0].message if caught else ''}"[:150])
    column = _constant_with_deviation().flatten().tolist()
    dull = pd.DataFrame({"weight": column, "place": ["north"] * len(column)})
    Z = answer(dull)(dull.assign(weight=dull["weight"] + 0.5))
    require(
        agree(Z[:, 0], [0.5] * len(column), atol=1e-3),
        f"a column of {len(column)} times {column[0]:.1f} in training is scaled, because rounding "
        "makes its deviation tiny instead of 0: how else can you find a constant column?",
    )
