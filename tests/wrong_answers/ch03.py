"""Typical wrong answers to the exercises of chapter 03; each must be refused."""

import pandas as pd
import torch


def shared_memory(table):
    array = table.to_numpy(dtype="float32")
    array.flags.writeable = True  # pandas 3 hands out read-only arrays
    return torch.from_numpy(array)


def scaled_by(mean_of, std_of):
    def standardize(X_train, X_test):
        rows = {"train": X_train, "all": torch.cat([X_train, X_test])}
        mean, std = rows[mean_of].mean(0), rows[std_of].std(0)
        std = torch.where(rows[std_of].amax(0) == rows[std_of].amin(0), 1.0, std)
        return (X_train - mean) / std, (X_test - mean) / std

    return standardize


def each_by_itself(X_train, X_test):
    parts = []
    for X in (X_train, X_test):
        std = torch.where(X.amax(0) == X.amin(0), 1.0, X.std(0))
        parts.append((X - X.mean(0)) / std)
    return tuple(parts)


def one_mean_for_all_columns(X_train, X_test):
    std = torch.where(X_train.amax(0) == X_train.amin(0), 1.0, X_train.std(0))
    Z = [(X - X_train.mean()) / std for X in (X_train, X_test)]
    Z[0][:, 2], Z[1][:, 2] = 0.0, 0.5
    return tuple(Z)


def divided_by_zero(X_train, X_test):
    # Whether the mean of equal numbers equals them depends on rounding; this is the case in which
    # it does.
    std = torch.where(X_train.amax(0) == X_train.amin(0), 0.0, X_train.std(0))
    mean = torch.where(std == 0, X_train[0], X_train.mean(0))
    return (X_train - mean) / std, (X_test - mean) / std


def with_epsilon(X_train, X_test):
    mean, std = X_train.mean(0), X_train.std(0) + 1e-8
    return (X_train - mean) / std, (X_test - mean) / std


def guarded(guard):
    """Standardized, with `guard(std)` for the deviations."""

    def standardize(X_train, X_test):
        mean, std = X_train.mean(0), guard(X_train.std(0))
        return (X_train - mean) / std, (X_test - mean) / std

    return standardize


def only_the_training_part(X_train, X_test):
    std = torch.where(X_train.amax(0) == X_train.amin(0), 1.0, X_train.std(0))
    mean = X_train.mean(0)
    return (X_train - mean) / std, (X_test - mean) / std.clamp(max=4.5)


def in_place(X_train, X_test):
    std = torch.where(X_train.amax(0) == X_train.amin(0), 1.0, X_train.std(0))
    mean = X_train.mean(0)
    X_train -= mean
    X_train /= std
    return X_train, (X_test - mean) / std


def divided_by_n(X_train, X_test):
    constant = X_train.amax(0) == X_train.amin(0)
    mean, std = X_train.mean(0), torch.where(constant, 1.0, X_train.std(0, correction=0))
    return (X_train - mean) / std, (X_test - mean) / std


def scaled_to_the_range(X, y, train, test):
    low, high = X[train].amin(0), X[train].amax(0)
    return predicting(scaled=None)((X - low) / (high - low), y, train, test)


def writes_into_labels(X, y, train, test):
    found = predicting()(X, y, train, test)
    y[test] = found
    return found


def predicting(scaled="train", chosen="train", columns=10, smallest=False):
    """The pipeline of 03.4 with one mistake."""

    def predict(X, y, train, test):
        seen = {"train": train, "all": torch.cat([train, test])}
        if scaled:
            X = (X - X[seen[scaled]].mean(0)) / X[seen[scaled]].std(0)
        X_seen, y_seen = X[seen[chosen]], y[seen[chosen]]
        gap = (X_seen[y_seen == 1].mean(0) - X_seen[y_seen == 0].mean(0)).abs()
        best = gap.topk(columns, largest=not smallest).indices
        X_train, X_test, y_train = X[train][:, best], X[test][:, best], y[train]
        to_0 = ((X_test - X_train[y_train == 0].mean(0)) ** 2).sum(1)
        to_1 = ((X_test - X_train[y_train == 1].mean(0)) ** 2).sum(1)
        return (to_1 < to_0).long()

    return predict


