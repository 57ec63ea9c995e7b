"""Distributions to compare: their names, arguments, and values to score."""

from typing import Any

# name -> (arguments as lists or numbers, values whose density is asked)
CASES: dict[str, tuple[str, dict, Any]] = {
    "normal": ("Normal", {"loc": [0.5, -1.0], "scale": [1.5, 0.2]}, [0.3, -0.9]),
    "normal of a number": ("Normal", {"loc": 0.5, "scale": [2.0]}, [0.3]),
    "uniform": ("Uniform", {"low": [0.0, -1.0], "high": [2.0, 3.0]}, [0.3, 0.9]),
    "exponential": ("Exponential", {"rate": [0.5, 3.0]}, [0.3, 0.9]),
    "laplace": ("Laplace", {"loc": [0.5, -1.0], "scale": [1.5, 0.2]}, [0.3, -0.9]),
    "cauchy": ("Cauchy", {"loc": [0.5, -1.0], "scale": [1.5, 0.2]}, [0.3, -0.9]),
    "bernoulli of probs": ("Bernoulli", {"probs": [0.2, 0.9]}, [1.0, 0.0]),
    "bernoulli of logits": ("Bernoulli", {"logits": [-2.0, 0.7]}, [1.0, 0.0]),
    "geometric": ("Geometric", {"probs": [0.2, 0.9]}, [3.0, 0.0]),
    "poisson": ("Poisson", {"rate": [0.5, 30.0]}, [3.0, 27.0]),
    "binomial": ("Binomial", {"total_count": 7, "probs": [0.2, 0.9]}, [3.0, 7.0]),
    "binomial of many": ("Binomial", {"total_count": 90, "probs": [0.3, 0.8]}, [30.0, 70.0]),
    "binomial of logits": ("Binomial", {"total_count": 5, "logits": [0.2, -0.9]}, [3.0, 1.0]),
    "categorical": ("Categorical", {"probs": [[1.0, 2.0, 3.0], [0.2, 0.5, 0.3]]}, [2, 1]),
    "categorical of logits": ("Categorical", {"logits": [[1.0, -2.0, 3.0]]}, [2]),
    "one-hot": ("OneHotCategorical", {"probs": [0.2, 0.5, 0.3]}, [0.0, 1.0, 0.0]),
    "straight through": (
        "OneHotCategoricalStraightThrough",
        {"logits": [0.2, 0.5, 0.3]},
        [0.0, 1.0, 0.0],
    ),
    "multinomial": ("Multinomial", {"total_count": 6, "probs": [0.2, 0.5, 0.3]}, [1.0, 3.0, 2.0]),
    "gamma": ("Gamma", {"concentration": [0.4, 3.0], "rate": [1.0, 2.0]}, [0.3, 0.9]),
    "chi2": ("Chi2", {"df": [1.0, 5.0]}, [0.3, 4.0]),
    "beta": ("Beta", {"concentration1": [0.5, 3.0], "concentration0": [2.0, 1.5]}, [0.3, 0.9]),
    "dirichlet": ("Dirichlet", {"concentration": [[0.5, 3.0, 1.0]]}, [[0.2, 0.5, 0.3]]),
    "student": ("StudentT", {"df": [3.0, 9.0], "loc": [0.0, 1.0], "scale": [1.0, 2.0]}, [0.3, 4.0]),
    "gumbel": ("Gumbel", {"loc": [0.5, -1.0], "scale": [1.5, 0.2]}, [0.3, -0.9]),
    "half normal": ("HalfNormal", {"scale": [1.5, 0.2]}, [0.3, 0.1]),
    "half cauchy": ("HalfCauchy", {"scale": [1.5, 0.2]}, [0.3, 0.1]),
    "log-normal": ("LogNormal", {"loc": [0.5, -1.0], "scale": [1.5, 0.2]}, [0.3, 0.9]),
    "negative binomial": ("NegativeBinomial", {"total_count": 5, "probs": [0.2, 0.9]}, [1.0, 40.0]),
    "pareto": ("Pareto", {"scale": [1.0, 0.5], "alpha": [2.5, 4.0]}, [1.5, 0.9]),
    "weibull": ("Weibull", {"scale": [1.0, 0.5], "concentration": [2.5, 4.0]}, [1.5, 0.9]),
    "inverse gamma": (
        "InverseGamma",
        {"concentration": [3.5, 4.0], "rate": [1.0, 0.5]},
        [1.5, 0.9],
    ),
    "logistic normal": (
        "LogisticNormal",
        {"loc": [0.5, -1.0], "scale": [1.5, 0.2]},
        [0.3, 0.5, 0.2],
    ),
    "relaxed categorical": (
        "RelaxedOneHotCategorical",
        {"temperature": [0.7], "logits": [0.1, 0.5, -0.3]},
        [0.2, 0.5, 0.3],
    ),
    "relaxed bernoulli": (
        "RelaxedBernoulli",
        {"temperature": [0.7], "probs": [0.1, 0.5]},
        [0.2, 0.5],
    ),
    "normal vectors by factor": (
        "MultivariateNormal",
        {"loc": [0.5, -1.0], "scale_tril": [[1.0, 0.0], [0.5, 2.0]]},
        [[0.3, -0.9]],
    ),
    "normal vectors by covariance": (
        "MultivariateNormal",
        {"loc": [[0.5, -1.0]], "covariance_matrix": [[2.0, 0.3], [0.3, 1.0]]},
        [[0.3, -0.9]],
    ),
    "normal vectors by precision": (
        "MultivariateNormal",
        {"loc": [0.5, -1.0], "precision_matrix": [[2.0, 0.3], [0.3, 1.0]]},
        [[0.3, -0.9]],
    ),
}

WITHOUT_PATH_GRADIENT = {"beta", "dirichlet"}  # ours is another estimator of the same expectation


def made(torch: Any, name: str, grads: bool = False) -> tuple[Any, list, Any]:
    """The distribution of a case, its parameters, and the values to score."""
    kind, arguments, value = CASES[name]
    given: dict = {}
    for key, numbers in arguments.items():
        is_list = isinstance(numbers, list)
        given[key] = torch.tensor(numbers, requires_grad=grads) if is_list else numbers
    leaves = [v for v in given.values() if hasattr(v, "requires_grad")]
    return getattr(torch.distributions, kind)(**given), leaves, torch.tensor(value)
