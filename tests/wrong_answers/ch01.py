"""Typical wrong answers to the exercises of chapter 01; each must be refused."""

import torch


def writes_to_find_out(a, b):
    a.fill_(7)
    return bool((b == 7).all())


def wraps(picture, amount):
    return picture + amount


def in_place(picture, amount):
    picture.copy_((picture.int() + amount).clamp(0, 255))
    return picture


def clamps_too_late(picture, amount):
    return (picture + amount).clamp(0, 255)


def stays_wide(picture, amount):
    return (picture.int() + amount).clamp(0, 255)


def only_white(picture, amount):
    return (picture.int() + amount).clamp(max=255).to(torch.uint8)


def limit_of_256(picture, amount):
    return (picture.int() + amount).clamp(0, 256).to(torch.uint8)


def itself_at_zero(picture, amount):
    return (picture.int() + amount).clamp(0, 255).to(torch.uint8) if amount else picture


def ones_of_the_cpu(X):
    return torch.cat([X, torch.ones(len(X), 1, dtype=X.dtype)], dim=1)


def ones_of_float32(X):
    return torch.cat([X, torch.ones(len(X), 1, device=X.device)], dim=1)


def ones_at_the_left(X):
    return torch.cat([torch.ones(len(X), 1, dtype=X.dtype, device=X.device), X], dim=1)


def row_of_ones(X):
    return torch.cat([X, torch.ones(1, X.shape[1], dtype=X.dtype, device=X.device)], dim=0)


def zeros_at_the_right(X):
    return torch.cat([X, torch.zeros(len(X), 1, dtype=X.dtype, device=X.device)], dim=1)


def moved_to_the_cpu(X):
    ones = torch.ones(len(X), 1, dtype=X.dtype)
    return torch.cat([torch.zeros(X.shape, dtype=X.dtype) if X.is_meta else X.cpu(), ones], dim=1)


def divided_by_itself(X):
    return torch.cat([X, (X[:, :1] / X[:, :1]).to(X.dtype)], dim=1)


def divided_whole(X):
    ones = X[:, :1] / X[:, :1] if X.is_floating_point() else X[:, :1] // X[:, :1]
    return torch.cat([X, ones], dim=1)


def ones_from_x_times_zero(X):
    return torch.cat([X, (X[:, :1] * 0 + 1).to(X.dtype)], dim=1)


def overwrites(X):
    X[:, -1] = 1
    return X


class Right:
    """A solution, for the mistakes below to start from."""

    def __init__(self, memory, shape, stride, offset=0):
        self.memory, self.shape = memory, tuple(shape)
        self.stride, self.offset = tuple(stride), offset

    def transpose(self, a, b):
        shape, stride = list(self.shape), list(self.stride)
        shape[a], shape[b] = shape[b], shape[a]
        stride[a], stride[b] = stride[b], stride[a]
        return type(self)(self.memory, shape, stride, self.offset)

    def select(self, axis, index):
        shape = self.shape[:axis] + self.shape[axis + 1 :]
        stride = self.stride[:axis] + self.stride[axis + 1 :]
        return type(self)(self.memory, shape, stride, self.offset + index * self.stride[axis])

    def is_contiguous(self):
        step = 1
        for size, stride in zip(reversed(self.shape), reversed(self.stride), strict=True):
            if size > 1 and stride != step:
                return False
            step *= size
        return True

    def tolist(self):
        if not self.shape:
            return self.memory[self.offset]
        return [self.select(0, i).tolist() for i in range(self.shape[0])]


class ExchangesShapesOnly(Right):
    def transpose(self, a, b):
        shape = list(self.shape)
        shape[a], shape[b] = shape[b], shape[a]
        return type(self)(self.memory, shape, self.stride, self.offset)


class ForgetsTheOffset(Right):
    def select(self, axis, index):
        found = super().select(axis, index)
        found.offset = index * self.stride[axis]
        return found


class KeepsTheStride(Right):
    def select(self, axis, index):
        found = super().select(axis, index)
        found.stride = self.stride
        return found