def remembering():
    """A measurement that goes on with what it found for the same number of tables."""
    known = {}

    def measure(program, tables):
        if len(tables) not in known:
            known[len(tables)] = measuring()(program, tables)
        return known[len(tables)]

    return measure


def measuring(power=0.5, on="test", first=None, divisor=None, program=None):
    """The measurement of 03.4, right or with one mistake."""
    replacement = program

    def measure(program, tables):
        scores = []
        for X, y, train, test in tables[:first]:
            rows = test if on == "test" else train
            scores.append(((replacement or program)(X, y, train, rows) == y[rows]).float().mean())
        scores = torch.stack(scores)
        mean = scores.sum() / (divisor or len(scores))
        error = scores.std() / len(scores) ** power
        return mean.item(), error.item()

    return measure


def preparing(
    dummy_na=True,
    aligned=True,
    fill="train",
    scale="train",
    guard=True,
    numbered=False,
    drop=False,
    correction=1,
):
    """The pipeline of 03.5 with one mistake."""

    def fit_preparation(train):
        numeric = [name for name in train if pd.api.types.is_numeric_dtype(train[name])]
        text = [name for name in train if name not in numeric]

        def numbers_of(table):
            fills = (train if fill == "train" else table)[numeric].astype("float64").mean()
            filled = table[numeric].astype("float64").fillna(0 if fill == "zero" else fills)
            return torch.tensor(filled.to_numpy(dtype="float32"))

        def words_of(table):
            if numbered:
                return pd.DataFrame({name: pd.factorize(table[name])[0] for name in text})
            return pd.get_dummies(table[text], columns=text, dummy_na=dummy_na, dtype="float32")

        columns = words_of(train).columns

        def prepare(table):
            X = numbers_of(train if scale == "train" else table)
            std = X.std(0, correction=correction)
            if guard:
                std = torch.where(std == 0 if guard == "zero" else X.amax(0) == X.amin(0), 1.0, std)
            words = words_of(table)
            if aligned:
                words = words.reindex(columns=columns, fill_value=0)
            words = torch.tensor(words.to_numpy(dtype="float32"))
            whole = torch.cat([(numbers_of(table) - X.mean(0)) / std, words], dim=1)
            return whole[~table.isna().any(axis=1).to_numpy()] if drop else whole

        return prepare

    return fit_preparation


def with_chained_assignment(train):
    train["size"].fillna(train["size"].mean(), inplace=True)
    return preparing()(train)


def filled_in_place(train):
    prepare = preparing()(train)
    train["size"] = train["size"].fillna(train["size"].mean())
    return prepare


def changed_afterwards(change):
    """The pipeline of 03.5, with a change of the tensor that it makes."""

    def fit_preparation(train):
        prepare = preparing()(train)
        return lambda table: change(prepare(table))

    return fit_preparation


def new_words_count_as_missing(train):
    numeric = [name for name in train if pd.api.types.is_numeric_dtype(train[name])]
    text = [name for name in train if name not in numeric]
    words = {name: pd.CategoricalDtype(sorted(train[name].dropna().unique())) for name in text}
    prepare_numbers = preparing()(train)

    def prepare(table):
        coded = pd.get_dummies(table[text].astype(words), dummy_na=True, dtype="float32")
        numbers = prepare_numbers(table)[:, : len(numeric)]
        return torch.cat([numbers, torch.tensor(coded.to_numpy())], dim=1)

    return prepare


def constant_always_zero(Z):
    return torch.cat([Z[:, :1], torch.zeros(len(Z), 1), Z[:, 2:]], dim=1)


def words_reversed(Z):
    return torch.cat([Z[:, :3], Z[:, 3:].flip(1)], dim=1)


def single_rows_are_not_shifted(Z):
    return Z if len(Z) > 1 else Z + 1


def aligned_by_position(train):
    """Cuts or pads the dummies of another table to as many columns as the training table has."""
    prepare = preparing(aligned=False)(train)
    width = prepare(train).shape[1]

    def same_width(table):
        found = prepare(table)
        padding = torch.zeros(len(found), width)
        return torch.cat([found, padding], dim=1)[:, :width]

    return same_width


