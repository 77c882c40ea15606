"""One operation at a time, over torch's methods and functions: on an `Activation`, the result on its pixels."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import jpegdomain as jd

from .same import assert_same, pixels

SHAPE = (2, 4, 19, 16)


def words(text):
    return text.split()


def image(positive=False, size=SHAPE):
    x = pixels(*size)
    return x.abs() + 0.1 if positive else x


UNARY = words("""
abs absolute acos acosh amax amin aminmax any arccos arccosh arcsin arcsinh arctan arctanh argmax argmin argsort
asin asinh atan atanh bool byte ceil char clone conj conj_physical contiguous cos cosh count_nonzero cpu deg2rad
detach digamma dim double element_size erf erfc erfinv exp exp2 expm1 flatten fix float floor frac half int
is_complex is_contiguous is_floating_point isfinite isinf isnan isneginf isposinf isreal lgamma log log10 log1p log2
logical_not logit long max mean median min nan_to_num ndimension neg negative nelement nonzero norm numel positive
prod rad2deg ravel reciprocal relu round rsqrt sgn short sigmoid sign signbit sin sinc sinh size sort sqrt square
squeeze std sum tan tanh tolist trunc type unique var numpy nanmean nansum nanmedian bfloat16 msort is_signed i0
cdouble stride get_device is_inference isreal tril triu
""")

POSITIVE = {"float_power", "xlogy", "log", "log10", "log2", "log1p", "sqrt", "rsqrt", "digamma", "lgamma", "logit"}
INSIDE = {"acos", "arccos", "asin", "arcsin", "atanh", "arctanh", "erfinv", "logit"}

OTHER = words("""
add atan2 arctan2 copysign div eq float_power fmax fmin fmod floor_divide ge greater greater_equal gt hypot isclose
le less less_equal logaddexp logaddexp2 logical_and logical_or logical_xor lt maximum minimum mul multiply ne
nextafter not_equal remainder sub subtract true_divide xlogy heaviside dist allclose equal divide __add__ __radd__
__sub__ __rsub__ __mul__ __rmul__ __truediv__ __rtruediv__ __floordiv__ __mod__ __eq__ __ne__ __lt__ __le__ __gt__
__ge__
""")

# Name → arguments after the image, for torch's tensor method and function of that name.
CALLS = [
    *[(name, ()) for name in UNARY],
    *[
        (name, (dim,))
        for name in ["amax", "amin", "argmax", "argmin", "argsort", "softmax", "log_softmax", "logsumexp", "cumsum"]
        for dim in (1, -1)
    ],
    *[
        (name, (dim,))
        for name in ["cumprod", "mean", "median", "max", "min", "sum", "std", "var", "sort", "unbind", "prod", "norm"]
        for dim in (1, 2)
    ],
    *[(name, ((2, 3), True)) for name in ["mean", "sum", "amax", "amin", "logsumexp"]],
    *[(name, ((1,), False)) for name in ["mean", "sum", "amax", "amin"]],
    *[(name, ([0, 2, 3],)) for name in ["mean", "sum", "amax", "std", "var"]],
    ("var", (1, False)),
    ("std", ((2, 3), True, True)),
    ("clamp", (-0.5, 0.5)),
    ("clamp", (None, 0.3)),
    ("clip", (-0.2,)),
    ("clamp_min", (0.1,)),
    ("clamp_max", (0.1,)),
    ("pow", (2,)),
    ("pow", (3.0,)),
    ("__pow__", (2,)),
    ("__rpow__", (2.0,)),
    ("float_power", (2,)),
    ("add", (1.5,)),
    ("sub", (2,)),
    ("mul", (-0.5,)),
    ("div", (3,)),
    ("rsub", (1,)),
    ("__rsub__", (1,)),
    ("__rtruediv__", (1,)),
    ("__neg__", ()),
    ("__abs__", ()),
    ("__pos__", ()),
    ("fmod", (0.7,)),
    ("remainder", (0.7,)),
    ("eq", (0,)),
    ("gt", (0.2,)),
    ("le", (0.2,)),
    ("lerp", ("image", 0.3)),
    ("addcmul", ("image", "image")),
    ("addcdiv", ("image", "positive")),
    ("masked_fill", ("mask", 0.5)),
    ("masked_select", ("mask",)),
    ("masked_scatter", ("mask", "image")),
    ("index_select", (1, "index")),
    ("index_select", (3, "index")),
    ("index_fill", (1, "index", 2.0)),
    ("index_add", (2, "index", "rows")),
    ("index_copy", (2, "index", "rows")),
    ("gather", (1, "places")),
    ("scatter", (1, "places", 0.5)),
    ("scatter_add", (1, "places", "image")),
    ("take", ("index",)),
    ("take_along_dim", ("places", 1)),
    ("topk", (2, 1)),
    ("kthvalue", (2, 3)),
    ("quantile", (0.3, 1)),
    ("nanquantile", (0.3,)),
    ("histc", (5,)),
    ("permute", (0, 2, 3, 1)),
    ("permute", ((3, 0, 2, 1),)),
    ("transpose", (1, 2)),
    ("transpose", (-1, -2)),
    ("swapaxes", (0, 1)),
    ("swapdims", (1, 3)),
    ("movedim", (1, 3)),
    ("moveaxis", ((0, 1), (1, 0))),
    ("reshape", (2, 2, 2, 19, 16)),
    ("reshape", (8, 19, 16)),
    ("reshape", ((2, -1),)),
    ("view", (-1, 19, 16)),
    ("view", (2, 4, 304)),
    ("view_as", ("image",)),
    ("reshape_as", ("image",)),
    ("flatten", (1,)),
    ("flatten", (0, 1)),
    ("flatten", (2, 3)),
    ("unflatten", (1, (2, 2))),
    ("unflatten", (3, (2, 8))),
    ("unsqueeze", (0,)),
    ("unsqueeze", (-1,)),
    ("squeeze", (1,)),
    ("expand", (3, 2, 4, 19, 16)),
    ("expand_as", ("image",)),
    ("repeat", (1, 2, 1, 1)),
    ("repeat", (1, 1, 2, 3)),
    ("tile", ((2, 1),)),
    ("repeat_interleave", (2, 1)),
    ("repeat_interleave", (2, 3)),
    ("chunk", (2, 1)),
    ("chunk", (3, 2)),
    ("split", (3, 1)),
    ("split", ([1, 3], 1)),
    ("split", (8, 3)),
    ("tensor_split", (3, 1)),
    ("hsplit", (2,)),
    ("vsplit", ([7],)),
    ("dsplit", ([3],)),
    ("narrow", (1, 1, 2)),
    ("narrow", (2, 4, 9)),
    ("select", (0, 1)),
    ("select", (2, 1)),
    ("diagonal", (0, 2, 3)),
    ("diff", (1, -1)),
    ("flip", (1,)),
    ("flip", ([2, 3],)),
    ("flip", (3,)),
    ("fliplr", ()),
    ("flipud", ()),
    ("rot90", (1, [2, 3])),
    ("roll", (2, 1)),
    ("roll", ((1, 2), (2, 3))),
    ("matmul", ("square",)),
    ("__matmul__", ("square",)),
    ("renorm", (2, 1, 1.0)),
    ("norm", (1, (2, 3))),
    ("type_as", ("image",)),
    ("to", (torch.float32,)),
    ("to", (torch.int64,)),
    ("to", ("cpu",)),
    ("to", ("image",)),
    ("type", (torch.float32,)),
    ("nan_to_num", (0.0,)),
    ("cummax", (1,)),
    ("cummin", (3,)),
    ("logcumsumexp", (1,)),
    ("size", (2,)),
    ("stride", (1,)),
    ("new_zeros", ((2, 3),)),
    ("new_ones", ((2, 3, 8, 9),)),
    ("new_full", ((3, 8, 9), 0.5)),
    ("new_tensor", ([1.0, 2.0],)),
    ("zeros_like", ()),
    ("ones_like", ()),
    ("full_like", (0.25,)),
    *[(name, ("positive" if name in ("xlogy", "float_power") else "image",)) for name in OTHER],
    *[(name, ("channels",)) for name in ("add", "sub", "mul", "div", "maximum", "__rsub__", "__rtruediv__", "gt")],
    *[(name, ("perimage",)) for name in ("add", "mul", "div", "lt")],
    *[(name, ("row",)) for name in ("add", "mul")],
]

FUNCTIONS = {
    "celu": (), "elu": (), "gelu": (), "hardshrink": (), "hardsigmoid": (), "hardswish": (), "hardtanh": (),
    "leaky_relu": (0.2,), "logsigmoid": (), "mish": (), "relu": (), "relu6": (), "selu": (), "silu": (), "softplus": (),
    "softshrink": (), "softsign": (), "tanhshrink": (), "threshold": (0.1, 0.2), "softmin": (1,), "glu": (1,),
    "normalize": (), "local_response_norm": (3,), "instance_norm": (), "layer_norm": ([16],), "group_norm": (2,),
    "avg_pool2d": (3, 2, 1), "max_pool2d": (3, 2, 1), "lp_pool2d": (2, 3), "adaptive_avg_pool2d": ((3, 5),),
    "adaptive_max_pool2d": ((3, 5),), "adaptive_avg_pool2d ": (1,), "interpolate": (None, 2), "pixel_shuffle": (2,),
    "pixel_unshuffle": (1,), "channel_shuffle": (2,), "pad": ((1, 2, 3, 4),), "pad ": ((0, 0, 0, 0, 1, 2),),
    "pad  ": ((1, 1, 1, 1), "reflect"), "unfold": (3,), "dropout": (0.5, False), "dropout2d": (0.5, False),
    "alpha_dropout": (0.5, False), "softmax": (1,), "log_softmax": (2,), "rrelu": (), "gumbel_softmax ": (),
    "linear": ("square",), "mse_loss": ("image",), "l1_loss": ("image",), "smooth_l1_loss": ("image",),
    "huber_loss": ("image",), "binary_cross_entropy_with_logits": ("unit",),
    "cross_entropy": ("labels",), "cosine_similarity": ("image",), "pairwise_distance": ("image",),
    "bilinear ": (), "conv2d": ("kernel",), "conv2d ": ("kernel", None, 2, 1), "conv_transpose2d": ("kernel", None, 2),
    "prelu": ("slopes",), "max_pool2d ": (2, None, 0, 1, True),
    "soft_margin_loss": ("unit",), "rms_norm": ([16],), "scaled_dot_product_attention": ("image", "image"),
}  # fmt: skip


def given(name):
    torch.manual_seed(7)
    made = {
        "image": lambda: pixels(*SHAPE, seed=5),
        "positive": lambda: pixels(*SHAPE, seed=5).abs() + 0.5,
        "unit": lambda: pixels(*SHAPE, seed=5).sigmoid(),
        "mask": lambda: pixels(*SHAPE, seed=6) > 0,
        "index": lambda: torch.tensor([2, 0]),
        "rows": lambda: pixels(2, 4, 2, 16),
        "places": lambda: torch.randint(4, SHAPE),
        "square": lambda: pixels(16, 16),
        "channels": lambda: pixels(4, 1, 1),
        "perimage": lambda: pixels(2, 4, 1, 1),
        "row": lambda: pixels(1, 16),
        "labels": lambda: torch.randint(4, (2, 19, 16)),
        "kernel": lambda: pixels(4, 4, 3, 3),
        "slopes": lambda: pixels(4),
    }
    return made[name]() if isinstance(name, str) and name in made else name


def source(name):
    name = name.strip()
    x = image(positive=name in POSITIVE)
    return x.sigmoid() if name in INSIDE else x.abs() + 1.1 if name in ("acosh", "arccosh") else x


def check(run, x, others, random=False):
    """Run with only the image as an activation, and, if another argument has its shape, with only that one, and with
    both."""
    expected = run(x.clone(), *others)
    outcomes = [run(jd.encode(x), *others)]
    if any(isinstance(other, Tensor) and other.is_floating_point() and other.shape == x.shape for other in others):
        coded = [
            jd.encode(o) if isinstance(o, Tensor) and o.is_floating_point() and o.shape == x.shape else o
            for o in others
        ]
        outcomes += [run(x.clone(), *coded), run(jd.encode(x), *coded)]
    for outcome in outcomes:
        if not isinstance(expected, (Tensor, tuple, list)):
            assert type(outcome) is type(expected) or isinstance(outcome, type(expected))
            close = outcome == pytest.approx(expected, rel=1e-9) if isinstance(expected, float) else None
            assert close or (outcome == expected if isinstance(expected, (int, bool, str, torch.Size)) else True)
        elif isinstance(expected, list) and not isinstance(expected[0], Tensor):
            torch.testing.assert_close(torch.tensor(outcome), torch.tensor(expected), rtol=1e-9, atol=1e-9)
        else:
            assert_same(
                tuple(outcome) if isinstance(outcome, (tuple, list)) else outcome,
                tuple(expected) if isinstance(expected, (tuple, list)) else expected,
            )


def _is_function_of(function, x, others):
    """Whether torch's function of a method's name takes a method's arguments; `torch.float` does not."""
    try:
        function(x, *others)
    except TypeError:
        return False
    return True