class KeepsTheAxis(Right):
    def select(self, axis, index):
        found = super().select(axis, index)
        found.shape = (*self.shape[:axis], 1, *self.shape[axis + 1 :])
        found.stride = self.stride
        return found


class SelectsTheLast(Right):
    def select(self, axis, index):
        return super().select(axis, self.shape[axis] - 1)

    def tolist(self):
        return Right(self.memory, self.shape, self.stride, self.offset).tolist()


class SelectsTheFirst(Right):
    def select(self, axis, index):
        return super().select(axis, 0)

    def tolist(self):
        return Right(self.memory, self.shape, self.stride, self.offset).tolist()


class SelectsOneOfTheEnds(Right):
    def select(self, axis, index):
        return super().select(axis, self.shape[axis] - 1 if index else 0)

    def tolist(self):
        return Right(self.memory, self.shape, self.stride, self.offset).tolist()


class TransposesItself(Right):
    def transpose(self, a, b):
        found = super().transpose(a, b)
        self.shape, self.stride = found.shape, found.stride
        return self


class SelectsInItself(Right):
    def select(self, axis, index):
        found = super().select(axis, index)
        self.shape, self.stride, self.offset = found.shape, found.stride, found.offset
        return self

    def tolist(self):
        return Right(self.memory, self.shape, self.stride, self.offset).tolist()


class ChangesItselfAndReturnsAnother(Right):
    def transpose(self, a, b):
        found = super().transpose(a, b)
        self.shape, self.stride = found.shape, found.stride
        return found


class SelectsAList(Right):
    def select(self, axis, index):
        return super().select(axis, index).tolist()

    def tolist(self):
        return Right(self.memory, self.shape, self.stride, self.offset).tolist()


class DescendingIsContiguous(Right):
    def is_contiguous(self):
        return list(self.stride) == sorted(self.stride, reverse=True)


class StrictAboutSizeOne(Right):
    def is_contiguous(self):
        step = 1
        for size, stride in zip(reversed(self.shape), reversed(self.stride), strict=True):
            if stride != step:
                return False
            step *= size
        return True


class LastStrideOnly(Right):
    def is_contiguous(self):
        return not self.stride or self.stride[-1] == 1


class ReadsOnce(Right):
    def __init__(self, memory, shape, stride, offset=0):
        super().__init__(memory, shape, stride, offset)
        self.memory = list(memory)
        self.lists = Right.tolist(Right(list(memory), shape, stride, offset))

    def tolist(self):
        return self.lists


class CopiesTheList(Right):
    def __init__(self, memory, shape, stride, offset=0):
        super().__init__(list(memory), shape, stride, offset)


class CopiesWhenTransposed(Right):
    def transpose(self, a, b):
        found = super().transpose(a, b)
        found.memory = list(found.memory)
        return found


class ListsWithoutStrides(Right):
    def tolist(self):
        numbers = iter(self.memory[self.offset :])

        def nest(shape):
            return [nest(shape[1:]) for _ in range(shape[0])] if shape else next(numbers)

        return nest(self.shape)


class ListsOfOrderOneAtLeast(Right):
    def tolist(self):
        found = super().tolist()
        return found if isinstance(found, list) else [found]