WRONG = {
    "03.1": [
        2,
        (2, 6.0, 3, False),
        (3, 6.0, 3, False, -2.0),
        (1, 6.0, 3, False, -2.0),
        (2, 4.5, 3, False, -2.0),
        (2, 18.0, 3, False, -2.0),
        (2, 6.0, 2, False, -2.0),
        (2, 6.0, 4, False, -2.0),
        (2, 6.0, 3, True, -2.0),
        (2, 6.0, 3, "object", -2.0),
        (2, 6.0, 3, False, 2.0),
        (2, 6.0, 3, False, -8.0),
        (2, 6.0, 3, False, 0.0),
    ],
    "03.2": [
        lambda table: torch.tensor(table.to_numpy()),
        lambda table: torch.tensor(table.to_numpy(dtype="float64")),
        shared_memory,
        lambda table: torch.tensor(table.to_numpy(dtype="float32")).T,
        lambda table: torch.tensor(table.to_numpy(dtype="float32")).flatten(),
        lambda table: table.to_numpy(dtype="float32"),
        lambda table: torch.tensor(table.to_numpy(dtype="float32")).round(),
    ],
    "03.3": [
        each_by_itself,
        scaled_by("all", "all"),
        scaled_by("train", "all"),
        one_mean_for_all_columns,
        only_the_training_part,
        guarded(lambda std: torch.where(std == 0, 1.0, std)),
        guarded(lambda std: torch.where(std > 0, std, torch.ones_like(std))),
        guarded(lambda std: torch.where(std < 0.5, 1.0, std)),
        guarded(lambda std: torch.where(std < 0.01, 1.0, std)),
        guarded(lambda std: std.clamp(min=1.0)),
        guarded(lambda std: std.clamp(min=0.01)),
        guarded(lambda std: std.clamp(min=1e-6)),
        divided_by_zero,
        with_epsilon,
        in_place,
        divided_by_n,
        lambda X_train, X_test: (X_train - X_train.mean(0)) / X_train.std(0),
        lambda X_train, X_test: (X_train[:, :3], X_test[:, :3]),
    ],
    "03.4": [
        predicting(),
        (predicting(), 0.5),
        (predicting(scaled="all", chosen="all"), measuring()),
        (predicting(scaled="all"), measuring()),
        (predicting(chosen="all"), measuring()),
        (predicting(scaled=None), measuring()),
        *((predicting(columns=n), measuring()) for n in (5, 8, 9, 11, 12, 20, 40, 200)),
        (scaled_to_the_range, measuring()),
        (writes_into_labels, measuring()),
        (lambda *table: predicting()(*table).reshape(-1, 1), measuring()),
        (predicting(), measuring(divisor=9)),
        (predicting(), remembering()),
        (predicting(smallest=True), measuring()),
        (lambda X, y, train, test: y[test], measuring()),
        (lambda X, y, train, test: torch.zeros(len(test), dtype=torch.int64), measuring()),
        (lambda X, y, train, test: 0.5, measuring()),
        (lambda X, y, train, test: predicting()(X, y, train, train)[:10], measuring()),
        (predicting(), measuring(power=0.0)),
        (predicting(), measuring(power=1.0)),
        (predicting(), measuring(on="train")),
        (predicting(), measuring(first=1)),
        (predicting(), measuring(divisor=30)),
        (predicting(), measuring(program=predicting())),
        (predicting(), lambda program, tables: measuring()(program, tables)[0]),
        (predicting(), lambda program, tables: measuring()(program, tables)[::-1]),
    ],
    "03.5": [
        preparing(dummy_na=False),
        preparing(aligned=False),
        preparing(fill="own"),
        preparing(fill="zero"),
        preparing(scale="own"),
        preparing(guard=False),
        preparing(guard="zero"),
        preparing(correction=0),
        new_words_count_as_missing,
        changed_afterwards(constant_always_zero),
        changed_afterwards(words_reversed),
        changed_afterwards(single_rows_are_not_shifted),
        preparing(numbered=True),
        preparing(drop=True),
        filled_in_place,
        with_chained_assignment,
        aligned_by_position,
        lambda train: preparing()(train)(train),
        lambda train: lambda table: preparing()(train)(table).double(),
        lambda train: lambda table: preparing()(train)(table).flip(1),
    ],
}