@pytest.mark.parametrize(
    ("name", "arguments"), CALLS, ids=[f"{name}{number}" for number, (name, _) in enumerate(CALLS)]
)
@pytest.mark.parametrize("place", ["method", "function"])
def test_tensor_methods_and_functions(name, arguments, place):
    if not hasattr(Tensor if place == "method" else torch, name):
        # At least one of the two must exist.
        assert hasattr(torch if place == "method" else Tensor, name)
        return
    x, others = source(name), [given(argument) for argument in arguments]
    if name == "numpy":
        assert math.isclose(float(abs(jd.encode(x).numpy() - x.numpy()).max()), 0, abs_tol=1e-12)
        return
    if place == "method":
        check(lambda y, *rest: getattr(y, name)(*rest), x, others)
    elif _is_function_of(getattr(torch, name), x, others):
        check(getattr(torch, name), x, others)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in ("gumbel_softmax ", "bilinear ")])
def test_functions_of_networks(name):
    arguments = [given(argument) for argument in FUNCTIONS[name]]
    check(getattr(F, name.strip()), source(name), arguments)


IN_PLACE = words("""
abs add atan ceil clamp cos div eq erf exp fill floor frac lerp masked_fill mul neg pow relu round sigmoid sin sqrt
square sub tanh trunc zero copy log1p transpose squeeze unsqueeze tril
""")
ARGUMENTS = {
    "add": (0.5,), "clamp": (-0.5, 0.5), "div": (2,), "eq": (0,), "fill": (0.25,), "lerp": ("image", 0.5),
    "masked_fill": ("mask", 0.5), "mul": (-2,), "pow": (2,), "sub": ("image",), "copy": ("image",),
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in IN_PLACE if name not in ("transpose", "squeeze", "unsqueeze")])
def test_operations_in_place(name):
    x = image(positive=name in ("sqrt", "log1p"))
    arguments = [given(argument) for argument in ARGUMENTS.get(name, ())]
    coded = jd.encode(x)
    other_name = coded
    result = getattr(coded, f"{name}_")(*arguments)
    assert result is coded
    assert_same(other_name, getattr(x.clone(), f"{name}_")(*arguments))


