"""Creation functions against the real PyTorch: values, dtypes, shapes, warnings and refusals."""

import array
import warnings

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

# Each line is run under both frameworks: equal results, or the same exception and first sentence.
LINES = """
torch.tensor(np.float64(1))
torch.tensor(np.float32(1))
torch.tensor([np.float64(1)])
torch.tensor([1.0,np.float64(1)])
torch.tensor([np.float64(1),1.0])
torch.tensor([np.int32(1)])
torch.tensor([np.int32(1),2])
torch.tensor([np.int8(1),2.5])
torch.tensor([torch.tensor(1.),2])
torch.tensor([torch.tensor(1,dtype=torch.int8),torch.tensor(2,dtype=torch.int8)])
torch.tensor([torch.tensor([1.]),torch.tensor([2.])])
torch.tensor([torch.tensor([1.,2.]),torch.tensor([2.,3.])])
torch.tensor(2**63)
torch.tensor([2**63])
torch.tensor(2**63, dtype=torch.uint64)
torch.tensor([2**64])
torch.tensor(-2**63)
torch.tensor(300,dtype=torch.uint8)
torch.tensor([300],dtype=torch.int8)
torch.tensor(-1,dtype=torch.uint8)
torch.tensor(1.5,dtype=torch.int64)
torch.tensor(float('nan'),dtype=torch.int64)
torch.tensor(1+2j,dtype=torch.float32)
torch.tensor(1e40)
torch.tensor(1e6,dtype=torch.float16)
torch.tensor([[1,2],[3]])
torch.tensor([[1,2],3])
torch.tensor([1,[2,3]])
torch.tensor('abc')
torch.tensor(['abc'])
torch.tensor([['a']])
torch.tensor(None)
torch.tensor([None])
torch.tensor({})
torch.tensor([{}])
torch.tensor({1})
torch.tensor([])
torch.tensor([[]])
torch.tensor([[],[]])
torch.tensor([],dtype=torch.int64)
torch.tensor(())
torch.tensor(range(3))
torch.tensor(array.array('d',[1,2]))
torch.tensor(b'abc')
torch.tensor(bytearray(b'abc'))
torch.tensor(memoryview(b'abc'))
torch.tensor(np.array([1,2],dtype=np.uint16))
torch.tensor(np.array(['a']))
torch.tensor(np.array([1,2])[::-1])
torch.tensor(np.array([1.],dtype='>f4'))
torch.tensor(torch.ones(2))
torch.tensor(torch.ones(2,requires_grad=True))
torch.tensor(torch.ones(2),dtype=torch.int32)
torch.tensor([1,2],requires_grad=True)
torch.tensor([1.,2],requires_grad=True)
torch.tensor([True,False])
torch.tensor([True,1])
torch.tensor([True,1.5])
torch.tensor([1,2j])
torch.tensor([1,2],dtype=torch.bool)
torch.tensor([1,2],dtype=float)
torch.tensor([1.5,2],dtype=int)
torch.tensor([1.5,2],dtype='float32')
torch.tensor([1.5,2],device='meta')
torch.tensor([1.5,2],pin_memory=True)
torch.tensor(1,2)
torch.tensor(data=1)
torch.tensor(type)
torch.tensor([type])
torch.tensor(iter([1]))
torch.tensor([1],dtype=torch.int64,foo=1)
torch.as_tensor([1,2])
torch.as_tensor(np.array([1.,2.]))
torch.as_tensor(np.float64(3))
torch.as_tensor(3,dtype=torch.float32)
torch.as_tensor(torch.ones(2),dtype=torch.int8)
torch.asarray([1,2])
torch.asarray(np.array([1.]),dtype=torch.float32,copy=False)
torch.asarray(torch.ones(2),copy=True)
torch.asarray(3.0)
torch.asarray(np.float64(2))
torch.asarray(bytearray(b'abcd'))
torch.from_numpy(np.array([1.,2.])[::-1])
torch.from_numpy(np.array(['a']))
torch.from_numpy([1])
torch.from_numpy(np.array([1.],dtype='>f4'))
torch.from_numpy(np.float64(1))
torch.from_numpy(np.broadcast_to(np.float32(1),(3,)))
torch.from_numpy(np.array(1.0))
torch.from_numpy(np.zeros((3,0)))
torch.from_numpy(np.zeros(3,dtype=[('a','f4')]))
torch.from_numpy(np.zeros(3,dtype='M8[s]'))
torch.from_numpy(np.zeros((3,4),order='F'))
torch.from_numpy(np.lib.stride_tricks.as_strided(np.zeros(20,np.int8).view(np.int8),(2,),(3,)))
torch.from_numpy(np.zeros(12,np.uint8)[1:9].view(np.int32))
torch.frombuffer(bytearray(b'abcdefgh'),dtype=torch.float32)
torch.frombuffer(bytearray(b'abcdefgh'),dtype=torch.int16,count=2,offset=2)
torch.frombuffer(bytearray(b'abcdefgh'),dtype=torch.int16,count=5)
torch.frombuffer(bytearray(b'abcdefgh'),dtype=torch.int16,offset=8)
torch.frombuffer(bytearray(b'abcdefg'),dtype=torch.int16)
torch.frombuffer(bytearray(b'abcdefgh'),dtype=torch.int16,count=0)
torch.frombuffer(b'',dtype=torch.int16)
torch.frombuffer(b'abcd',dtype=torch.int16)
torch.frombuffer('abcd',dtype=torch.int16)
torch.frombuffer(bytearray(b'abcdefgh'),dtype=torch.int32,requires_grad=True)
torch.zeros(2,3)
torch.zeros((2,3))
torch.zeros([2,3])
torch.zeros(torch.Size([2,3]))
torch.zeros(size=(2,3))
torch.zeros(torch.tensor(2),3)
torch.zeros(torch.tensor(2))
torch.zeros(torch.tensor([2]))
torch.zeros(np.int64(2))
torch.zeros(())
torch.zeros()
torch.zeros(-1)
torch.zeros(2,-3)
torch.zeros(2.0)
torch.zeros((2,3.))
torch.zeros('a')
torch.zeros(2,[3])
torch.zeros(True)
torch.zeros(2,dtype=torch.complex64)
torch.zeros(2,dtype=int)
torch.zeros(2,dtype=np.float32)
torch.zeros(2,requires_grad=True)
torch.zeros(2,dtype=torch.int64,requires_grad=True)
torch.zeros(2,3,out=torch.empty(1))
torch.zeros(2,3,out=torch.empty(2,3,dtype=torch.int64))
torch.zeros(2,3,out=torch.empty(2,3,dtype=torch.int64),dtype=torch.float32)
torch.zeros(2,3,layout=torch.strided)
torch.zeros(2,foo=1)
torch.empty(2,3,4,5,memory_format=torch.channels_last).stride()
torch.empty(2,3,memory_format=torch.channels_last)
torch.ones(2,3,memory_format=torch.channels_last)
torch.full((2,),3)
torch.full((2,),3.)
torch.full((2,),True)
torch.full((2,),1j)
torch.full(2,3)
torch.full((2,),torch.tensor(3.))
torch.full((2,),3,dtype=torch.float64)
torch.full((2,),3.7,dtype=torch.int64)
torch.full((2,),300,dtype=torch.uint8)
torch.full((2,),'a')
torch.full(size=(2,),fill_value=2)
torch.full_like(torch.ones(2,dtype=torch.int8),3.7)
torch.zeros_like(torch.ones(2,3).t())
torch.zeros_like(torch.ones(2,3,4)[:, ::2])
torch.zeros_like(torch.ones(2,1,4).expand(2,3,4))
torch.zeros_like(torch.ones(2,3).t(),memory_format=torch.contiguous_format)
torch.zeros_like(torch.ones(2),dtype=torch.int8)
torch.zeros_like([1,2])
torch.ones_like(torch.ones(2),requires_grad=True)
torch.ones(2).new_zeros(3)
torch.ones(2).new_zeros((3,))
torch.ones(2,dtype=torch.int8).new_full((2,),3.7)
torch.ones(2).new_tensor([1,2])
torch.ones(2,dtype=torch.int8).new_tensor([1.5,2])
torch.ones(2).new([1,2])
torch.empty_strided((2,3),(1,))
torch.empty_strided((2,3),(-1,2))
torch.arange(5)
torch.arange(5.)
torch.arange(1,5)
torch.arange(1,5,2)
torch.arange(1,2,0.1)
torch.arange(5,1)
torch.arange(5,1,-1)
torch.arange(1,5,0)
torch.arange(1,5,-1)
torch.arange(0)
torch.arange(end=5)
torch.arange(start=1,end=5)
torch.arange(0,1,0.3,dtype=torch.float64)
torch.arange(True)
torch.arange(torch.tensor(5))
torch.arange(torch.tensor(5.))
torch.arange(torch.tensor(5,dtype=torch.int8))
torch.arange(5,dtype=torch.float16)
torch.arange(5,dtype=torch.bool)
torch.arange(2,dtype=torch.bool)
torch.arange(float('nan'))
torch.arange(float('inf'))
torch.arange(1j)
torch.arange('a')
torch.arange()
torch.arange(1,2,3,4)
torch.arange(0,5,out=torch.empty(0))
torch.arange(-5,0.5,dtype=torch.int64)
torch.arange(0.5,5.5,dtype=torch.int64)
torch.arange(1.7,5.2,1.6,dtype=torch.int32)
torch.range(1,4)
torch.linspace(0,1,5)
torch.linspace(0,1,1)
torch.linspace(0,1,0)
torch.linspace(0,1,-1)
torch.linspace(3,10,5,dtype=torch.int64)
torch.linspace(0,10,4,dtype=torch.int32)
torch.linspace(0,1,5,dtype=torch.complex64)
torch.linspace(0,1j,5)
torch.linspace(torch.tensor(0),torch.tensor(1.),5)
torch.linspace(start=0,end=1,steps=3)
torch.logspace(0,2,3)
torch.logspace(0,2,3,base=2)
torch.logspace(0,3,4,dtype=torch.int64)
torch.logspace(0,1,1)
torch.eye(3)
torch.eye(2,3)
torch.eye(-1)
torch.eye(2,-1)
torch.eye(2,dtype=torch.bool)
torch.eye(2.)
torch.eye(2,m=3)
torch.complex(torch.ones(2),torch.ones(2))
torch.complex(torch.ones(2),torch.ones(2,dtype=torch.float64))
torch.complex(torch.ones(2,dtype=torch.int64),torch.ones(2,dtype=torch.int64))
torch.polar(torch.ones(2),torch.ones(2))
torch.polar(torch.ones(2,dtype=torch.int64),torch.ones(2,dtype=torch.int64))
torch.tril_indices(3,3)
torch.tril_indices(3,4,1)
torch.triu_indices(3,3,-1)
torch.tril_indices(-1,3)
torch.triu_indices(2,2,dtype=torch.float32)
torch.triu_indices(2,2,dtype=torch.int32)
torch.meshgrid(torch.arange(2),torch.arange(3))
torch.meshgrid(torch.arange(2),torch.arange(3),indexing='ij')
torch.meshgrid([torch.arange(2),torch.tensor(3)],indexing='xy')
torch.meshgrid(torch.arange(2),torch.ones(3),indexing='xy')
torch.meshgrid(torch.arange(2),torch.ones(2,2),indexing='ij')
torch.meshgrid(torch.arange(2),torch.arange(3),indexing='zz')
torch.meshgrid()
torch.cartesian_prod(torch.arange(2),torch.arange(3))
torch.cartesian_prod(torch.arange(2))
torch.cartesian_prod(torch.ones(2,2))
torch.combinations(torch.arange(4))
torch.combinations(torch.arange(4),3)
torch.combinations(torch.arange(3),2,with_replacement=True)
torch.combinations(torch.arange(3),0)
torch.combinations(torch.ones(2,2))
torch.combinations(torch.arange(3),-1)
torch.vander(torch.arange(1,4))
torch.vander(torch.arange(1,4),N=2,increasing=True)
torch.vander(torch.ones(2,2))
torch.vander(torch.tensor([.5,2.]),N=4)
torch.scalar_tensor(3)
torch.scalar_tensor(3.5,dtype=torch.int64)
torch.scalar_tensor([1])
torch.hann_window(5)
torch.hann_window(5,False)
torch.hann_window(1)
torch.hann_window(0)
torch.hann_window(-1)
torch.hann_window(5.)
torch.hamming_window(5,periodic=False,alpha=.5,beta=.4)
torch.blackman_window(4)
torch.bartlett_window(5)
torch.bartlett_window(4,False)
torch.kaiser_window(4)
torch.kaiser_window(5,False,8.)
torch.Tensor(2,3).shape
torch.Tensor([1,2])
torch.Tensor(torch.tensor([1,2]))
torch.Tensor(torch.tensor([1.,2]))
torch.Tensor()
torch.Tensor(3.5)
torch.Tensor((1,2))
torch.Tensor(torch.Size([2,3])).shape
torch.Tensor(np.array([1,2]))
torch.Tensor([[1,2],[3]])
torch.Tensor(5).shape
torch.Tensor('a')
torch.Tensor(None)
torch.Tensor([1],device='cpu')
torch.FloatTensor([1,2])
torch.FloatTensor(2,3).shape
torch.LongTensor([1,2])
torch.LongTensor([1.5])
torch.LongTensor(np.array([1,2]))
torch.LongTensor(np.array([1.5]))
torch.ByteTensor([1,255])
torch.BoolTensor([1,0])
torch.HalfTensor([1])
torch.BFloat16Tensor([1])
torch.IntTensor(3).shape
torch.FloatTensor
isinstance(torch.ones(2),torch.FloatTensor)
isinstance(torch.ones(2),torch.LongTensor)
torch.ones(2).type()
torch.FloatTensor()
torch.FloatTensor(2.5)
torch.FloatTensor(range(3))
torch.LongTensor(5).dtype
torch.FloatTensor.dtype
torch.FloatTensor([1,2],[3])
torch.LongTensor(torch.ones(2,dtype=torch.int64))
""".strip().splitlines()


