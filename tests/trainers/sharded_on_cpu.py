"""Runs a program that trains under accelerate's FSDP2 on CPUs, and says what every process has of the model.

In: the program and its arguments, under `accelerate launch`. Out: what the program says, and a line a process: `rank R of N has X of Y weights`.
accelerate takes FSDP for what has several GPUs; here it is told that the processes have, and they talk over gloo, whose barrier knows no GPUs.
Everything else is accelerate's and PyTorch's own.
"""

import runpy
import sys

import accelerate
import torch
from accelerate import state
from accelerate.utils import DistributedType
from torch.distributed.tensor import DTensor

begin, barrier, prepare = state.PartialState.__init__, torch.distributed.barrier, accelerate.Accelerator.prepare


def begin_as_gpus(self, *arguments, **options):
    begin(self, *arguments, **options)
    if self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type = DistributedType.MULTI_GPU


def prepare_and_tell(self, *arguments, **options):
    prepared = prepare(self, *arguments, **options)
    for item in prepared if isinstance(prepared, (list, tuple)) else [prepared]:
        if isinstance(item, torch.nn.Module) and self.is_fsdp2:
            here = sum(weight.to_local().numel() for weight in item.parameters() if isinstance(weight, DTensor))
            n_weights = sum(weight.numel() for weight in item.parameters())
            print(f"rank {self.process_index} of {self.num_processes} has {here} of {n_weights} weights", flush=True)
    return prepared


state.PartialState.__init__ = begin_as_gpus
torch.distributed.barrier = lambda *arguments, device_ids=None, **options: barrier(*arguments, **options)
accelerate.Accelerator.prepare = prepare_and_tell
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
