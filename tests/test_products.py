"""Products and contractions: what the walk over all ops does not say."""

import numpy as np
import pytest

import rushlight as torch


def random(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape)


EQUATIONS = [
    ("i,i->", (3,), (3,)),
    ("i,j,k->kij", (2,), (3,), (4,)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)),
    ("bhqd,bhkd->bhqk", (2, 3, 4, 5), (2, 3, 6, 5)),
    ("...ij,...jk->...ik", (2, 1, 3, 4), (5, 4, 2)),
    ("i...->...i", (2, 3, 4)),
    ("...,...->...", (2, 3), (3,)),
    ("iij->j", (3, 3, 2)),
    ("ijij->", (2, 3, 2, 3)),
    ("ij,kl->", (2, 3), (4, 5)),
    ("ij , jk -> ki", (2, 3), (3, 4)),
    ("ba,b", (2, 3), (2,)),
    ("ii,i->i", (3, 3), (3,)),
]


@pytest.mark.parametrize("case", EQUATIONS, ids=lambda case: case[0])
def test_einsum_follows_the_notation(case):
    equation, *shapes = case
    arrays = [random(*shape) for shape in shapes]
    found = torch.einsum(equation, *map(torch.from_numpy, arrays))
    wanted = np.einsum(equation.replace(" ", ""), *arrays)
    assert found.shape == wanted.shape
    assert np.allclose(found.numpy(), wanted)


def test_einsum_takes_lists_of_numbers_and_one_list_of_operands():
    a, b = torch.from_numpy(random(2, 3, 4)), torch.from_numpy(random(2, 4, 5))
    wanted = a @ b
    assert torch.allclose(torch.einsum(a, [0, 1, 2], b, [0, 2, 3], [0, 1, 3]), wanted)
    assert torch.allclose(torch.einsum(a, [..., 0, 1], b, [..., 1, 2], [..., 0, 2]), wanted)
    assert torch.allclose(torch.einsum("bij,bjk->bik", [a, b]), wanted)


def test_einsum_broadcasts_sizes_of_one():
    a, b = torch.ones(1, 3), torch.ones(4, 3)
    assert torch.einsum("ij,ij->i", a, b).tolist() == [3] * 4


def test_einsum_differentiates_through_everything():
    x = torch.from_numpy(random(3, 3)).requires_grad_()
    (g,) = torch.autograd.grad(torch.einsum("ij,jk,ki->", x, x, x), x)
    assert np.allclose(g.numpy(), 3 * np.linalg.matrix_power(x.detach().numpy(), 2).T)


def test_kron_of_strided_and_unequal_ranks():
    a, b = random(2, 3).T, random(4)
    found = torch.kron(torch.from_numpy(a), torch.from_numpy(b))
    assert np.allclose(found.numpy(), np.kron(a, b))
    assert torch.kron(torch.tensor([1, 2]), torch.tensor([1.0, 2.0])).dtype is torch.float32


def test_a_chain_is_multiplied_in_the_cheapest_order():
    shapes = [(2, 30), (30, 3), (3, 40), (40,)]
    arrays = [random(*shape) for shape in shapes]
    found = torch.linalg.multi_dot(list(map(torch.from_numpy, arrays)))
    assert np.allclose(found.numpy(), np.linalg.multi_dot(arrays))
    assert torch.chain_matmul(torch.ones(2, 3), torch.ones(3, 4)).shape == (2, 4)


def test_beta_zero_ignores_what_is_added():
    nan = torch.full((2,), float("nan"))
    assert torch.addmv(nan, torch.ones(2, 3), torch.ones(3), beta=0).tolist() == [3, 3]


def test_distances_of_many_rows_go_through_a_product():
    a, b = random(30, 4), random(27, 4)
    wanted = np.sqrt(((a[:, None] - b) ** 2).sum(-1))
    assert np.allclose(torch.cdist(torch.from_numpy(a), torch.from_numpy(b)).numpy(), wanted)
    exact = torch.cdist(
        torch.from_numpy(a), torch.from_numpy(b), compute_mode="donot_use_mm_for_euclid_dist"
    )
    assert np.allclose(exact.numpy(), wanted)


def test_equal_rows_pull_at_each_other_with_no_force():
    x = torch.ones(2, 3, requires_grad=True)
    torch.cdist(x, x).sum().backward()
    assert x.grad.tolist() == [[0] * 3] * 2


def test_block_diag_promotes_and_takes_vectors():
    found = torch.block_diag(torch.tensor([[1, 2]]), torch.tensor([3.5]), torch.tensor(4))
    assert found.tolist() == [[1, 2, 0, 0], [0, 0, 3.5, 0], [0, 0, 0, 4]]


def test_vander_can_be_short_and_increasing():
    x = torch.tensor([2.0, 3.0])
    assert torch.vander(x, 3, increasing=True).tolist() == [[1, 2, 4], [1, 3, 9]]
    assert torch.linalg.vander(x, N=1).tolist() == [[1], [1]]


def test_vdot_conjugates_its_first_argument():
    a, b = torch.tensor([1 + 2j]), torch.tensor([3 - 1j])
    assert torch.vdot(a, b).item() == (1 - 2j) * (3 - 1j)
    assert torch.linalg.vecdot(a, b).item() == (1 - 2j) * (3 - 1j)


def test_distances_within_one_matrix():
    x = torch.from_numpy(random(4, 3))
    above = torch.ones(4, 4).triu(1).bool()
    assert torch.allclose(torch.pdist(x), torch.cdist(x, x)[above])
    assert torch.pdist(x[:1]).shape == (0,)
