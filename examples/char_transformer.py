"""字符级 Transformer / A character-level transformer that learns to write like Python's licence.

    rushlight run examples/char_transformer.py

The text is the licence that every Python prints by `license()`: nothing is downloaded.
"""

import argparse
import builtins
import math
import time

import torch
from torch import nn
from torch.nn import functional as F


def licence_text():
    """The text behind `license()`, or its short form where Python came without the file."""
    printer = getattr(builtins, "license", None)
    if printer is not None and hasattr(printer, "_Printer__setup"):
        printer._Printer__setup()
        text = "\n".join(printer._Printer__lines)
        if len(text) > 5000:
            return text
    return "\n".join([str(getattr(builtins, "copyright", "")), __doc__] * 40)


class Block(nn.Module):
    """Attention to the characters before, then a small network on each."""

    def __init__(self, width, heads, dropout):
        super().__init__()
        self.before_attention = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)
        self.before_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(dropout)
        )

    def forward(self, x, mask):
        y = self.before_attention(x)
        x = x + self.attention(y, y, y, attn_mask=mask, need_weights=False)[0]
        return x + self.mlp(self.before_mlp(x))


class CharTransformer(nn.Module):
    """Characters in, scores for each next character out."""

    def __init__(self, vocabulary, context=64, width=64, heads=4, depth=2, dropout=0.1):
        super().__init__()
        self.context = context
        self.characters = nn.Embedding(vocabulary, width)
        self.places = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.scores = nn.Linear(width, vocabulary, bias=False)
        for table in (self.characters, self.places):
            nn.init.normal_(table.weight, std=0.05)  # small, so that learning begins at once
        mask = torch.full((context, context), -math.inf).triu(1)  # no looking ahead
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, text):  # (batch, time)
        steps = text.shape[1]
        x = self.characters(text) + self.places(torch.arange(steps, device=text.device))
        for block in self.blocks:
            x = block(x, self.mask[:steps, :steps])
        return self.scores(self.norm(x))  # (batch, time, vocabulary)

    @torch.no_grad()
    def write(self, text, length, temperature=0.8):
        """Continues the text by drawing one character at a time."""
        for _ in range(length):
            scores = self(text[:, -self.context :])[:, -1] / temperature
            drawn = torch.multinomial(F.softmax(scores, dim=-1), 1)
            text = torch.cat([text, drawn], dim=1)
        return text


def batch_of(data, size, context):
    """Random pieces of the text, and the same pieces one character later."""
    starts = torch.randint(0, len(data) - context - 1, (size,))
    window = torch.arange(context)
    pieces = starts[:, None] + window  # (size, context)
    return data[pieces], data[pieces + 1]


def options():
    parser = argparse.ArgumentParser(description="Train a tiny transformer on Python's licence.")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--context", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", type=int, default=200, help="characters to write at the end")
    return parser.parse_args()


def main():
    args = options()
    torch.manual_seed(args.seed)
    text = licence_text()
    alphabet = sorted(set(text))
    number = {letter: index for index, letter in enumerate(alphabet)}
    data = torch.tensor([number[letter] for letter in text])
    print(f"{len(text):,} characters, {len(alphabet)} different ones")

    model = CharTransformer(len(alphabet), context=args.context)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters")
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    warm = max(1, args.steps // 10)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, 1 - 0.9 * step / max(args.steps, 1))
    )
    began = time.perf_counter()
    for step in range(1, args.steps + 1):
        inputs, targets = batch_of(data, args.batch_size, args.context)
        scores = model(inputs)
        loss = F.cross_entropy(scores.flatten(0, 1), targets.flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        if step == 1 or step % max(1, args.steps // 10) == 0:
            seconds = time.perf_counter() - began
            print(f"step {step:4d}  loss {loss.item():.3f}  {seconds:.1f} s", flush=True)

    model.eval()
    start = torch.tensor([[number[letter] for letter in text[:8]]])
    written = "".join(alphabet[index] for index in model.write(start, args.write)[0].tolist())
    print("---\n" + written)


if __name__ == "__main__":
    main()
