#!/usr/bin/env bash
# transformers 5.23.0 and 5.24.0 name the argument for keys and values differently (`past_key_values`, `cache`), and the
# `**kwargs` of a forward swallow the name that is not theirs.
#
# Behaviour: under 5.23.0 `model(inputs_embeds=..., cache=cache)` raises nothing and warns of nothing; the cache stays empty
# and the states are those of a model that never saw the prefix. Under 5.24.0 the same call reads the prefix, and the old name
# is gone from `inspect.signature(model.forward)`, though it is still translated. Code written for one of them and run under the
# other computes another function with no error, so neither the call nor the signature tells what a model can do.
# Seen: 5.23.0 {'cache': 0 tokens kept, 'past_key_values': 3}; 5.24.0 {'cache': 3, 'past_key_values': 3}.
#
# seqreprog tries both names on three vectors and believes the one that fills the cache (sources/capabilities.py).
set -euo pipefail
place=$(mktemp -d) && trap 'rm -rf "$place"' EXIT
python3.11 -m venv "$place/env"
"$place/env/bin/pip" install --quiet "torch==2.13.0" "numpy==2.4.6" "transformers==5.23.0"
"$place/env/bin/pip" install --quiet --no-deps --target "$place/new" "transformers==5.24.0"
cat > "$place/look.py" <<'PY'
import inspect, torch, transformers
from transformers import DynamicCache, GPT2Config, GPT2Model

torch.manual_seed(0)
model = GPT2Model(GPT2Config(n_embd=32, n_layer=2, n_head=4, vocab_size=50)).eval()
words, kept = torch.randn(1, 3, 32), {}
for name in ("cache", "past_key_values"):
    cache = DynamicCache(config=model.config)
    with torch.no_grad():
        model(inputs_embeds=words, use_cache=True, **{name: cache})
    kept[name] = cache.get_seq_length()
shown = [name for name in kept if name in inspect.signature(model.forward).parameters]
print(transformers.__version__, kept, "in the signature:", shown)
PY
old=$("$place/env/bin/python" "$place/look.py" 2>/dev/null)
new=$(PYTHONPATH="$place/new" "$place/env/bin/python" "$place/look.py" 2>/dev/null)
printf '%s\n%s\n' "$old" "$new"
test "$old" = "5.23.0 {'cache': 0, 'past_key_values': 3} in the signature: ['past_key_values']"
test "$new" = "5.24.0 {'cache': 3, 'past_key_values': 3} in the signature: ['cache']"
