"""One peer draws n responses to one prompt, on one thread, in a process of its own.

    python sampling.py JOB

In: a job as JSON, `{"engine", "dtype", "model", "prompt", "draws": [[n, new_tokens], …]}`; `model` is a Hugging Face folder, for
llama.cpp a GGUF file. Out: its last line, JSON with the version, what it was set to, and for each n the tokens and the processor
seconds of drawing them.

Each n is drawn four times: one new token to warm up, one twice more, and `new_tokens` + 1. What the last takes beyond the mean of the two
before it is `new_tokens` tokens of each draw, without loading and reading the prompt.
"""

import json
import os
import sys
import time

from usage import cpu_seconds, peak_rss_mib

THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


class Transformers:
    """`generate` of transformers, with its key-value cache and its default attention."""

    def __init__(self, job):
        import torch
        import transformers

        torch.set_num_threads(1)
        torch.manual_seed(0)
        self.torch = torch
        self.version = f"transformers {transformers.__version__}, PyTorch {torch.__version__}"
        dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[job["dtype"]]
        self.model = transformers.AutoModelForCausalLM.from_pretrained(job["model"], dtype=dtype).eval()
        self.model.generation_config.eos_token_id = None
        self.prompt = torch.tensor([job["prompt"]])
        self.settings = f"attention {self.model.config._attn_implementation}"

    def draw(self, n, new_tokens):
        prompts = self.prompt.expand(n, -1).contiguous()
        with self.torch.inference_mode():
            out = self.model.generate(
                prompts, attention_mask=self.torch.ones_like(prompts), do_sample=True, temperature=1.0, top_k=0, top_p=1.0,
                max_new_tokens=new_tokens, pad_token_id=0,
            )
        assert out.shape == (n, prompts.shape[1] + new_tokens), out.shape


class LlamaCpp:
    """llama.cpp by its C interface: the prompt once, copied to n sequences, then one batch of n tokens a step; its own sampler.

    `sampler_seconds` is how much of the last `draw` went into choosing tokens.
    """

    def __init__(self, job):
        import llama_cpp as api

        self.api = api
        self.version = f"llama-cpp-python {api.__version__}"
        api.llama_backend_init()
        self.log = api.llama_log_callback(lambda *_: None)
        api.llama_log_set(self.log, None)
        self.model = api.llama_model_load_from_file(job["model"].encode(), api.llama_model_default_params())
        if not self.model:
            sys.exit(f"llama.cpp does not load {job['model']}")
        self.prompt, self.context, self.length = job["prompt"], None, len(job["prompt"]) + max(new_tokens for _, new_tokens in job["draws"]) + 1
        self.settings = "flash attention, a cache a sequence"

    def open(self, n):
        api = self.api
        params = api.llama_context_default_params()
        params.n_ctx = n * -(-self.length // 256) * 256
        params.n_seq_max, params.n_batch, params.n_ubatch = n, 512, 512
        params.n_threads = params.n_threads_batch = 1
        params.flash_attn_type, params.kv_unified = 1, False  # the fastest of the three that were tried
        if self.context:
            api.llama_free(self.context)
        self.context = api.llama_init_from_model(self.model, params)
        assert self.context, "llama.cpp makes no context"
        self.sampler = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())
        api.llama_sampler_chain_add(self.sampler, api.llama_sampler_init_temp(1.0))
        api.llama_sampler_chain_add(self.sampler, api.llama_sampler_init_dist(0))

    def decode(self, batch, rows):
        """`rows` are (token, position, sequence, whether its logits are wanted)."""
        batch.n_tokens = len(rows)
        for at, (token, position, sequence, wanted) in enumerate(rows):
            batch.token[at], batch.pos[at], batch.n_seq_id[at] = token, position, 1
            batch.seq_id[at][0], batch.logits[at] = sequence, wanted
        code = self.api.llama_decode(self.context, batch)
        assert code == 0, f"llama_decode: {code}"

    def draw(self, n, new_tokens):
        api = self.api
        self.open(n)
        batch = api.llama_batch_init(512, 0, 1)
        last = len(self.prompt) - 1
        self.decode(batch, [(token, at, 0, at == last) for at, token in enumerate(self.prompt)])
        memory = api.llama_get_memory(self.context)
        for sequence in range(1, n):
            api.llama_memory_seq_cp(memory, 0, sequence, -1, -1)
        self.sampler_seconds, places = 0.0, [last] * n
        for step in range(new_tokens):
            started = time.process_time()
            tokens = [api.llama_sampler_sample(self.sampler, self.context, place) for place in places]
            self.sampler_seconds += time.process_time() - started
            if step + 1 < new_tokens:
                self.decode(batch, [(token, last + 1 + step, at, True) for at, token in enumerate(tokens)])
                places = range(n)
        api.llama_batch_free(batch)
        api.llama_sampler_free(self.sampler)


class Vllm:
    """vLLM's CPU build, offline; its compiled mode, as it comes."""

    def __init__(self, job):
        os.environ.update({
            "VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "WARNING",
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1",
        })
        import torch
        import vllm

        self.version = f"vLLM {vllm.__version__}, PyTorch {torch.__version__}"
        self.prompt, self.parameters = {"prompt_token_ids": job["prompt"]}, vllm.SamplingParams
        dtype = {"f32": "float32", "bf16": "bfloat16"}[job["dtype"]]
        self.engine = vllm.LLM(
            model=job["model"], dtype=dtype, max_model_len=256, max_num_seqs=max(n for n, _ in job["draws"]), seed=0, skip_tokenizer_init=True,
        )
        self.settings = "in one process, compiled, a cache of 1 GiB"

    def draw(self, n, new_tokens):
        wanted = self.parameters(n=n, temperature=1.0, top_p=1.0, max_tokens=new_tokens, ignore_eos=True, detokenize=False)
        (out,) = self.engine.generate([self.prompt], wanted, use_tqdm=False)
        lengths = [len(each.token_ids) for each in out.outputs]
        assert lengths == [new_tokens] * n, lengths


ENGINES = {"transformers": Transformers, "llama.cpp": LlamaCpp, "vllm": Vllm}


def main():
    job = json.loads(sys.argv[1])
    os.environ.update(THREADS)
    engine = ENGINES[job["engine"]](job)

    def seconds(n, new_tokens):
        started = cpu_seconds()
        engine.draw(n, new_tokens)
        return cpu_seconds() - started

    measured = {}
    for n, new_tokens in job["draws"]:
        seconds(n, 1)
        one = (seconds(n, 1) + seconds(n, 1)) / 2
        spent = seconds(n, new_tokens + 1) - one
        measured[n] = {"tokens": n * new_tokens, "cpu_seconds": spent, "peak_rss_mib": peak_rss_mib()}
        if hasattr(engine, "sampler_seconds"):
            measured[n]["sampler_seconds"] = engine.sampler_seconds
    print(json.dumps({"version": engine.version, "settings": engine.settings, "measured": measured}), flush=True)
    os._exit(0)  # engines that are slow to end, or that end badly, have nothing more to say


if __name__ == "__main__":
    main()
