"""What the peers read: a copy of SmolLM2 that does not stop, random weights of Qwen2.5-0.5B's shape, and GGUF files of both.

    python checkpoints.py random FOLDER
    python checkpoints.py endless FOLDER COPY
    python checkpoints.py gguf FOLDER bf16|q8_0 FILE

`random` needs torch and transformers; `gguf` needs numpy and the package `gguf`; `endless` nothing. The GGUF files have no tokenizer:
the peers take ids.
"""

import json
import shutil
import struct
import sys
from pathlib import Path

RARE = 16  # an id that SmolLM2 practically never draws
PARTS = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
}


def endless(folder, copy):
    """The same checkpoint, except that its end-of-text id is one that is practically never drawn."""
    copy.mkdir(parents=True, exist_ok=True)
    for file in filter(Path.is_file, folder.iterdir()):
        shutil.copy(file, copy / file.name)
    for name in "config.json", "generation_config.json":
        if (copy / name).exists():
            config = json.loads((copy / name).read_text())
            (copy / name).write_text(json.dumps(config | {"eos_token_id": RARE}, indent=2) + "\n")


def random(folder):
    """Qwen2.5-0.5B's shape with random weights in bf16, and a tokenizer of bytes: fewer ids than the model has, as Qwen2.5's own."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    n_ids = 151_936
    vocabulary = {letter: at for at, letter in enumerate(alphabet)}
    vocabulary |= {f"<{at}>": at for at in range(len(alphabet), n_ids - 1)}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>").save_pretrained(folder)
    end = n_ids - 1
    config = Qwen2Config(
        vocab_size=n_ids, hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
        num_key_value_heads=2, max_position_embeddings=32_768, tie_word_embeddings=True, bos_token_id=None, eos_token_id=end,
    )
    Qwen2ForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)


def tensors(path):
    """Name and f32 values of each bf16 tensor of a safetensors file."""
    import numpy as np

    data = np.memmap(path, np.uint8, "r")
    (size,) = struct.unpack("<Q", data[:8].tobytes())
    for name, about in json.loads(data[8 : 8 + size].tobytes()).items():
        if name == "__metadata__":
            continue
        assert about["dtype"] == "BF16", f"{name}: {about['dtype']}"
        start, end = (8 + size + offset for offset in about["data_offsets"])
        bits = np.frombuffer(data[start:end].tobytes(), np.uint16).astype(np.uint32) << 16
        yield name, bits.view(np.float32).reshape(about["shape"])


def gguf_name(name):
    whole = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    if name in whole:
        return whole[name]
    _, _, layer, part = name.split(".", 3)
    stem, kind = part.rsplit(".", 1)
    return f"blk.{layer}.{PARTS[stem]}.{kind}"


def paired(weight, n_heads):
    """Llama's rotary embedding in llama.cpp pairs neighbouring rows of a head; Hugging Face pairs row i with row i + half."""
    return weight.reshape(n_heads, 2, weight.shape[0] // n_heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def gguf(folder, dtype, path):
    """Matrices in `dtype`, vectors in f32, as llama.cpp's converter writes them."""
    import gguf as format

    config = json.loads((folder / "config.json").read_text())
    family = config["model_type"]
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    theta = config.get("rope_theta") or config["rope_parameters"]["rope_theta"]
    out = format.GGUFWriter(path, family)
    out.add_context_length(config["max_position_embeddings"])
    out.add_embedding_length(config["hidden_size"])
    out.add_block_count(config["num_hidden_layers"])
    out.add_feed_forward_length(config["intermediate_size"])
    out.add_head_count(heads)
    out.add_head_count_kv(kv_heads)
    out.add_rope_dimension_count(config["hidden_size"] // heads)
    out.add_rope_freq_base(theta)
    out.add_layer_norm_rms_eps(config["rms_norm_eps"])
    out.add_vocab_size(config["vocab_size"])
    out.add_tokenizer_model("no_vocab")
    kinds = {"bf16": format.GGMLQuantizationType.BF16, "q8_0": format.GGMLQuantizationType.Q8_0}
    out.add_file_type({"bf16": format.LlamaFileType.MOSTLY_BF16, "q8_0": format.LlamaFileType.MOSTLY_Q8_0}[dtype])
    for name, values in tensors(folder / "model.safetensors"):
        if family == "llama" and "q_proj" in name:
            values = paired(values, heads)
        if family == "llama" and "k_proj" in name:
            values = paired(values, kv_heads)
        if values.ndim == 1:
            out.add_tensor(gguf_name(name), values)
        else:
            out.add_tensor(gguf_name(name), format.quantize(values, kinds[dtype]), raw_dtype=kinds[dtype])
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def main():
    match sys.argv[1:]:
        case ["random", folder]:
            random(Path(folder))
        case ["endless", folder, copy]:
            endless(Path(folder), Path(copy))
        case ["gguf", folder, dtype, path]:
            gguf(Path(folder), dtype, Path(path))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
