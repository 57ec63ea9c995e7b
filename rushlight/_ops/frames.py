"""Short-time Fourier transforms: a signal cut into frames, and put together again."""

from typing import Any

from .._core.kinds import DIFFERENTIABLE
from .._core.op import composite
from .complex_numbers import view_as_real
from .padding import circular_pad, constant_pad_nd, reflection_pad, replication_pad
from .transforms import fft_fft, fft_ifft, fft_irfft, fft_rfft

_PADS: dict[str, Any] = {
    "reflect": reflection_pad[1],
    "replicate": replication_pad[1],
    "circular": circular_pad,
    "constant": constant_pad_nd,
}


def _window(window: Any, length: int, n_fft: int, like: Any) -> Any:
    """The window (ones where none is given), in the middle of n_fft places."""
    if window is None:
        window = like.new_ones((length,))
    before = (n_fft - length) // 2
    return constant_pad_nd(window, (before, n_fft - length - before)) if n_fft != length else window


def _check_lengths(name: str, n_fft: int, hop: int, length: int, window: Any) -> None:
    if n_fft <= 0:
        raise RuntimeError(f"{name}: expected n_fft > 0, but got n_fft={n_fft}")
    if hop <= 0:
        raise RuntimeError(f"{name}: expected hop_length > 0, but got hop_length={hop}")
    if not 0 < length <= n_fft:
        raise RuntimeError(f"{name}: expected 0 < win_length <= n_fft, but got win_length={length}")
    if window is not None and (window.ndim != 1 or window.shape[0] != length):
        raise RuntimeError(
            f"{name}: expected a 1D window tensor of size equal to win_length={length}, but got"
            f" window with size {list(window.shape)}"
        )


@composite
def stft(
    input: Any, n_fft: int, hop_length: int | None = None, win_length: int | None = None,
    window: Any = None, center: bool = True, pad_mode: str = "reflect", normalized: bool = False,
    onesided: bool | None = None, return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Any:  # fmt: skip
    """Short-time Fourier transform: (..., time) -> (..., frequencies, frames).

    Args:
        input: (time) or (batch, time).
        n_fft: length of each transform.
        hop_length: steps between frames, n_fft // 4 by default.
        win_length, window: the window, in the middle of n_fft places.
        center: frames are centred on their time; the ends are padded by `pad_mode`.
        normalized: divide by sqrt(n_fft).
        onesided: only frequencies up to n_fft // 2 (the default for real input).
        return_complex: complex result; False gives real and imaginary parts in a last dimension.
    """
    hop, length = hop_length or n_fft // 4, win_length or n_fft
    whole_complex = input.is_complex() or (window is not None and window.is_complex())
    if return_complex is None:
        if not whole_complex:
            raise RuntimeError(
                "stft requires the return_complex parameter be given for real inputs, and will"
                " further require that return_complex=True in a future PyTorch release."
            )
        return_complex = True
    onesided = not whole_complex if onesided is None else onesided
    if input.ndim not in (1, 2):
        raise RuntimeError(f"stft: expected a 1D or 2D tensor, but got {input.ndim}D")
    _check_lengths("stft", n_fft, hop, length, window)
    x = input if input.ndim == 2 else input.unsqueeze(0)
    if center:
        half = n_fft // 2
        x = _PADS[pad_mode](x.unsqueeze(0), (half, half)).squeeze(0)
    if x.shape[-1] < n_fft:
        raise RuntimeError(
            f"stft: expected 0 < n_fft <= {x.shape[-1]}, but got n_fft={n_fft}: the signal is"
            " shorter"
        )
    frames = x.unfold(-1, n_fft, hop)  # (batch, frames, n_fft)
    if window is not None or length < n_fft:
        frames = frames * _window(window, length, n_fft, x)
    norm = "ortho" if normalized else None
    made = (fft_rfft if onesided else fft_fft)(frames, norm=norm).transpose(1, 2)
    made = made if input.ndim == 2 else made.squeeze(0)
    return made if return_complex else view_as_real(made)


@composite
def istft(
    input: Any, n_fft: int, hop_length: int | None = None, win_length: int | None = None,
    window: Any = None, center: bool = True, normalized: bool = False, onesided: bool | None = None,
    length: int | None = None, return_complex: bool = False,
) -> Any:  # fmt: skip
    """Inverse of `stft`: (..., frequencies, frames) -> (..., time), by overlap and add.

    Args:
        input: complex (frequencies, frames) or (batch, frequencies, frames).
        length: how much of the signal to give; the rest is cut or zero.
    """
    hop, size = hop_length or n_fft // 4, win_length or n_fft
    if not input.is_complex():
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with "
            "return_complex=True."
        )
    if onesided is None:
        onesided = input.shape[-2] != n_fft
    _check_lengths("istft", n_fft, hop, size, window)
    x = input if input.ndim == 3 else input.unsqueeze(0)
    wanted = n_fft // 2 + 1 if onesided else n_fft
    if x.shape[1] != wanted:
        raise RuntimeError(
            "istft: expected the frequency dimension (3rd to the last) of the input tensor to"
            f" match n_fft / 2 + 1 when onesided=True (n_fft otherwise), but got {x.shape[1]}"
        )
    norm = "ortho" if normalized else None
    x = x.transpose(1, 2)  # (batch, frames, frequencies)
    if return_complex:
        frames = fft_ifft(x, norm=norm)
    else:
        frames = fft_irfft(x if onesided else x[..., : n_fft // 2 + 1], n_fft, norm=norm)
    taper = _window(window, size, n_fft, frames if not return_complex else frames.real)
    signal = _overlapped(frames * taper, hop)
    weight = _overlapped((taper * taper).expand(1, frames.shape[1], n_fft), hop)
    start = n_fft // 2 if center else 0
    total = signal.shape[-1]
    end = min(start + length, total) if length is not None else (total - start if center else total)
    signal, weight = signal[:, start:end], weight[:, start:end]
    if weight.shape[-1]:
        DIFFERENTIABLE.check(
            weight.abs() > 1e-11, "istft: window overlap add min: 1; some time is in no window"
        )
    made = signal / weight
    if length is not None and made.shape[-1] < length:
        made = constant_pad_nd(made, (0, length - made.shape[-1]))
    return made if input.ndim == 3 else made.squeeze(0)


def _overlapped(frames: Any, hop: int) -> Any:
    """Frames (batch, frames, size) added where they lie in time: (batch, time)."""
    batch, count, size = frames.shape
    return DIFFERENTIABLE.unwindows(frames, (batch, (count - 1) * hop + size), (hop,), (1,))
