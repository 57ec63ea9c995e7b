"""Special functions where they are hard: tails, ends, reflections and huge arguments."""

import math

import numpy as np
import pytest

from rushlight._arrays import gamma, special

# Values of mpmath 1.3 with 60 digits.
GOLDEN = {
    "erf": (
        (1e-200, 1.1283791670955125e-200),
        (1e-05, 1.1283791670579e-05),
        (0.5, 0.5204998778130465),
        (0.99, 0.8385080695553698),
        (1.01, 0.8468104962282768),
        (-2.5, -0.999593047982555),
        (5.0, 0.9999999999984626),
    ),
    "erfc": (
        (-3.0, 1.9999779095030015),
        (0.25, 0.7236736098317631),
        (0.5, 0.4795001221869535),
        (0.75, 0.28884436634648486),
        (3.0, 2.209049699858544e-05),
        (10.0, 2.088487583762545e-45),
        (26.0, 5.663192408856143e-296),
    ),
    "erfcx": (
        (-4.0, 17772220.904016286),
        (0.0, 1.0),
        (0.3, 0.7345993345676551),
        (2.0, 0.25539567631050575),
        (30.0, 0.01879588886141675),
        (100000000.0, 5.641895835477562e-09),
    ),
    "erfinv": (
        (1e-200, 8.86226925452758e-201),
        (0.1, 0.08885599049425769),
        (0.5, 0.4769362762044699),
        (-0.75, -0.8134198475976185),
        (0.999999, 3.458910737275499),
        (0.9999999999999999, 5.8635847487551676),
    ),
    "ndtri": (
        (1e-10, -6.361340902404057),
        (0.1, -1.2815515655446004),
        (0.4, -0.2533471031357997),
        (0.5, 0.0),
        (0.8, 0.8416212335729144),
        (0.999, 3.090232306167813),
    ),
    "log_ndtr": (
        (-40.0, -804.6084420137538),
        (-10.0, -53.23128515051247),
        (-1.5, -2.7059444008238898),
        (0.0, -0.6931471805599453),
        (2.0, -0.02301290932896349),
        (6.0, -9.865876455243758e-10),
    ),
    "i0": (
        (0.0, 1.0),
        (0.001, 1.0000002500000156),
        (-2.5, 3.289839144050123),
        (7.9, 389.406283282158),
        (8.1, 469.5006067101215),
        (100.0, 1.0737517071310738e42),
    ),
    "i0e": (
        (0.0, 1.0),
        (-2.5, 0.27004644161220276),
        (8.1, 0.14251180948829528),
        (10000.0, 0.003989472674604732),
    ),
    "i1": (
        (1e-10, 5e-11),
        (-2.5, -2.5167162452886984),
        (7.9, 363.8539440845084),
        (8.1, 439.48430891035844),
        (100.0, 1.0683693903381625e42),
    ),
    "i1e": (
        (1e-10, 4.9999999995e-11),
        (-2.5, -0.20658464953126657),
        (8.1, 0.13340068832583662),
        (10000.0, 0.003989273195983662),
    ),
    "lgamma": (
        (1e-300, 690.7755278982137),
        (0.5, 0.5723649429247001),
        (0.999999, 5.772164873855652e-07),
        (1.5, -0.12078223763524522),
        (2.000001, 4.2278465762452923e-07),
        (2.9, 0.6028696102493114),
        (3.1, 0.7873750832738625),
        (10.0, 12.801827480081469),
        (100000.0, 1051287.7089736569),
        (1e300, 6.897755278982137e302),
        (-0.5, 1.2655121234846454),
        (-3.3, -0.8243558050174264),
    ),
    "digamma": (
        (1e-05, -100000.57719921567),
        (0.5, -1.9635100260214235),
        (1.4616321, -4.3514636958769774e-08),
        (1.99, 0.41631470604541493),
        (2.01, 0.4292135520323155),
        (5.9, 1.6878194259079582),
        (6.1, 1.724087960428538),
        (10000000000.0, 23.025850929890456),
        (-0.5, 0.03648997397857652),
        (-3.3, 3.620353460592126),
    ),
    "polygamma 1": (
        (0.1, 101.43329915079275),
        (1.0, 1.6449340668482264),
        (7.5, 0.1426158966967038),
        (-1.3, 14.53687624413708),
    ),
    "polygamma 2": (
        (0.1, -2001.8614573783436),
        (1.0, -2.4041138063191885),
        (7.5, -0.020305252536644666),
        (-1.3, 68.54941347116214),
    ),
    "polygamma 5": (
        (0.1, 120000069.30751093),
        (1.0, 122.0811674381339),
        (7.5, 0.0013927076560043099),
        (-1.3, 165659.24299740966),
    ),
    "zeta": (
        (1.01, 1.0, 100.57794333849678),
        (2.0, 1.0, 1.6449340668482264),
        (3.5, 0.2, 280.13196083873333),
        (20.0, 4.0, 9.202674668690208e-13),
        (2.0, 50.0, 0.020201333226697125),
    ),
    "gammainc": (
        (0.5, 0.1, 0.345279153981423),
        (0.01, 0.5, 0.9943732438060329),
        (2.0, 2.5, 0.7127025048163542),
        (3.0, 10.0, 0.9972306042844884),
        (100.0, 90.0, 0.15822098918643016),
        (100.0, 130.0, 0.9972495916326934),
        (5000.0, 5010.0, 0.5580552789463424),
    ),
    "gammaincc": (
        (0.5, 0.1, 0.654720846018577),
        (0.01, 0.5, 0.0056267561939671844),
        (2.0, 2.5, 0.2872974951836458),
        (3.0, 10.0, 0.002769395715511576),
        (100.0, 90.0, 0.8417790108135699),
        (100.0, 130.0, 0.002750408367306526),
        (5000.0, 5010.0, 0.4419447210536576),
        (1e-08, 0.5, 5.597735977099587e-09),
        (1.0, 600.0, 2.6503965530043108e-261),
    ),
}
# Where the result is small beside the terms it is made of, or the argument is amplified.
LOOSE = {
    "gammainc": 1e-12,
    "gammaincc": 1e-12,
    "log_ndtr": 5e-15,
    "digamma": 2e-14,
    "erfinv": 3e-15,
}


