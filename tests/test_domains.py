"""The cheapest assignment of domains, compared with all possible assignments."""

import itertools
import math
import random

import pytest

from jpegdomain.domains import Operation, choose_domains


def work(operations, domains):
    """The definition written out: the work of every operation, and each necessary conversion once."""
    total = 0.0
    for operation in operations:
        runs = domains[operation.name]
        total += operation.transform if runs == "transform" else operation.pixels
        kept = "transform" if operation.stored else runs
        total += operation.conversion * (kept != runs)
        read = {domains[other.name] for other in operations if operation.name in other.reads}
        total += operation.conversion * len(read - {kept})
    return total


def random_network(seed):
    draw = random.Random(seed)
    operations = []
    for index in range(draw.randint(1, 8)):
        names = [str(earlier) for earlier in range(index)]
        costs = [draw.choice([0, 1, 2, 5, 9]) for _ in range(3)]
        if draw.random() < 0.15:
            costs[draw.randrange(2)] = math.inf
        operations.append(
            Operation(
                str(index),
                tuple(draw.sample(names, min(index, draw.randint(1, 2)))),
                *costs,
                stored=draw.random() < 0.4,
            )
        )
    return operations


@pytest.mark.parametrize("seed", range(150))
def test_no_assignment_costs_less(seed):
    operations = random_network(seed)
    names = [operation.name for operation in operations]
    everything = (
        dict(zip(names, choice, strict=True))
        for choice in itertools.product(("transform", "pixels"), repeat=len(names))
    )
    least = min(work(operations, domains) for domains in everything)
    assert least < math.inf
    assert work(operations, choose_domains(operations)) == least


def test_pixels_are_chosen_if_both_cost_the_same():
    assert choose_domains([Operation("a", (), 3, 3, 0), Operation("b", ("a",), 1, 1, 5)]) == {
        "a": "pixels",
        "b": "pixels",
    }


def test_a_result_is_converted_once_for_all_its_readers():
    """Three readers on pixels share one J̃ of 4, which is less than what running the first on pixels costs, 5 more."""
    readers = [Operation(name, ("a",), 9, 0, 0) for name in "bcd"]
    assert choose_domains([Operation("a", (), 0, 5, 4), *readers])["a"] == "transform"
    assert choose_domains([Operation("a", (), 0, 3, 4), *readers])["a"] == "pixels"
