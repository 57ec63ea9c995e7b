"""NVIDIA's driver through ctypes: as much of it as one block of threads needs."""

import ctypes
from typing import Any

_NAMES = {"cuMemAlloc", "cuMemFree", "cuMemcpyHtoD", "cuMemcpyDtoH", "cuMemsetD8"}
_LOG, _LOG_SIZE = 5, 6  # what cuModuleLoadDataEx is told: where errors go, and how much room is
LOCAL, REGISTERS = 3, 4  # attributes of a function: bytes of a thread's own memory


def first() -> "Card | None":
    """The first card; None where there is no driver, or no card."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    count = ctypes.c_int(0)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return None
    return Card(driver)


class Card:
    """Memory and programs of one card; every refusal of the driver is an error with its text."""

    def __init__(self, driver: Any) -> None:
        self.driver, device, context = driver, ctypes.c_int(0), ctypes.c_void_p()
        self.call("cuInit", 0)
        self.call("cuDeviceGet", ctypes.byref(device), 0)
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self.call("cuCtxSetCurrent", context)

    def call(self, name: str, *args: Any, log: Any = None) -> None:
        """One of the driver's functions."""
        failed = getattr(self.driver, name + "_v2" * (name in _NAMES))(*args)
        if failed:
            text = ctypes.c_char_p()
            self.driver.cuGetErrorString(failed, ctypes.byref(text))
            why = (text.value or b"?").decode()
            raise RuntimeError(f"{name}: {why} ({failed})\n{log.value.decode() if log else ''}")

    # -- programs

    def load(self, ptx: bytes, name: str) -> ctypes.c_void_p:
        """A function of a text in PTX, compiled by the driver."""
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        log = ctypes.create_string_buffer(8192)
        options = (ctypes.c_int * 2)(_LOG, _LOG_SIZE)
        values = (ctypes.c_void_p * 2)(ctypes.addressof(log), len(log))
        self.call(
            "cuModuleLoadDataEx", ctypes.byref(module), ctypes.c_char_p(ptx), 2, options, values,
            log=log,
        )  # fmt: skip
        self.call("cuModuleGetFunction", ctypes.byref(function), module, name.encode())
        return function

    def attribute(self, function: ctypes.c_void_p, which: int) -> int:
        """What the driver's compiler says of a function."""
        found = ctypes.c_int()
        self.call("cuFuncGetAttribute", ctypes.byref(found), which, function)
        return found.value

    def launch(self, function: ctypes.c_void_p, threads: int, *addresses: int) -> None:
        """Run a function of addresses by one block, to its end."""
        held = [ctypes.c_uint64(a) for a in addresses]
        places = (ctypes.c_void_p * len(held))(*map(ctypes.addressof, held))
        self.call("cuLaunchKernel", function, 1, 1, 1, threads, 1, 1, 0, None, places, None)
        self.call("cuCtxSynchronize")

    # -- memory

    def room(self, size: int, fill: int = 0) -> int:
        """The address of so many bytes on the card, all of them `fill`."""
        place = ctypes.c_uint64()
        self.call("cuMemAlloc", ctypes.byref(place), ctypes.c_size_t(max(size, 1)))
        self.call("cuMemsetD8", place, ctypes.c_ubyte(fill), ctypes.c_size_t(max(size, 1)))
        return place.value

    def free(self, place: int) -> None:
        """Give memory back."""
        self.call("cuMemFree", ctypes.c_uint64(place))

    def put(self, place: int, address: int, size: int) -> None:
        """Bytes from this process's memory to the card's."""
        if size:
            given = ctypes.c_uint64(place), ctypes.c_void_p(address), ctypes.c_size_t(size)
            self.call("cuMemcpyHtoD", *given)

    def get(self, place: int, address: int, size: int) -> None:
        """Bytes from the card's memory to this process's."""
        if size:
            given = ctypes.c_void_p(address), ctypes.c_uint64(place), ctypes.c_size_t(size)
            self.call("cuMemcpyDtoH", *given)