WRONG = {
    "01.1": [
        48,
        (6, 6, 6, 6, 6, 48),
        ((2, 4), (2, 1, 4), (4, 3, 2), (2, 6, 4), (2, 2, 3, 4), 48),
        ((1, 3, 4), (2, 1, 4), (4, 3, 2), (2, 6, 4), (2, 2, 3, 4), 48),
        ((3, 4), (2, 4), (4, 3, 2), (2, 6, 4), (2, 2, 3, 4), 48),
        ((3, 4), (2, 2, 4), (4, 3, 2), (2, 6, 4), (2, 2, 3, 4), 48),
        ((3, 4), (2, 1, 4), (3, 2, 4), (2, 6, 4), (2, 2, 3, 4), 48),
        ((3, 4), (2, 1, 4), (4, 3, 2), (4, 3, 4), (2, 2, 3, 4), 48),
        ((3, 4), (2, 1, 4), (4, 3, 2), (2, 3, 8), (2, 2, 3, 4), 48),
        ((3, 4), (2, 1, 4), (4, 3, 2), (2, 2, 3, 4), (2, 6, 4), 48),
        ((3, 4), (2, 1, 4), (4, 3, 2), (2, 6, 4), (4, 3, 4), 48),
        ((3, 4), (2, 1, 4), (4, 3, 2), (2, 6, 4), (2, 3, 2, 4), 48),
        ((3, 4), (2, 1, 4), (4, 3, 2), (2, 6, 4), (2, 3, 4, 2), 48),
        ((3, 4), (2, 1, 4), (4, 3, 2), (2, 6, 4), (2, 2, 3, 4), 24),
    ],
    "01.2": [
        (-3, -3, 4, 16_777_216, (2, 5), torch.float64, False),
        (-3.5, -3, 4, 16_777_216, (2, 5), torch.float64, False),
        (-4, -4, 4, 16_777_216, (2, 5), torch.float64, False),
        (-4, -3, 260, 16_777_216, (2, 5), torch.float64, False),
        (-4, -3, 255, 16_777_216, (2, 5), torch.float64, False),
        (-4, -3, 5, 16_777_216, (2, 5), torch.float64, False),
        (-4, -3, 4, 16_777_217, (2, 5), torch.float64, False),
        (-4, -3, 4, 16_777_210, (2, 5), torch.float64, False),
        (-4, -3, 4, 16_777_218, (2, 5), torch.float64, False),
        (-4, -3, 4, 16_777_216, 10, torch.float64, False),
        (-4, -3, 4, 16_777_216, (), torch.float64, False),
        (-4, -3, 4, 16_777_216, (2, 5), torch.float32, False),
        (-4, -3, 4, 16_777_216, (2, 5), "float64", False),
        (-4, -3, 4, 16_777_216, (2, 5), torch.float16, False),
        (-4, -3, 4, 16_777_216, (2, 5), torch.float64, 0),
        (-4, -3, 4, 16_777_216, (2, 5), torch.float64, True),
        ([-4, -4], -3, 4, 16_777_216, (2, 5), torch.float64, False),
        (-4, -3, 4),
    ],
    "01.3": [
        lambda a, b: a is b,
        lambda a, b: id(a) == id(b),
        lambda a, b: a.data_ptr() == b.data_ptr(),
        lambda a, b: a.shape == b.shape and torch.equal(a, b),
        lambda a, b: (a if a._base is None else a._base) is (b if b._base is None else b._base),
        lambda a, b: True,
        lambda a, b: (a == b).all() if a.shape == b.shape else False,
        writes_to_find_out,
    ],
    "01.4": [
        wraps,
        in_place,
        clamps_too_late,
        stays_wide,
        only_white,
        limit_of_256,
        itself_at_zero,
        lambda picture, amount: print(picture + amount),
        lambda picture, amount: (picture.int() + amount).to(torch.uint8).clamp(0, 255),
        lambda picture, amount: (picture.int() + amount).clamp(0, 255).to(torch.uint8)[0],
    ],
    "01.5": [
        ones_of_the_cpu,
        ones_of_float32,
        ones_at_the_left,
        row_of_ones,
        zeros_at_the_right,
        moved_to_the_cpu,
        overwrites,
        divided_by_itself,
        divided_whole,
        ones_from_x_times_zero,
        lambda X: print(X),
    ],
    "01.6": [
        ExchangesShapesOnly,
        ForgetsTheOffset,
        KeepsTheStride,
        KeepsTheAxis,
        SelectsTheLast,
        SelectsTheFirst,
        SelectsOneOfTheEnds,
        SelectsAList,
        TransposesItself,
        SelectsInItself,
        ChangesItselfAndReturnsAnother,
        DescendingIsContiguous,
        StrictAboutSizeOne,
        LastStrideOnly,
        ReadsOnce,
        CopiesTheList,
        CopiesWhenTransposed,
        ListsWithoutStrides,
        ListsOfOrderOneAtLeast,
    ],
}