@pytest.mark.parametrize(
    "function", [torch.rand_like, torch.randn_like, torch.bernoulli, F.dropout, F.dropout2d, F.rrelu]
)
def test_random_numbers_are_drawn_as_for_pixels(function):
    # From 8 channels on, pixels come channels-last.
    x = pixels(2, 8, 19, 16).sigmoid()
    given = {"training": True} if function is F.rrelu else {}
    torch.manual_seed(3)
    expected = function(x, **given)
    torch.manual_seed(3)
    assert_same(function(jd.encode(x), **given), expected)


INDICES = [
    0, -1, slice(1, None), ..., None, (0, 1), (slice(None), 2), (slice(None), slice(1, 3)),
    (..., 3), (..., slice(2, 9)),
    (..., None), (0, ..., 1), (slice(None), [0, 2]), (slice(None), torch.tensor([1, 1, 0])),
    (slice(None),) * 4,
    (slice(None), slice(None), slice(None, None, 2)), (None, ..., None), (0, 1, 2, 3), torch.tensor([1, 0]),
    (1, [0, 3]),
    (slice(None), None, 1),
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_indexing(index):
    x = image()
    check(lambda y: y[index], x, ())
    one, other = x.clone(), jd.encode(x)
    one[index] = 0.5
    other[index] = 0.5
    assert_same(other, one)


@pytest.mark.parametrize("function", [torch.cat, torch.stack, torch.concat, torch.hstack, torch.vstack, torch.dstack])
@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("mixed", [False, True])
def test_joining(function, dim, mixed):
    one, two = image(), pixels(*SHAPE, seed=5)
    dims = () if "stack" in function.__name__ and function is not torch.stack else (dim,)
    check(
        lambda y: function([y, (two if mixed or not isinstance(y, jd.Activation) else jd.encode(two))], *dims), one, ()
    )


@pytest.mark.parametrize("order", [(0, 2, 3, 1), (2, 0, 3, 1), (2, 3, 0, 1)])
@pytest.mark.parametrize(
    "run",
    [
        lambda x: x + torch.arange(4.0, dtype=x.dtype),
        lambda x: x * x,
        F.relu,
        lambda x: x.mean((1, 2)),
        lambda x: x.mean(-1),
        lambda x: x.sum(0, keepdim=True),
        lambda x: F.linear(x, pixels(3, 4)) if x.shape[-1] == 4 else x,
        lambda x: F.layer_norm(x, x.shape[-1:]),
        lambda x: x.permute(3, 0, 1, 2).flip(2),
        lambda x: x[1:, None],
        lambda x: x.reshape(-1, x.shape[-1]),
        lambda x: torch.cat([x, x], -1),
    ],
)
def test_other_orders_of_axes(order, run):
    check(lambda y: run(y.permute(order)), image(), ())


@pytest.mark.parametrize("shape", [(19, 16), (4, 19, 16), (2, 2, 3, 19, 16)])
def test_other_numbers_of_axes(shape):
    x = pixels(*shape)
    for run in (
        torch.relu,
        lambda y: y + 1,
        lambda y: y.flip(-1),
        lambda y: y[..., 2:],
        lambda y: y.mean((-1, -2)),
        lambda y: y * y,
    ):
        check(run, x, ())
    if len(shape) == 3:
        check(lambda y: F.conv2d(y, pixels(4, 4, 3, 3), stride=2), x, ())