def word(name: str):
    name, _, order = name.partition(" ")
    function = getattr(special, name, None) or getattr(gamma, name)
    return (lambda x: function(int(order), x)) if order else function


@pytest.mark.parametrize("name", GOLDEN)
def test_value_to_the_last_digits(name: str) -> None:
    *given, wanted = np.array(GOLDEN[name]).T
    np.testing.assert_allclose(word(name)(*given), wanted, rtol=LOOSE.get(name, 2e-15), atol=0)


@pytest.mark.parametrize("name", GOLDEN)
def test_single_precision(name: str) -> None:
    rows = np.array(GOLDEN[name])
    rows = rows[np.all((np.abs(rows) < 1e30) & (np.abs(rows) > 1e-30), axis=1)]
    rows = rows[np.all(rows[:, :-1] == rows[:, :-1].astype(np.float32), axis=1)]
    *given, wanted = rows.astype(np.float32).T
    found = word(name)(*given)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_erf_of_many_singles_is_that_of_few() -> None:
    x = np.linspace(-5, 5, 40_001).astype(np.float32)
    wanted = np.array([math.erf(v) for v in x.tolist()])
    np.testing.assert_allclose(special.erf(x), wanted, rtol=8e-7)
    assert np.abs(special.erf(x)).max() == 1.0


def test_erf_of_many_doubles_is_that_of_few() -> None:
    x = np.linspace(-7, 7, 20_001)
    np.testing.assert_allclose(special.erf(x), np.vectorize(math.erf)(x), rtol=1e-15)


INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("name", "given", "wanted"),
    [
        ("erf", (-INF, INF, NAN), (-1, 1, NAN)),
        ("erfc", (-INF, INF, NAN), (2, 0, NAN)),
        ("erfcx", (-INF, INF, NAN), (INF, 0, NAN)),
        ("erfinv", (-1, 1, 1.5, NAN), (-INF, INF, NAN, NAN)),
        ("ndtri", (0, 1, -0.5, 0.5), (-INF, INF, NAN, 0)),
        ("log_ndtr", (-INF, INF, NAN), (-INF, 0, NAN)),
        ("i0e", (-INF, INF, NAN), (0, 0, NAN)),
        ("i1e", (-INF, INF, NAN), (0, 0, NAN)),
        ("lgamma", (-INF, -2, -0.0, 0, 1, 2, INF), (INF, INF, INF, INF, 0, 0, INF)),
        ("digamma", (-INF, -2, -0.0, 0, INF), (NAN, NAN, INF, -INF, INF)),
        ("polygamma 2", (0, -1, NAN), (-INF, -INF, NAN)),
    ],
)
def test_ends_of_the_domain(name: str, given: tuple, wanted: tuple) -> None:
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(word(name)(np.array(given, float)), np.array(wanted, float))


@pytest.mark.parametrize(
    ("name", "s", "x", "wanted"),
    [
        ("zeta", 1.0, 2.0, INF),
        ("zeta", 0.5, 2.0, NAN),
        ("zeta", 2.0, -1.0, INF),
        ("zeta", 2.5, -0.5, NAN),
        ("gammainc", 0.0, 1.0, 1.0),
        ("gammainc", 1.0, 0.0, 0.0),
        ("gammainc", 1.0, INF, 1.0),
        ("gammainc", INF, 1.0, 0.0),
        ("gammainc", -1.0, 1.0, NAN),
        ("gammaincc", 1.0, INF, 0.0),
        ("gammaincc", 0.0, 0.0, NAN),
    ],
)
def test_ends_of_two_arguments(name: str, s: float, x: float, wanted: float) -> None:
    np.testing.assert_array_equal(word(name)(np.array(s), np.array(x)), wanted)


def test_shapes_and_layouts() -> None:
    x = np.linspace(0.5, 3, 24).reshape(2, 3, 4)
    for name in ("erf", "erfc", "lgamma", "digamma", "i0"):
        whole = word(name)(x)
        assert whole.shape == x.shape
        np.testing.assert_array_equal(word(name)(x.T), whole.T)
        np.testing.assert_array_equal(word(name)(x[:, ::2]), whole[:, ::2])
        assert word(name)(np.zeros((0, 3))).shape == (0, 3)
        assert word(name)(np.array(1.5)).shape == ()
    assert gamma.zeta(x + 1, x[0, 0]).shape == x.shape


def test_blocks_join() -> None:
    x = np.linspace(0.1, 9, 3 * special.BLOCK + 7)
    for name in ("erfc", "erfinv", "lgamma", "digamma", "i1e"):
        whole = word(name)(x / 10)
        for part in (slice(0, 5), slice(-5, None), slice(special.BLOCK - 2, special.BLOCK + 3)):
            np.testing.assert_allclose(word(name)(x[part] / 10), whole[part], rtol=1e-14)