def outcome(source, m):
    """What a line gives: a result that can be compared, or its exception; and its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            made = eval(source, {"torch": m, "np": np, "array": array})
        except Exception as error:
            made = error
    return made, [w.category.__name__ for w in caught]


def described(made):
    if isinstance(made, (rl.Tensor, torch.Tensor)):
        strides = made.stride() if made.numel() else None
        return repr(made), repr(made.dtype), tuple(made.shape), strides, made.requires_grad
    if isinstance(made, tuple):
        return tuple(described(x) for x in made)
    return repr(made)


def first_sentence(error):
    line = str(error).splitlines()[0].split(". ")[0]
    return line.split(", but expected one of")[0].rstrip(". ")


@pytest.mark.parametrize("source", LINES)
def test_line(source):
    (ours, our_warnings), (theirs, their_warnings) = outcome(source, rl), outcome(source, torch)
    if isinstance(theirs, Exception):
        assert type(ours) is type(theirs), ours
        assert str(ours).startswith(first_sentence(theirs))
        return
    assert not isinstance(ours, Exception), ours
    if "Tensor(" not in source or "shape" in source or "[" in source:
        assert described(ours) == described(theirs)
    if "meshgrid" not in source and "broadcast_to" not in source:  # PyTorch warns of these once
        assert our_warnings == their_warnings


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_sequences_are_equal_bit_for_bit(dtype):
    draw = np.random.default_rng(0)
    for _ in range(60):
        start, end = (float(v) for v in draw.normal(size=2) * 10.0 ** draw.integers(-2, 3))
        count = int(draw.integers(0, 200))
        step = abs(float(draw.normal())) + 0.01
        pairs = [
            [m.linspace(start, end, count, dtype=getattr(m, dtype)) for m in (rl, torch)],
            [
                m.arange(start, start + 40 * step, step, dtype=getattr(m, dtype))
                for m in (rl, torch)
            ],
        ]
        for ours, theirs in pairs:
            assert ours.double().tolist() == theirs.double().tolist()


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
def test_integer_sequences(dtype):
    draw = np.random.default_rng(0)
    for _ in range(60):
        low, high = sorted(int(v) for v in draw.integers(0, 200, 2))
        count = int(draw.integers(1, 60))
        for call in ("linspace", "arange"):
            step = count if call == "linspace" else 7
            ours, theirs = (
                getattr(m, call)(low, high, step, dtype=getattr(m, dtype)) for m in (rl, torch)
            )
            assert ours.tolist() == theirs.tolist()


WINDOWS = ["hann", "hamming", "blackman", "bartlett", "kaiser"]


@pytest.mark.parametrize("name", WINDOWS)
def test_windows(name):
    for n in (0, 1, 2, 7, 64):
        for periodic in (True, False):
            for dtype in ("float32", "float64"):
                ours, theirs = (
                    getattr(m, name + "_window")(n, periodic, dtype=getattr(m, dtype)).numpy()
                    for m in (rl, torch)
                )
                close = 2e-6 if dtype == "float32" else 1e-14  # PyTorch's float32 steps round
                np.testing.assert_allclose(ours, theirs, rtol=close, atol=close)


def test_memory_order_is_kept():
    for make in (
        lambda m: m.zeros(2, 3, 4).permute(2, 0, 1),
        lambda m: m.zeros(2, 3, 4)[:, ::2],
        lambda m: m.zeros(2, 1, 4).expand(2, 3, 4),
        lambda m: m.zeros(2, 3, 4, 5).transpose(1, 3)[:, 1:],
    ):
        ours, theirs = rl.empty_like(make(rl)), torch.empty_like(make(torch))
        assert ours.stride() == theirs.stride()


def test_gradients_of_grids():
    def run(m):
        x = m.arange(3.0).requires_grad_()
        y = m.ones(2, requires_grad=True)
        a, b = m.meshgrid(x, y, indexing="xy")
        p = m.polar(x, x * 2)
        (a * b * b).sum().backward()
        (p.real * p.imag).sum().backward()
        return x.grad.tolist(), y.grad.tolist(), type(p.grad_fn).__name__

    ours, theirs = run(rl), run(torch)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-5)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-5)


def test_dlpack_shares_memory_with_pytorch():
    theirs = torch.arange(4.0)
    ours = rl.from_dlpack(theirs)
    theirs[0] = 7
    assert ours.tolist() == [7.0, 1.0, 2.0, 3.0]
    mine = rl.arange(4.0)
    lent = torch.from_dlpack(mine)
    mine[1] = 9
    assert lent.tolist() == [0.0, 9.0, 2.0, 3.0]
