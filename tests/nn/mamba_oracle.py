"""The ``Mamba`` module of mamba_ssm itself, on a CPU: an oracle for our own, far too slow for training.

``import mamba_ssm`` fails without triton and without its compiled extension. The module needs neither, so
``load`` skips the package's ``__init__``, which wants transformers too, puts empty modules in the place
of the two, takes the reference scan instead of the kernel, and takes all of it out of ``sys.modules`` again.

``make test-slow`` installs it in a folder of its own: without its dependencies (triton and CUDA libraries) it
fails ``pip check``, and transformers, where it finds mamba_ssm, calls its kernels even on a CPU, and fails.
"""

import importlib
import sys
from importlib.util import find_spec
from types import ModuleType

from torch import nn

STUBS = {
    "selective_scan_cuda": (),
    "mamba_ssm.ops.triton.layer_norm": ("_layer_norm_fwd", "RMSNorm", "layer_norm_fn", "rms_norm_fn"),
}


def load() -> type[nn.Module]:
    """Import mamba_ssm's ``Mamba``; build it with ``use_fast_path=False``.

    Raises:
        ModuleNotFoundError: If mamba_ssm is not installed.
    """
    spec = find_spec("mamba_ssm")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("mamba_ssm is not installed; `make test-slow` does it")
    for name, attributes in STUBS.items():
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(dict.fromkeys(attributes))
    package = sys.modules["mamba_ssm"] = ModuleType("mamba_ssm")
    package.__path__ = list(spec.submodule_search_locations)
    try:
        block = importlib.import_module("mamba_ssm.modules.mamba_simple")
        scans = importlib.import_module("mamba_ssm.ops.selective_scan_interface")
        vars(block)["selective_scan_fn"] = scans.selective_scan_ref
    finally:
        for name in list(sys.modules):
            if name.partition(".")[0] in ("mamba_ssm", "selective_scan_cuda"):
                del sys.modules[name]
    mamba: type[nn.Module] = block.Mamba
    return mamba
