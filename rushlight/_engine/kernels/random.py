"""The Mersenne Twister as a kernel: the words that `_core/rng.py` draws, many times as fast.

The state is NumPy's own, in its memory (`MT19937().ctypes.state_address`): 624 words and the place
of the next one, so that eager and compiled draws go on from each other. A new word depends on words
397 and 624 places back, hence vectors of neighbours are independent of each other.
(Matsumoto and Nishimura, ACM Trans. Model. Comput. Simul. 8, 1998.)
"""

from dataclasses import dataclass

from ..builder import I32, I64, U32, Function, Val, once
from .nest import Operand, opened

STATE = 624  # words of the state; the next one's place lies behind them
_FAR = 397


@dataclass(slots=True)
class Draw:
    """The next words of a stream: `state` is its memory, as NumPy's MT19937 keeps it."""

    state: Operand
    out: Operand
    count: int
    width: int  # bits of a word: 32 or 64


def work(told: Draw) -> int:
    return 4 * told.count


def write(f: Function, told: Draw) -> None:
    """The body of the kernel that draws words.

    The first thread draws alone; of the two halves of a long word the first is the high one.
    """
    with f.when(f.args[1].equals(0)):
        places = [opened(f, o) for o in (told.state, told.out)]
        f.call(_draw(f.module, told.width), *places, told.count * told.width // 32)


@once("state:ptr out:ptr count:i64")
def _draw(f: Function, width: int) -> None:
    """A function (state, out, how many 32-bit words), one for each width."""
    state, out, count = f.args
    block, place = f.buffer(U32, 2 * STATE), state.shifted(STATE, I32)
    done = f.var(I64, 1, 0)
    with f.forever() as end:
        f.leave_if(done.get() >= count, end)
        at = f.var(I64, 1, f.cast(f.load(place, I32), I64))
        with f.when(at.get() >= STATE):
            f.call(_advance(f.module), state, block)
            at.set(0)
        n = f.least(STATE - at.get(), count - done.get())
        _copy(f, state.shifted(at.get(), U32), out, done.get(), n, width == 64)
        f.store(place, f.cast(at.get() + n, I32))
        done.set(done.get() + n)


@once("state:ptr block:ptr")
def _advance(f: Function) -> None:
    """A function (state, block) that replaces all words of a state; `block` holds two states."""
    state, block = f.args
    lanes = min(f.target.lanes(4), 16)  # 624 is a multiple of 16
    with f.loop(0, STATE, lanes) as i:
        block.write(i, state.read(i, U32, lanes))
    with f.loop(0, STATE, lanes) as i:
        here, following, far = (block.read(i + k, U32, lanes) for k in (0, 1, _FAR))
        joined = (here & 0x80000000) | (following & 0x7FFFFFFF)
        odd = (0 - (following & 1)) & 0x9908B0DF
        made = far ^ (joined >> 1) ^ odd
        block.write(i + STATE, made)
        state.write(i, made)


def _tempered(y: Val) -> Val:
    y = y ^ (y >> 11)
    y = y ^ ((y << 7) & 0x9D2C5680)
    y = y ^ ((y << 15) & 0xEFC60000)
    return y ^ (y >> 18)


def _copy(f: Function, words: Val, out: Val, start: Val, n: Val, swapped: bool) -> None:
    """n words, tempered, to out[start:]; swapped: neighbours exchanged, the high half first."""
    lanes = f.target.lanes(4)

    def one(i: Val) -> None:
        at = start + i
        out.write(at ^ 1 if swapped else at, _tempered(words.read(i, U32)))

    head = f.least(start & 1, n) if swapped else f.index(0)  # the second half of a pair
    with f.loop(0, head) as i:
        one(i)
    whole = head + (n - head) // lanes * lanes
    with f.loop(head, whole, lanes) as i:
        made = _tempered(words.read(i, U32, lanes))
        if swapped:
            made = f.shuffle(made, made, [k ^ 1 for k in range(lanes)])
        out.write(start + i, made)
    with f.loop(whole, n) as i:
        one(i)
