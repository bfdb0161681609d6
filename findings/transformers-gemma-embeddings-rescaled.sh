#!/usr/bin/env bash
# transformers 5.3.0 multiplies `inputs_embeds` of Gemma by sqrt(hidden size) inside the model, 5.4.0 does not: its embedding
# layer does, so the path of token ids gives the same states under both and the path of `inputs_embeds` does not.
#
# Behaviour: one saved folder, the same bytes, the same vectors in, other hidden states out; neither an error nor a warning.
# Whatever was trained on soft tokens (prompt tuning, reprogramming) under one release answers otherwise under the other.
# Seen: largest difference of the states, ids 0, inputs_embeds above 0.1.
#
# seqreprog's saved models hold a canary that is asked again when they are loaded (fit/canary.py); it refuses this change.
set -euo pipefail
place=$(mktemp -d) && trap 'rm -rf "$place"' EXIT
python3.11 -m venv "$place/env"
"$place/env/bin/pip" install --quiet "torch==2.13.0" "numpy==2.4.6" "transformers==5.3.0"
"$place/env/bin/pip" install --quiet --no-deps --target "$place/new" "transformers==5.4.0"
cat > "$place/look.py" <<'PY'
import sys, torch, transformers
from transformers import GemmaConfig, GemmaModel

folder, out = sys.argv[1:]
if transformers.__version__ == "5.3.0":
    torch.manual_seed(0)
    config = GemmaConfig(
        vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=1, head_dim=8, initializer_range=0.15,
    )
    GemmaModel(config).save_pretrained(folder)
model = GemmaModel.from_pretrained(folder).eval()
ids = torch.tensor([[5, 6, 7, 8]])
soft = torch.randn(1, 4, 32, generator=torch.Generator().manual_seed(1))
with torch.no_grad():
    torch.save([model(input_ids=ids).last_hidden_state, model(inputs_embeds=soft).last_hidden_state], out)
PY
"$place/env/bin/python" "$place/look.py" "$place/model" "$place/old.pt" 2>/dev/null
PYTHONPATH="$place/new" "$place/env/bin/python" "$place/look.py" "$place/model" "$place/new.pt" 2>/dev/null
"$place/env/bin/python" - "$place" <<'PY'
import sys, torch

old, new = (torch.load(f"{sys.argv[1]}/{name}.pt") for name in ("old", "new"))
ids, soft = (float((one - other).abs().max()) for one, other in zip(old, new))
print(f"5.3.0 to 5.4.0, largest difference of the states: ids {ids:.1g}, inputs_embeds {soft:.2g}")
sys.exit(not (ids < 1e-5 and soft > 0.1))
PY
