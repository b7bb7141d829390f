#!/usr/bin/env bash
# What ts-host's `cuda` build needs, put into FOLDER, for a machine without a CUDA toolkit and without a GPU:
#
#     tests/cuda/toolkit.sh FOLDER
#     . FOLDER/environment
#     cargo build --release --workspace --bins --features ts-host/cuda
#
# CUDA's compiler, headers and libraries come from PyPI, 1.2 GB. The driver's library, libcuda.so, comes with a GPU's driver and from
# nowhere else, so a stub is made from CUDA's own header: it has every function by name, and each answers "this is a stub". What is
# linked against it takes the driver's library on a machine with a GPU. Started with the stub, it runs on the CPU, and finds no device.
#
# Needs python3 with pip, and gcc. FOLDER/environment keeps a CUDA_COMPUTE_CAP that is set; without one and without a GPU it is 90, an
# H100 or H200.
set -euo pipefail

if [ $# -ne 1 ]; then
  printf 'usage: %s FOLDER\n' "$0" >&2
  exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
cuda="$folder/nvidia/cu13"

python3 -m pip install --quiet --no-deps --upgrade --target "$folder" --requirement "$here/requirements.txt"

# Linkers look for names without a version, and some of CUDA's users for lib64.
for library in "$cuda"/lib/*.so.*; do
  name=$(basename "$library")
  ln -sfn "$name" "$cuda/lib/${name%%.so.*}.so"
done
ln -sfn lib "$cuda/lib64"

# The stub: every function that cuda.h declares, in each of the versions that a program may ask for. 34 is CUDA_ERROR_STUB_LIBRARY.
stubs="$cuda/lib/stubs"
mkdir -p "$stubs"
printf '#define __CUDA_API_VERSION_INTERNAL\n#include <cuda.h>\n' |
  gcc -E -P -I "$cuda/include" -x c - |
  grep -oE '\bcu[A-Z][A-Za-z0-9_]*[[:space:]]*\(' | tr -d ' (' | sort -u |
  sed 's/.*/int &(void) { return 34; }/' >"$stubs/libcuda.c"
gcc -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$stubs/libcuda.so" "$stubs/libcuda.c"
ln -sfn libcuda.so "$stubs/libcuda.so.1"

# The stub is on no path by itself, or it would hide a driver's library. To start a program without a driver, put it there:
# LD_LIBRARY_PATH="$CUDA_HOME/lib/stubs:$LD_LIBRARY_PATH" ts-host …
cat >"$folder/environment" <<END
export CUDA_HOME='$cuda'
export PATH="\$CUDA_HOME/bin:\$PATH"
export LD_LIBRARY_PATH="\$CUDA_HOME/lib\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
# What is built runs on this kind of GPU; where there is one, its own kind is taken.
command -v nvidia-smi >/dev/null || export CUDA_COMPUTE_CAP="\${CUDA_COMPUTE_CAP:-90}"
END
"$cuda/bin/nvcc" --version | tail -n 2
printf 'ready; now:  . %s/environment\n' "$folder"
