"""Right answers to the exercises of chapter 03, other than the solutions; each must be accepted."""

import numpy as np
import pandas as pd
import torch


def column_by_column(table):
    return torch.stack([torch.tensor(table[name].to_numpy("float32")) for name in table], dim=1)


def standardized_by_numpy(X_train, X_test):
    train, test = X_train.numpy(), X_test.numpy()
    constant = np.ptp(train, axis=0) == 0
    std = np.where(constant, 1, train.std(axis=0, ddof=1))
    mean = train.mean(axis=0)
    return [torch.tensor((part - mean) / std) for part in (train, test)]


def standardized_in_float64(X_train, X_test):
    # Sums of equal float32 numbers are exact in float64, so that 0 is 0 here.
    X_train, X_test = X_train.double(), X_test.double()
    std = X_train.std(0)
    std[std == 0] = 1.0
    return (X_train - X_train.mean(0)) / std, (X_test - X_train.mean(0)) / std


def standardized_in_a_loop(X_train, X_test):
    Z_train, Z_test = X_train.clone(), X_test.clone()
    for j in range(X_train.shape[1]):
        column = X_train[:, j]
        scale = 1.0 if (column == column[0]).all() else column.std()
        Z_train[:, j] = (column - column.mean()) / scale
        Z_test[:, j] = (X_test[:, j] - column.mean()) / scale
    return Z_train, Z_test


def predicted_by_loops(X, y, train, test):
    X = X.double()
    mean, std = X[train].mean(0), X[train].std(0, correction=0)  # n or n − 1: one factor for all
    Z = (X - mean) / std
    ones, zeros = train[y[train] == 1], train[y[train] == 0]
    centers = torch.stack([Z[zeros].mean(0), Z[ones].mean(0)])
    best = (centers[1] - centers[0]).abs().argsort(descending=True)[:10]
    return [torch.cdist(Z[i : i + 1, best], centers[:, best]).argmin().item() for i in test]


def predicted_as_tensor(X, y, train, test):
    return torch.tensor(predicted_by_loops(X, y, train, test))


def predicted_as_booleans(X, y, train, test):
    return predicted_as_tensor(X, y, train, test) == 1


def measured_by_numpy(program, tables):
    scores = [
        np.mean((program(X, y, train, test) == y[test]).numpy()) for X, y, train, test in tables
    ]
    return np.mean(scores), np.std(scores) / np.sqrt(len(scores))


def measured_as_tensor(program, tables):
    right = [(program(*table) == table[1][table[3]]).double().mean() for table in tables]
    scores = torch.stack(right)
    return torch.stack([scores.mean(), scores.std() / len(scores) ** 0.5])


def prepared_by_hand(train):
    """Loops over columns, words found with unique(), nothing from get_dummies."""
    learned = []
    for name in train:
        column = train[name]
        if pd.api.types.is_numeric_dtype(column):
            known = column.astype(float)
            filled = known.fillna(known.mean())
            scale = 1.0 if filled.nunique() == 1 else filled.std()
            learned.append((name, (known.mean(), filled.mean(), scale)))
        else:
            learned.append((name, sorted(column.dropna().unique())))
    learned.sort(key=lambda pair: isinstance(pair[1], list))  # numbers first; sorting is stable

    def prepare(table):
        columns = []
        for name, known in learned:
            if isinstance(known, tuple):
                fill, mean, scale = known
                columns.append((table[name].astype(float).fillna(fill) - mean) / scale)
            else:
                columns += [table[name] == word for word in known]
                columns.append(table[name].isna())
        rows = [torch.tensor(column.to_numpy("float32")) for column in columns]
        return torch.stack(rows, dim=1)

    return prepare


def prepared_word_by_word(train):
    numeric = [name for name in train if pd.api.types.is_numeric_dtype(train[name])]
    text = [name for name in train if name not in numeric]
    numbers = train[numeric].astype("float64")
    filled = numbers.fillna(numbers.mean())
    std = filled.std().mask(filled.max() == filled.min(), 1.0)

    def coded(table, name):
        return pd.get_dummies(table[name], prefix=name, dummy_na=True)

    learned = {name: coded(train, name).columns for name in text}

    def prepare(table):
        Z = (table[numeric].astype("float64").fillna(numbers.mean()) - filled.mean()) / std
        words = [coded(table, n).reindex(columns=learned[n], fill_value=False) for n in text]
        whole = pd.concat([Z, *words], axis=1)
        # PyTorch warns, the first time of a process, that the array is read-only.
        return torch.from_numpy(whole.astype("float32").to_numpy()).clone()

    return prepare


RIGHT = {
    "03.1": [(2, 6, 3, False, -2), (torch.tensor(2), 18 / 3, 3, False, torch.tensor(-2.0))],
    "03.2": [
        # Warns the first time of a process that the array is read-only; then it is copied.
        lambda table: torch.from_numpy(table.to_numpy(dtype="float32")).clone(),
        lambda table: torch.tensor(table.astype("float32").values),
        lambda table: torch.tensor(table.to_numpy(dtype=float).tolist()),
        lambda table: torch.from_numpy(table.to_numpy(dtype="float32", copy=True)),
        lambda table: torch.tensor(table.values.astype(float)).float(),
        column_by_column,
    ],
    "03.3": [standardized_by_numpy, standardized_in_float64, standardized_in_a_loop],
    "03.4": [
        (predicted_as_tensor, measured_by_numpy),
        (predicted_as_booleans, measured_as_tensor),
    ],
    "03.5": [prepared_by_hand, prepared_word_by_word],
}
