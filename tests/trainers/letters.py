"""A tokenizer that knows a few letters, made on the spot.

In: nothing. Out: [`tokenizer`].
"""

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

# What the grader of tests/trainers/main.rs makes of a response that begins so: 0 to 7/8 for `a` to `h`, a loop for `l`, a crash for
# `t`, a bad reference for `r`.
LETTERS = "abcdefghltr"
CHAT = "{% for message in messages %}{{ message.content }} {% endfor %}"


def tokenizer():
    words = {word: index for index, word in enumerate(["<pad>", "<end>", "<unk>", *LETTERS])}
    made = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {"pad_token": "<pad>", "eos_token": "<end>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=made, chat_template=CHAT, **special)
